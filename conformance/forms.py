"""Reports as data for other programs: JSON and JUnit's XML."""

import importlib.metadata as metadata
import math
import platform
import re
from typing import Any

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from conformance.activations import as_data
from conformance.deviations import Deviation
from conformance.end_to_end import Row
from conformance.property import Outcome, Verdict
from conformance.report import PASSED, SUITE_ERROR, UNUSABLE, Report, Root, worst
from conformance.text import failure_lines
from lstm_spec import SPECIFICATION

JSON_VERSION = 1


def as_json(reports: list[Report], unusable: dict[str, str]) -> dict[str, Any]:
    """The reports as JSON data; `version` counts changes of this form."""
    return {
        "version": JSON_VERSION,
        "suite": metadata.version("lstm-spec"),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in ("numpy", "hypothesis")},
        "specification": SPECIFICATION,
        "exit_status": worst([r.status for r in reports] + [UNUSABLE] * len(unusable)),
        "targets": [_target(report) for report in reports],
        "unavailable": [{"name": name, "reason": reason} for name, reason in unusable.items()],
    }


def _target(report: Report) -> dict[str, Any]:
    about = report.description
    return {
        "name": report.name,
        "version": about.version,
        "device": about.device,
        "features": sorted(about.features),
        "shapes": {k: [size.start, size.stop, size.step] for k, size in vars(about.shapes).items()},
        "grades": {d: g if isinstance(g := about.grade(d), str) else vars(g) for d in about.dtypes},
        "profile": report.asked.profile,
        "seed": report.asked.seed,
        "whole": report.asked.whole,
        "statement": report.statement,
        "exit_status": report.status,
        "likely_cause": report.cause,
        "seconds": round(report.seconds, 3),
        "deviations": [_deviation(deviation, report) for deviation in report.deviations],
        "complaints": list(report.complaints),
        "activations": [as_data(found) for found in report.activations],
        "end_to_end": {dtype: [_row(row) for row in rows] for dtype, rows in report.end_to_end.items()},
        "verdicts": [_verdict(verdict, report) for verdict in report.verdicts],
    }


def _deviation(deviation: Deviation, report: Report) -> dict[str, Any]:
    return {
        **vars(deviation),
        "witness": str(deviation.witness),
        "expires": deviation.expires and str(deviation.expires),
        "judged": deviation in report.judged_deviations,
    }


def _row(row: Row) -> dict[str, Any]:
    return {k: _number(a) if isinstance(a, float) else a for k, a in row._asdict().items()}


def _number(value: float) -> float | str:
    """JSON has no infinity and no NaN."""
    return value if math.isfinite(value) else str(value)


def _verdict(verdict: Verdict, report: Report) -> dict[str, Any]:
    prop, refutation = verdict.property, verdict.refutation
    case = report.cases.get((prop.name, verdict.dtype))
    found = {
        "property": prop.name,
        "family": prop.family,
        "clauses": list(prop.clauses),
        "level": str(prop.level),
        "dtype": verdict.dtype,
        "outcome": str(verdict.outcome),
        "detail": verdict.detail,
        "examples": verdict.examples,
        "inconclusive": verdict.inconclusive,
        "declared": report.deviating(verdict),
        "case": None if case is None else str(case),
    }
    if refutation and refutation.clause:
        found["clause"] = refutation.clause
    if refutation and refutation.asked is not None:
        found["sizes"] = dict(zip("TBIH", refutation.asked.sizes, strict=True))
    if refutation and refutation.difference:
        difference = refutation.difference
        numbers = {k: _number(getattr(difference, k)) for k in ("expected", "allowed", "got", "ratio")}
        found["difference"] = {"quantity": difference.quantity, "where": difference.where, **numbers}
    return found


# ---------------------------------------------------------------- JUnit

NOT_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(reports: list[Report], unusable: dict[str, str]) -> JUnitXml:
    """A suite for each target and dtype, a case for each property, and a last one that fails where the whole does.

    What is not tried, never conclusive, allowed or declared is skipped with the reason.
    """
    xml = JUnitXml("lstm-conform")
    for report in reports:
        roots = {(root.verdict.property.name, root.verdict.dtype): root for root in report.roots}
        dtypes = report.asked.dtypes or ("no dtype",)
        for dtype in dtypes:
            suite = TestSuite(f"{report.origin.target if report.origin else report.name} {dtype}")
            verdicts = (v for v in report.verdicts if v.dtype == dtype)
            suite.add_testcases([_junit_case(report, v, roots.get((v.property.name, dtype))) for v in verdicts])
            if dtype == dtypes[-1]:
                suite.add_testcase(_whole(report.statement, report.status))
            xml.add_testsuite(suite)
    for target, reason in unusable.items():
        suite = TestSuite(target)
        suite.add_testcase(_whole(reason, UNUSABLE))
        xml.add_testsuite(suite)
    return xml


def _junit_case(report: Report, verdict: Verdict, root: Root | None) -> TestCase:
    case = TestCase(verdict.property.name, verdict.property.family, verdict.seconds)
    text = _plain("\n".join(failure_lines(report, root or Root(verdict, []))))
    detail = _plain(verdict.detail)
    if verdict.outcome is Outcome.HOLDS:
        return case
    if report.deviating(verdict):
        case.result = [Skipped(f"declared deviation: {detail}")]
    elif verdict in report.warnings:
        case.result = [Skipped(f"refuted, but only a SHOULD: {detail}")]
    elif verdict.outcome is Outcome.REFUTED:
        case.result = [_told(Failure(detail, "refuted"), text)]
    elif verdict.outcome in (Outcome.ERRORED, Outcome.SUITE_ERROR):
        case.result = [_told(Error(detail, str(verdict.outcome)), text)]
    else:
        case.result = [Skipped(f"{verdict.outcome}: {detail}")]
    return case


def _told(result: Failure | Error, text: str) -> Failure | Error:
    result.text = text
    return result


def _whole(statement: str, status: int) -> TestCase:
    case = TestCase("the whole", "statement")
    if status in (UNUSABLE, SUITE_ERROR):
        case.result = [Error(_plain(statement), f"exit status {status}")]
    elif status != PASSED:
        case.result = [Failure(_plain(statement), f"exit status {status}")]
    return case


def _plain(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
