"""The report on one backend: what was found, its likely cause, and what was measured besides."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.extent import Extents, widen_extents
from conformance.report.findings import Findings
from conformance.report.roots import Cause, Root, find_diagnosed, find_roots, put_cause_first
from conformance.report.rules import decide_status, list_failures, list_warnings
from conformance.report.statement import write_statement
from conformance.targets.origin import Origin
from conformance.tenths import Tenths, add_tenths
from conformance.verdict import Verdict

if TYPE_CHECKING:
    from conformance.measurements.activations import Accuracy
    from conformance.measurements.end_to_end import Row


@dataclass(frozen=True)
class Report:
    """What was found about one backend, and the statement that follows."""

    findings: Findings
    cause: Cause = Cause()
    seconds: float = 0.0
    activations: tuple["Accuracy", ...] = ()  # by dtype; for information, as is the next
    end_to_end: dict[str, list["Row"]] = field(default_factory=dict)  # by dtype
    origin: Origin | None = None  # if it was judged from the command line
    mishaps: list[str] = field(default_factory=list)  # what failed after the verdicts, a clause each
    cases: dict[tuple[str, str], Path] = field(default_factory=dict)  # by property and dtype: the file of the case
    uncased: dict[tuple[str, str], str] = field(default_factory=dict)  # or why there is none

    def text(self) -> str:
        """The report as the terminal shows it: the table, what is refuted, and the statement."""
        from conformance.report.text import format_text

        return format_text(self)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from conformance.report.text import format_html

        return format_html(self)

    @property
    def status(self) -> int:
        """The exit status, as in the table of docs/reports.md."""
        return decide_status(self.findings)

    @property
    def statement(self) -> str:
        """The statement about the backend, in one sentence."""
        return write_statement(self.findings)

    @property
    def verdicts(self) -> list[Verdict]:
        """All verdicts, by dtype."""
        return self.findings.verdicts

    @property
    def extents(self) -> Extents:
        """How large the questions were, forward and backward."""
        found: Extents = {}
        for verdict in self.verdicts:
            widen_extents(found, verdict.extents)
        return found

    @property
    def used(self) -> dict[str, Tenths]:
        """By dtype and quantity, how much of what is allowed the comparisons used, one in four of them."""
        found: dict[str, Tenths] = {}
        for verdict in filter(lambda verdict: verdict.used, self.verdicts):
            add_tenths(found.setdefault(verdict.dtype, {}), verdict.used)
        return found

    @property
    def failures(self) -> list[Verdict]:
        """The verdicts that count against the backend: the most precise dtype first, then what explains others."""
        return put_cause_first(list_failures(self.findings), self.cause)

    @property
    def warnings(self) -> list[Verdict]:
        """The refuted SHOULD clauses, which do not count against the backend."""
        return list_warnings(self.findings)

    @property
    def roots(self) -> list[Root]:
        """The failures, one of each property; those that follow from another one are listed under it."""
        return find_roots(self.failures, self.cause)

    @property
    def diagnosed(self) -> Verdict | None:
        """The failure that the likely cause is about."""
        return find_diagnosed(self.failures, self.cause)
