"""What `quick` finds about an Implementation."""

from typing import Any

from conformance.outcome import Outcome
from conformance.run.check import check
from conformance.verdict import find_broken_clauses
from lstm_spec import Implementation

SOME = ("SEQ-1", "SEQ-2")  # of an LSTM that compiles for minutes


def find_broken(implementation: Implementation, **options: Any) -> set[str]:
    """The clauses that are broken. An error is a failure, and so is it if nothing was tried."""
    report = check(implementation, **{"profile": "quick"} | options)
    wrong = [v for v in report.verdicts if v.outcome in (Outcome.ERRORED, Outcome.SUITE_ERROR)]
    assert not wrong, wrong[0].detail
    assert any(v.outcome is Outcome.HOLDS for v in report.verdicts) or report.failures
    return {clause for v in report.verdicts if v.outcome is Outcome.REFUTED for clause in find_broken_clauses(v)}
