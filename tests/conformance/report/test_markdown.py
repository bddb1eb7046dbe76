"""The report as Markdown: what a job's summary shows, and that a target writes nothing but text into it."""

import html
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import conformance.properties  # noqa: F401  fills the registry
from conformance.outcome import Difference, Outcome, Refuted
from conformance.property import PROPERTIES
from conformance.report.deviations import Deviation
from conformance.report.markdown import LONGEST_DETAILS, MOST, as_markdown
from conformance.report.report import Report
from conformance.report.roots import Cause
from conformance.report.status import FAILED, UNUSABLE, WRONG_OPTION, Unjudged
from lstm_spec.clauses import Level
from tests.helpers.messages import EQUATIONS, HOSTILE
from tests.helpers.reports import make_report, make_verdict
from tests.helpers.specimens import said, target

HOLDS, SHOULD = make_verdict(Outcome.HOLDS), next(prop for prop in PROPERTIES if prop.level is Level.SHOULD)


def render(text: str) -> str:
    """As a reader sees it who takes HTML, and tables as GitHub has them."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)


def list_cells(text: str) -> list[list[str]]:
    """The cells of each row of the tables, as text."""
    rows = re.findall("<tr>(.*?)</tr>", render(text), re.S)
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", row, re.S)] for row in rows]


def refuted(prop: int = 0) -> Report:
    found = make_verdict(Outcome.REFUTED, prop=PROPERTIES[prop])
    assert found.refutation
    found.refutation.difference = Difference("y", {"t": 0}, 0.5, 1e-7, 0.75)
    return make_report(found, HOLDS, cause=Cause("The gates are swapped"))


def test_first_comes_the_statement_then_what_failed_then_the_families() -> None:
    report = refuted()
    seen = html.unescape(render(as_markdown([report], {})))
    parts = ("mine 2.0 (cpu)", report.statement, "What failed", "Likely cause", "<details>", "Clause families")
    places = [seen.index(part) for part in parts]
    assert places == sorted(places)
    assert "The gates are swapped" in seen


def test_a_failure_has_its_numbers() -> None:
    row = list_cells(as_markdown([refuted()], {}))[1]
    assert row[1:2] + row[3:] == ["float32", "0.5", "0.75", "± 1e-7", "2.5e6"]
    assert PROPERTIES[0].sentence in row[2] and "y is off" in row[2]


def test_the_families_count_the_verdicts_of_each_outcome() -> None:
    kept = [make_verdict(outcome) for outcome in (Outcome.HOLDS, Outcome.HOLDS, Outcome.NOT_CLAIMED, Outcome.ERRORED)]
    kept.append(make_verdict(Outcome.REFUTED, prop=SHOULD))
    rows = dict(cells for cells in list_cells(as_markdown([make_report(*kept)], {})) if len(cells) == 2)
    family = PROPERTIES[0].clauses[0].split("-")[0]
    assert rows[family] == "<strong>1 errored</strong>, 2 hold, 1 not claimed"
    assert rows[SHOULD.clauses[0].split("-")[0]] == "1 refuted SHOULD"


def test_every_heading_shows_the_status() -> None:
    seen = as_markdown([make_report(HOLDS), refuted(), make_report()], {"zzz": Unjudged("is nowhere", UNUSABLE)})
    assert re.findall("^## (.)", seen, re.M) == ["✅", "❌", "⚠", "⚠"]


# ---------------------------------------------------------------- what a target says is text


def say_everywhere(text: str) -> str:
    """A report in which a target says that wherever it can."""
    raised = make_verdict(Outcome.ERRORED, text)
    wrong = replace(make_verdict(Outcome.REFUTED, text), refutation=Refuted(text), dtype="float64")
    suite = make_verdict(Outcome.SUITE_ERROR, text)
    deviation = Deviation("CELL-1", text, text, Outcome.REFUTED, Path("x"), expires=date(2999, 1, 1))
    report = make_report(raised, wrong, suite, name=text, version=text, device=text, cause=Cause(text), mishaps=[text])
    findings = replace(report.findings, deviations=(deviation,), complaints=(text,))
    return as_markdown([replace(report, findings=findings)], {text: Unjudged(text, UNUSABLE)})


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_target_says_is_neither_markdown_nor_html(text: str) -> None:
    written = say_everywhere(text)
    plain = say_everywhere("plain")
    tags = re.compile(r"</?[a-zA-Z!][^>]*>")
    assert tags.findall(render(written)) == tags.findall(render(plain))
    assert [len(row) for row in list_cells(written)] == [len(row) for row in list_cells(plain)]
    assert all(c.isprintable() or c == "\n" for c in written)
    assert not re.search(
        r"https?://|www\.|@|\$", re.sub("<pre>.*?</pre>|<summary>.*?</summary>", "", written, flags=re.S)
    )


def test_a_text_without_end_is_cut() -> None:
    many = [make_verdict(Outcome.ERRORED, f"{k} {'<' * 10**6}", prop) for k, prop in enumerate(PROPERTIES[: MOST + 5])]
    written = as_markdown([make_report(*many)], {})
    assert len(written) < 15 * LONGEST_DETAILS * len("&lt;") and "and 5 more" in written


# ---------------------------------------------------------------- the command line


@pytest.mark.usefixtures("elsewhere")
def test_the_command_line_writes_it_over_an_old_one_and_over_nothing_else() -> None:
    file = Path("summary.md")
    asked = ("run", target("returns_nan"), "numpy", "zzz", *EQUATIONS, "--no-isolate", "--markdown", str(file))
    assert said(*asked)[0] == FAILED
    written = file.read_text(encoding="utf-8")
    assert re.findall("^## (.)", written, re.M) == ["❌", "✅", "⚠"] and "0&#46;" in written
    assert said("run", "numpy", "--clause", "NOPE-1", "--markdown", str(file))[0] == WRONG_OPTION and not file.exists()
    file.write_text("# My notes", encoding="utf-8")
    status, text = said(*asked)
    assert status == WRONG_OPTION and "it is there, and no former report" in text
    assert file.read_text(encoding="utf-8") == "# My notes"
