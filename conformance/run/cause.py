"""The likely cause of what a report refutes."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from conformance.outcome import Outcome
from conformance.problems.form import form_of
from conformance.problems.question import problem_of
from conformance.report.report import Report
from conformance.run.judge import judge
from conformance.run.profiles import Profile
from conformance.targets.border import guarded
from conformance.verdict import Verdict
from lstm_spec import Backend

if TYPE_CHECKING:
    from conformance.diagnosis.diagnosis import Diagnosis


def add_cause(report: Report, backend: Backend, how: Profile) -> Report:
    """The report with the likely cause of what it refutes; of a shape or a broken contract no values need be asked."""
    hint = _lenience_that_helps(report, backend, how)
    if hint:
        return replace(report, cause=hint)
    values = [v for v in report.failures if v.property.family not in ("shapes", "contract")]
    refuted = [v for v in values if v.outcome is Outcome.REFUTED and v is report.failures[0]]
    if not refuted:
        return report
    found = diagnose_refutation(refuted[0], backend)
    if not found:
        return report
    clauses = {fault.clause for fault in found.fitting}
    culprit = clauses.pop() if len(clauses) == 1 else ""
    return replace(report, cause=found.sentence, diagnosed=bool(found.fitting), culprit=culprit)


def diagnose_refutation(refuted: Verdict, backend: Backend) -> "Diagnosis | None":
    """The diagnosis of the plain LSTM, or of the form of network at which the backend was refuted."""
    from conformance.diagnosis.diagnosis import diagnose

    example = refuted.refutation.problem if refuted.refutation else None
    form = form_of(problem_of(example)) if refuted.property.further and example is not None else None
    with np.errstate(all="ignore"):
        return diagnose(guarded(backend), refuted.dtype, form)


LENIENT = {
    "relative": ("absolute", "if σ or tanh is made from the other"),
    "wide": ("op-by-op", "if single operations are rounded to 16 bits"),
    "op-by-op": ("wide", "if everything is float32 inside, and only what is returned is rounded"),
}


def _lenience_that_helps(report: Report, backend: Backend, how: Profile) -> str:
    """Which other grade to name, where what was refuted holds at that; else nothing."""
    if any(v.property.family in ("shapes", "contract") for v in report.failures):
        return ""  # a broken contract may mend itself when asked again
    about = backend.description
    named = {about.grade(v.dtype) for v in report.failures}
    grade = named.pop() if len(named) == 1 else ""
    if not isinstance(grade, str) or grade not in LENIENT:
        return ""
    other, reason = LENIENT[grade]
    grades = {**about.grades, **{v.dtype: other for v in report.failures}}
    lenient = replace(backend, description=replace(about, grades=grades))
    again = (judge(v.property, lenient, v.dtype, how, report.asked.seed) for v in report.failures)
    if not all(verdict.outcome is Outcome.HOLDS for verdict in again):
        return ""
    return f'all of it holds at grade "{other}": name that in Description.grades {reason}'
