"""A report shows itself in Python and in a notebook as it does on the terminal."""

import html
import re
from io import StringIO

import pytest
from rich.console import Console

import conformance.properties  # noqa: F401  fills the registry
from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.report.text import print_report
from tests.helpers.reports import make_report, make_verdict

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
