"""A report shows itself in Python and in a notebook as it does on the terminal."""

import html
import re
import sys
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

import conformance.properties  # noqa: F401  fills the registry
from conformance.cli import run
from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.report.text import print_report
from lstm_spec import Feature
from lstm_spec.clauses import Level
from tests.helpers.messages import EQUATIONS
from tests.helpers.reports import make_report, make_verdict
from tests.helpers.specimens import said, target

EVIL = "<script>alert(1)</script> [bold]&amp; </pre>"
REPORT = make_report(
    make_verdict(Outcome.REFUTED, EVIL), make_verdict(Outcome.HOLDS, "", PROPERTIES[1]), name=EVIL, mishaps=[EVIL]
)


def test_a_report_is_printed_as_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = StringIO()
    print_report(Console(file=terminal, width=150), REPORT)
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = str(REPORT)
    assert [line.rstrip() for line in terminal.getvalue().rstrip().split("\n")] == shown.split("\n")
    assert REPORT.text() == shown and "\x1b" not in shown
    assert REPORT.statement in shown and "REFUTED" in shown and EVIL in shown


def test_a_notebook_shows_the_same_with_colours_and_a_target_writes_no_html() -> None:
    shown = REPORT._repr_html_()
    assert set(re.findall("</?([a-z]+)", shown)) == {"pre", "span"} and shown.count("</pre>") == 1
    plain = html.unescape(re.sub("<[^>]*>", "", shown))
    assert [line.rstrip() for line in plain.rstrip().split("\n")] == REPORT.text().split("\n")
    assert "color: #800000" in shown


def test_nothing_is_printed_where_a_report_is_made_into_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert REPORT.text() and REPORT._repr_html_() and capsys.readouterr() == ("", "")


# ---------------------------------------------------------------- the terminal


def test_the_statement_comes_first_then_what_failed_then_the_table() -> None:
    shown = REPORT.text()
    places = [shown.index(part) for part in (REPORT.statement, "\nREFUTED  ", "\nproperty  ")]
    assert places == sorted(places) and shown.startswith(EVIL)


def test_a_should_is_counted_beside_what_is_refuted() -> None:
    should = next(prop for prop in PROPERTIES if prop.level is Level.SHOULD)
    outcomes = (Outcome.REFUTED, Outcome.HOLDS, Outcome.NOT_CLAIMED)
    verdicts = [make_verdict(outcome, prop=prop) for outcome, prop in zip(outcomes, PROPERTIES[:3], strict=True)]
    shown = make_report(*verdicts, make_verdict(Outcome.REFUTED, prop=should)).text()
    assert "  1 holds, 2 refuted (1 of a SHOULD), 1 not claimed; " in shown


def test_what_is_claimed_at_no_dtype_is_one_line() -> None:
    lengths = [prop for prop in PROPERTIES if prop.features[:1] == (Feature.LENGTHS,)]
    kept = [make_verdict(Outcome.NOT_CLAIMED, "it does not claim lengths", prop) for prop in lengths]
    half = [make_verdict(Outcome.NOT_CLAIMED, "", PROPERTIES[1]), make_verdict(Outcome.HOLDS, "", PROPERTIES[1])]
    shown = make_report(*kept, half[0], replace(half[1], dtype="float64")).text()
    folded = next(line for line in shown.splitlines() if line.startswith("not claimed"))
    assert folded.startswith(f"not claimed  {len(lengths)} properties: lengths, ")
    assert lengths[0].sentence not in shown and f"{PROPERTIES[1].sentence}  " in shown and "not claimed  holds" in shown
    assert "not claimed  " not in make_report(half[1]).text()


@pytest.mark.parametrize(("given", "on_a_terminal", "elsewhere"), [
    ((), False, True), (("--table",), True, True), (("--no-table",), False, False),
])  # fmt: skip
def test_the_table_is_printed_to_who_asks_and_to_who_pipes(
    given: tuple[str, ...], on_a_terminal: bool, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("run", "numpy", *EQUATIONS, "--no-isolate", *given)
    assert ("clauses" in said(*asked)[1]) == elsewhere
    monkeypatch.setattr(run, "make_console", lambda **how: Console(file=sys.stdout, force_terminal=True, width=150))
    text = said(*asked)[1]
    assert ("clauses" in text) == on_a_terminal and "holds on this selection" in text


def test_several_reports_are_apart() -> None:
    text = said("run", "numpy", target("plain"), *EQUATIONS, "--no-isolate", "--no-table")[1]
    assert len(re.findall("\n\n", text.strip())) == 3 and "\n\nplain" in text
