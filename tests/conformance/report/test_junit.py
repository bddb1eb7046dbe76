"""JUnit's XML: what a CI job shows of a run is what the run said."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

import conformance.properties  # noqa: F401  fills the registry
from conformance.outcome import Outcome, Refuted
from conformance.property import PROPERTIES, Property
from conformance.report.deviations import Deviation
from conformance.report.failures import failure_lines
from conformance.report.findings import Findings, Request
from conformance.report.junit import as_junit
from conformance.report.report import Report
from conformance.report.status import FAILED, NOTHING, PASSED, SUITE_ERROR, UNUSABLE, Unjudged
from conformance.targets.origin import Origin
from conformance.verdict import Verdict
from lstm_spec import Description
from lstm_spec.clauses import Level
from tests.helpers.specimens import said

MUST, SHOULD = (next(prop for prop in PROPERTIES if prop.level is level) for level in (Level.MUST, Level.SHOULD))


def report_of(
    *verdicts: Verdict, deviations: tuple[Deviation, ...] = (), required: tuple[str, ...] = (), **about: Any
) -> Report:
    request = Request("quick", 0, ("float32", "float64"), is_whole=False, required=required)
    findings = Findings("mine", Description(), True, request, list(verdicts), deviations=deviations)
    return Report(findings, **{"origin": Origin("my_lstm:BACKEND", 0), **about})


def verdict(outcome: Outcome, prop: Property = MUST, dtype: str = "float32", detail: str = "y is off") -> Verdict:
    refutation = Refuted(detail) if outcome is Outcome.REFUTED else None
    return Verdict(prop, dtype, outcome, detail, seconds=0.25, refutation=refutation)


def read_back(report: Report, path: Path, unusable: dict[str, Unjudged] | None = None) -> JUnitXml:
    """What a reader of the file sees."""
    as_junit([report], unusable or {}).write(str(path))
    return JUnitXml.fromfile(str(path))


def only_case(report: Report, path: Path) -> TestCase:
    (suite, _) = read_back(report, path)
    return next(iter(suite))


def test_a_suite_is_a_target_at_a_dtype_and_a_case_a_property(tmp_path: Path) -> None:
    report = report_of(*(verdict(Outcome.HOLDS, dtype=dtype) for dtype in ("float32", "float64")))
    suites = list(read_back(report, tmp_path / "x.xml"))
    assert [suite.name for suite in suites] == ["my_lstm:BACKEND float32", "my_lstm:BACKEND float64"]
    cases = [(case.name, case.classname, case.time) for suite in suites for case in suite]
    one = (MUST.name, MUST.family, 0.25)
    assert cases == [one, one, ("the whole", "statement", None)]


RESULTS: dict[str, tuple[Verdict, type | None, str]] = {
    "holds": (verdict(Outcome.HOLDS), None, ""),
    "refuted": (verdict(Outcome.REFUTED), Failure, "y is off"),
    "errored": (verdict(Outcome.ERRORED), Error, "y is off"),
    "suite error": (verdict(Outcome.SUITE_ERROR), Error, "y is off"),
    "not claimed": (verdict(Outcome.NOT_CLAIMED), Skipped, "not claimed: y is off"),
    "inconclusive": (verdict(Outcome.INCONCLUSIVE), Skipped, "inconclusive: y is off"),
    "a refuted SHOULD": (verdict(Outcome.REFUTED, SHOULD), Skipped, "refuted, but only a SHOULD: y is off"),
}


@pytest.mark.parametrize("what", RESULTS)
def test_a_result_is_called_by_its_word(what: str, tmp_path: Path) -> None:
    found, kind, message = RESULTS[what]
    result = only_case(report_of(found), tmp_path / "x.xml").result
    assert [type(one) for one in result] == ([kind] if kind else [])
    assert [one.message for one in result] == ([message] if kind else [])
    assert [one.type for one in result if isinstance(one, Failure | Error)] == [what] * (kind in (Failure, Error))


def test_what_failed_is_told_as_on_the_terminal_without_markup(tmp_path: Path) -> None:
    report = report_of(verdict(Outcome.REFUTED))
    (result,) = only_case(report, tmp_path / "x.xml").result
    assert result.text == "\n".join(failure_lines(report, report.roots[0])) and "[bold" not in result.text
    assert "  because           y is off" in result.text


def test_a_declared_deviation_is_skipped_and_says_so(tmp_path: Path) -> None:
    known = Deviation(MUST.clauses[0], "why", "https://x.org/1", Outcome.REFUTED, Path("x"), expires=date(2999, 1, 1))
    (result,) = only_case(report_of(verdict(Outcome.REFUTED), deviations=(known,)), tmp_path / "x.xml").result
    assert isinstance(result, Skipped) and result.message == "declared deviation: y is off"


def test_what_xml_cannot_hold_is_replaced(tmp_path: Path) -> None:
    strange = verdict(Outcome.ERRORED, detail="bell \x07, null \0, <tag> & \x1b[31mred\x1b[0m")
    (result,) = only_case(report_of(strange), tmp_path / "x.xml").result
    assert result.message == "bell \N{REPLACEMENT CHARACTER}, null \N{REPLACEMENT CHARACTER}, <tag> & " + (
        "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}[0m"
    )


WHOLES: dict[str, tuple[Report, int, type | None]] = {
    "passes": (report_of(verdict(Outcome.HOLDS)), PASSED, None),
    "is refuted": (report_of(verdict(Outcome.REFUTED)), FAILED, Failure),
    "leaves nothing to test": (report_of(verdict(Outcome.NOT_CLAIMED)), NOTHING, Failure),
    "lacks what is required": (
        report_of(verdict(Outcome.HOLDS), required=("lengths",)),
        FAILED,
        Failure,
    ),
    "is a failure of ours": (report_of(verdict(Outcome.SUITE_ERROR)), SUITE_ERROR, Error),
}


@pytest.mark.parametrize("what", WHOLES)
def test_the_last_case_is_the_whole(what: str, tmp_path: Path) -> None:
    report, status, kind = WHOLES[what]
    assert report.status == status
    *_, last = [case for suite in read_back(report, tmp_path / "x.xml") for case in suite]
    assert last.name == "the whole" and [type(one) for one in last.result] == ([kind] if kind else [])
    assert [(one.message, one.type) for one in last.result] == [(report.statement, f"exit status {status}")] * bool(
        kind
    )


def test_a_target_without_a_dtype_is_not_green(tmp_path: Path) -> None:
    findings = Findings("mine", Description(dtypes=()), True, Request("quick", 0, ()))
    report = replace(report_of(), findings=findings)
    (suite,) = read_back(report, tmp_path / "x.xml")
    assert suite.name == "my_lstm:BACKEND no dtype" and (suite.tests, suite.failures) == (1, 1)


def test_a_target_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    *_, last = read_back(
        report_of(verdict(Outcome.HOLDS)), tmp_path / "x.xml", {"zzz": Unjudged("target 'zzz' is nowhere")}
    )
    (case,) = last
    assert last.name == "zzz" and isinstance(case.result[0], Error) and case.result[0].message.endswith("is nowhere")
    assert case.result[0].type == f"exit status {UNUSABLE}"


def test_the_command_line_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    asked = (
        "--profile",
        "quick",
        "--examples",
        "2",
        "-k",
        "the_answer_is_that_of_the_equations",
        "--out",
        str(tmp_path),
    )
    status, _ = said("run", "numpy", "zzz", "tests.helpers.specimens:returns_nan", *asked, "--junit", str(path))
    xml = JUnitXml.fromfile(str(path))
    xml.update_statistics()
    names = [suite.name for suite in xml]
    assert names == ["numpy float32", "tests.helpers.specimens:returns_nan float32", "zzz"]
    assert status == FAILED and (xml.tests, xml.failures, xml.errors, xml.skipped) == (5, 2, 1, 0)


@pytest.mark.parametrize("target", ["a\x1b[31m:b\0", "half\ud800", "title\x1b]0;x\x07"])
def test_a_target_of_any_name_is_a_suite_that_can_be_read(target: str, tmp_path: Path) -> None:
    report = report_of(verdict(Outcome.HOLDS), origin=Origin(target, 0))
    *suites, unusable = read_back(report, tmp_path / "x.xml", {target: Unjudged("it is gone")})
    assert suites[0].name.isprintable() and unusable.name == suites[0].name.removesuffix(" float32")
