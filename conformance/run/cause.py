"""The likely cause of what was refuted."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from conformance.outcome import Outcome
from conformance.problems.form import form_of
from conformance.problems.question import problem_of
from conformance.report.findings import Findings
from conformance.report.report import Cause
from conformance.report.rules import list_failures
from conformance.run.judge import judge_property
from conformance.run.profiles import Profile
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict
from lstm_spec import Backend

if TYPE_CHECKING:
    from conformance.diagnosis.diagnosis import Diagnosis

ABOUT_ANY_VALUES = ("shapes", "contract")  # families of properties for which no value has to be right


def find_likely_cause(findings: Findings, backend: Backend, profile: Profile) -> Cause:
    """The likely cause of the first failure; empty if it is none of the values, or nothing fits."""
    failures = list_failures(findings)
    hint = _find_lenient_grade(failures, backend, profile, findings.request.seed)
    if hint:
        return Cause(hint)
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


LENIENT = {
    "relative": ("absolute", "if σ or tanh is made from the other"),
    "wide": ("op-by-op", "if single operations are rounded to 16 bits"),
    "op-by-op": ("wide", "if everything is float32 inside, and only what is returned is rounded"),
}


def _find_lenient_grade(failures: list[Verdict], backend: Backend, profile: Profile, seed: int) -> str:
    """Which other grade to name if all that was refuted holds at that grade; empty if there is none."""
    if any(v.property.family in ABOUT_ANY_VALUES for v in failures):
        return ""  # a broken contract may mend itself when asked again
    about = backend.description
    named = {about.grade(v.dtype) for v in failures}
    grade = named.pop() if len(named) == 1 else ""
    if not isinstance(grade, str) or grade not in LENIENT:
        return ""
    other, reason = LENIENT[grade]
    grades = {**about.grades, **{v.dtype: other for v in failures}}
    lenient = replace(backend, description=replace(about, grades=grades))
    again = (judge_property(v.property, lenient, v.dtype, profile, seed) for v in failures)
    if not all(verdict.outcome is Outcome.HOLDS for verdict in again):
        return ""
    return f'all of it holds at grade "{other}": name that in Description.grades {reason}'
