"""The likely cause of what was refuted."""

from typing import TYPE_CHECKING

import numpy as np

from conformance.outcome import Outcome
from conformance.problems.form import form_of
from conformance.problems.question import problem_of
from conformance.report.findings import Findings
from conformance.report.report import Cause
from conformance.report.rules import list_failures
from conformance.run.grades import ABOUT_ANY_VALUES
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict
from lstm_spec import Backend

if TYPE_CHECKING:
    from conformance.diagnosis.diagnosis import Diagnosis


def find_likely_cause(findings: Findings, backend: Backend) -> Cause:
    """The likely cause of the first failure; empty if it is none of the values, or nothing fits."""
    failures = list_failures(findings)
    first = failures[0] if failures else None
    if first is None or first.outcome is not Outcome.REFUTED or first.property.family in ABOUT_ANY_VALUES:
        return Cause()
    found = diagnose_refutation(first, backend)
    if not found:
        return Cause()
    clauses = {fault.clause for fault in found.fitting}
    return Cause(found.sentence, bool(found.fitting), clauses.pop() if len(clauses) == 1 else "")


def diagnose_refutation(refuted: Verdict, backend: Backend) -> "Diagnosis | None":
    """The diagnosis of the plain LSTM, or of the form of network at which the backend was refuted."""
    from conformance.diagnosis.diagnosis import diagnose

    example = refuted.refutation.problem if refuted.refutation else None
    form = form_of(problem_of(example)) if refuted.property.beyond_core and example is not None else None
    with np.errstate(all="ignore"):
        return diagnose(guard_backend(backend), refuted.dtype, form)
