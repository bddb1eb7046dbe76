"""The whole of one target: the report that follows from the verdicts of all its tests, and what to say of it."""

from collections import ChainMap, defaultdict
from dataclasses import replace
from typing import NamedTuple

from conformance.plugin.delivery import Delivered, choose_worst
from conformance.plugin.lender import Lender
from conformance.plugin.selected import Asked, list_asked
from conformance.property import PROPERTIES
from conformance.report.failures import failure_lines
from conformance.report.report import Report
from conformance.report.status import PASSED
from conformance.run.check import conclude_report, prepare_findings
from conformance.verdict import Verdict
from lstm_spec.contract import DTYPES

NAMED = 3  # tests without a verdict that are named


class Whole(NamedTuple):
    """What came of the tests of one target."""

    report: Report
    asked: int  # tests that were selected
    lost: list[Asked]  # that left no verdict
    silence: str = ""  # what pytest says of one of them
    is_cut: bool = False  # whether pytest stopped early

    @property
    def has_failed(self) -> bool:
        """Whether a verdict counts against the target, or is missing though pytest ran to its end."""
        if self.is_cut and self.lost:
            return bool(self.report.failures)
        return bool(self.lost) or self.report.status != PASSED

    @property
    def sentence(self) -> str:
        """The statement on the target, or why there is none."""
        if not self.lost:
            return self.report.statement
        said = self.report.statement if self.report.failures else "nothing is said about it"
        counted = f"{len(self.lost)} of {self.asked} tests left no verdict"
        if self.is_cut:
            return f"{counted}, because pytest stopped early; {said}"
        names = [f"{asked.name} at {asked.dtype}" for asked in self.lost[:NAMED]]
        named = ", ".join([*names, "…"] if len(self.lost) > NAMED else names)
        why = f" ({self.silence})" if self.silence else ""
        return f"{counted}, though nothing deselected them{why}: {named}; {said}"

    @property
    def text(self) -> str:
        """The sentence, and the failure that the likely cause is about, as the command line shows it."""
        roots = [root for root in self.report.roots if root.verdict is self.report.diagnosed]
        shown = [line for root in roots for line in failure_lines(self.report, root)]
        mishaps = [f"suite error  {mishap}; please report it" for mishap in self.report.mishaps]
        return "\n".join([self.sentence, *shown, *mishaps])


def conclude_whole(
    target: str, lender: Lender, asked: dict[str, Asked], delivered: dict[str, list[Delivered]], lost: list[Asked]
) -> Report:
    """The report on a target, given by the names of its tests what they asked and what they delivered."""
    backend, options, found = lender.lend(target), lender.options, defaultdict[Asked, list[Delivered]](list)
    for node, what in asked.items():
        found[what] += delivered.get(node, [])
    worst = [choose_worst(several) for several in found.values() if several]
    findings = prepare_findings(backend, options)
    is_whole = not lost and {*asked.values()} == {*list_asked(target, backend, options)}
    request = replace(findings.request, is_whole=is_whole)
    verdicts = sorted((one.verdict for one in worst), key=_rank_verdict)
    report = conclude_report(replace(findings, verdicts=verdicts, request=request), backend, options)
    cases, uncased = ChainMap(*(one.cases for one in worst)), ChainMap(*(one.uncased for one in worst))
    return replace(report, origin=lender.describe_origin(target), cases=dict(cases), uncased=dict(uncased))


def _rank_verdict(verdict: Verdict) -> tuple[int, int]:
    return DTYPES.index(verdict.dtype), PROPERTIES.index(verdict.property)
