"""Reports as JUnit's XML."""

import re

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from conformance.outcome import Outcome
from conformance.report.failures import failure_lines
from conformance.report.report import Report
from conformance.report.roots import Root
from conformance.report.status import BY_SIGNAL, PASSED, SUITE_ERROR, UNUSABLE, Unjudged
from conformance.verdict import Verdict

NOT_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(reports: list[Report], unjudged: dict[str, Unjudged]) -> JUnitXml:
    """A suite for each target and dtype, a case for each property, and a last case that fails if the target fails.

    What is not tried, never conclusive, allowed or declared is skipped with the reason.
    """
    xml = JUnitXml("lstm-conform")
    for report in reports:
        roots = {(root.verdict.property.name, root.verdict.dtype): root for root in report.roots}
        dtypes = report.findings.request.dtypes or ("no dtype",)
        for dtype in dtypes:
            target = report.origin.target if report.origin else report.findings.name
            suite = TestSuite(_replace_forbidden(f"{target} {dtype}"))
            verdicts = (v for v in report.verdicts if v.dtype == dtype)
            suite.add_testcases([_junit_case(report, v, roots.get((v.property.name, dtype))) for v in verdicts])
            if dtype == dtypes[-1]:
                suite.add_testcase(_whole_case(report.statement, report.status))
            xml.add_testsuite(suite)
    for target, (reason, status) in unjudged.items():
        suite = TestSuite(_replace_forbidden(target))
        suite.add_testcase(_whole_case(reason, status))
        xml.add_testsuite(suite)
    return xml


def _junit_case(report: Report, verdict: Verdict, root: Root | None) -> TestCase:
    case = TestCase(verdict.property.name, verdict.property.family, verdict.seconds)
    text = _replace_forbidden("\n".join(failure_lines(report, root or Root(verdict, []))))
    detail = _replace_forbidden(verdict.detail)
    if verdict.outcome is Outcome.HOLDS:
        return case
    if report.findings.is_declared(verdict):
        case.result = [Skipped(f"declared deviation: {detail}")]
    elif verdict in report.warnings:
        case.result = [Skipped(f"refuted, but only a SHOULD: {detail}")]
    elif verdict.outcome is Outcome.REFUTED:
        case.result = [_with_text(Failure(detail, "refuted"), text)]
    elif verdict.outcome in (Outcome.ERRORED, Outcome.SUITE_ERROR):
        case.result = [_with_text(Error(detail, str(verdict.outcome)), text)]
    else:
        case.result = [Skipped(f"{verdict.outcome}: {detail}")]
    return case


def _with_text(result: Failure | Error, text: str) -> Failure | Error:
    result.text = text
    return result


def _whole_case(statement: str, status: int) -> TestCase:
    case = TestCase("the whole", "statement")
    if status in (UNUSABLE, SUITE_ERROR) or status > BY_SIGNAL:
        case.result = [Error(_replace_forbidden(statement), f"exit status {status}")]
    elif status != PASSED:
        case.result = [Failure(_replace_forbidden(statement), f"exit status {status}")]
    return case


def _replace_forbidden(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
