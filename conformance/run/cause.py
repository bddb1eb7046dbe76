"""The likely cause of what was refuted."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from conformance.extent import measure_extent
from conformance.outcome import Errored, Inconclusive, NotClaimed, Outcome, Refuted
from conformance.problems.form import form_of
from conformance.problems.question import problem_of
from conformance.report.findings import Findings
from conformance.report.roots import Cause, keep_one_per_property, key_of
from conformance.report.rules import list_failures
from conformance.run.grades import ABOUT_ANY_VALUES
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict
from lstm_spec import Backend, Description
from lstm_spec.modules.sessions import Session

if TYPE_CHECKING:
    from conformance.diagnosis.diagnosis import Diagnosis
    from conformance.faults.fault import Fault

LARGEST_FOR_FAULTS = 2_000  # T B H: known faults are slow
ASKED_FAULTS = 3  # of those that fit, which look the same


def find_likely_cause(findings: Findings, backend: Backend) -> Cause:
    """The likely cause of the first failure; empty if it is none of the values, or nothing fits."""
    failures = list_failures(findings)
    first = failures[0] if failures else None
    if first is None or first.outcome is not Outcome.REFUTED or first.property.family in ABOUT_ANY_VALUES:
        return Cause()
    found = diagnose_refutation(first, backend)
    if not found or not (found.fitting or found.malformed):
        return experiment_further(first, backend, found)
    clauses, about = {fault.clause for fault in found.fitting}, findings.description
    kept = keep_one_per_property(failures)
    reproduced = {key_of(v): known for v in kept if (known := is_reproduced(v, found.fitting, about)) is not None}
    return Cause(found.sentence, bool(found.fitting), clauses.pop() if len(clauses) == 1 else "", reproduced)


def experiment_further(refuted: Verdict, backend: Backend, found: "Diagnosis | None") -> Cause:
    """What experiments find where no known fault does, after that none does.

    Nothing on sessions of modules, nor on an answer of another shape or dtype.
    """
    from conformance.diagnosis.experiments.diagnose import inquire

    sentence = found.sentence if found else ""
    if refuted.refutation is None or (example := refuted.refutation.problem) is None:
        return Cause(sentence)
    if isinstance(example, Session) or refuted.refutation.clause in ("SHAPE-1", "SHAPE-2"):
        return Cause(sentence)
    problem = problem_of(example)
    form = form_of(problem) if refuted.property.beyond_core else None
    inquiry = inquire(guard_backend(backend), refuted.dtype, form, problem.sizes)
    if inquiry.sentence and found and found.right:  # those problems did not meet the condition
        return Cause(inquiry.sentence, rows=inquiry.rows)
    said = (inquiry.sentence, sentence) if inquiry.has_formula else (sentence, inquiry.sentence)
    return Cause("; ".join(filter(None, said)), rows=inquiry.rows)


def is_reproduced(verdict: Verdict, faults: "tuple[Fault, ...]", about: Description) -> bool | None:
    """Whether one of the faults, judged as the backend is, fails on the example of a refutation.

    None if that is not known: there is no fault or no example, it is too large for the faults, or none can be asked.
    """
    example = verdict.refutation.problem if verdict.refutation else None
    if example is None or measure_extent(problem_of(example))["TBH"] > LARGEST_FOR_FAULTS:
        return None
    known = None
    for fault in faults[:ASKED_FAULTS]:
        wrong = guard_backend(replace(fault.backend(), description=about))
        try:
            with np.errstate(all="ignore"):
                verdict.property.refute(wrong, example)
            known = False
        except Refuted:
            return True
        except (Errored, NotClaimed, Inconclusive):
            continue
    return known


def diagnose_refutation(refuted: Verdict, backend: Backend) -> "Diagnosis | None":
    """The diagnosis of the plain LSTM, or of the form of network at which the backend was refuted."""
    from conformance.diagnosis.diagnosis import diagnose
    from conformance.diagnosis.sessions import diagnose_session

    example = refuted.refutation.problem if refuted.refutation else None
    if isinstance(example, Session):
        return diagnose_session(guard_backend(backend), example)
    form = form_of(problem_of(example)) if refuted.property.beyond_core and example is not None else None
    with np.errstate(all="ignore"):
        return diagnose(guard_backend(backend), refuted.dtype, form)
