"""The likely cause of what was refuted."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from conformance.extent import measure_extent
from conformance.outcome import Errored, Inconclusive, NotClaimed, Outcome, Refuted
from conformance.problems.form import Form, form_of
from conformance.problems.question import problem_of
from conformance.report.findings import Findings
from conformance.report.roots import Cause, Reproduced, keep_one_per_property, key_of
from conformance.report.rules import list_failures
from conformance.run.agreement import keep_agreeing
from conformance.run.grades import ABOUT_ANY_VALUES
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import Backend, Description, GradientsNotOffered
from lstm_spec.modules.sessions import Session

if TYPE_CHECKING:
    from conformance.diagnosis.diagnosis import Diagnosis
    from conformance.diagnosis.experiments.first import Renew
    from conformance.faults.fault import Fault

LARGEST_FOR_FAULTS = 2_000  # T B H: known faults are slow
ASKED_FAULTS = 3  # of those that fit, which look the same
SECONDS = 5.0  # for what one backend owes to earlier calls
SAID_ALREADY = ("SHAPE-1", "SHAPE-2")  # clauses of which a refutation says all that a cause could say
NO_EXPERIMENTS = ("SHAPE", "CONTRACT-1", "CONTRACT-3", "MOD", "NUM")  # clauses that ask no value


def find_likely_cause(
    findings: Findings, backend: Backend, budget: float | None = None, renew: "Renew | None" = None
) -> Cause:
    """The likely cause of the first failure; empty if it is no refutation, or nothing fits.

    Experiments have `budget` seconds; `renew` makes the backend in a fresh process.
    """
    failures = list_failures(findings)
    first = failures[0] if failures else None
    if first is None or first.outcome is not Outcome.REFUTED:
        return Cause()
    kept, about = keep_one_per_property(failures), findings.description
    found = None if first.property.family in ABOUT_ANY_VALUES else diagnose_refutation(first, backend)
    if not found or not (found.fitting or found.malformed):
        known = find_contract_faults(first, kept, guard_backend(backend))
        return (
            name_faults(known, first, kept, about)
            if known
            else experiment_further(first, kept, backend, found, budget, renew)
        )
    if found.malformed and (history := explain_history(guard_backend(backend), first.dtype, budget)).sentence:
        return history
    clauses = {fault.clause for fault in found.fitting}
    wrong = [fault.backend() for fault in found.fitting[:ASKED_FAULTS]]
    clause = clauses.pop() if len(clauses) == 1 else ""
    return Cause(found.sentence, bool(found.fitting), clause, find_reproduced(kept, wrong, about))


def find_reproduced(kept: list[Verdict], wrong: list[Backend], about: Description) -> Reproduced:
    """Of each refutation of which that is known, whether one of these wrong backends fails there, too."""
    said = ((key_of(v), is_reproduced(v, wrong, about)) for v in kept)
    return {key: known for key, known in said if known is not None}


# ---------------------------------------------------------------- faults of the contract


def find_contract_faults(first: Verdict, kept: list[Verdict], backend: Backend) -> "list[Fault]":
    """The faults of a contract that break it as a guarded backend does, wherever the clause of the first failure fails.

    What answers owe to earlier calls and to memory has to be the same, too.
    """
    from conformance.diagnosis.experiments.before import describe_history
    from conformance.faults.catalogue import FAULTS

    clauses, about = find_broken_clauses(first), backend.description
    possible = {*clauses, *first.property.clauses}
    if clauses[0] in SAID_ALREADY:
        return []
    known = [fault for fault in FAULTS.values() if fault.kind == "contract" and fault.clause in possible]
    alike = [v for v in kept if find_broken_clauses(v) == clauses]
    said = {fault.name: {fails_alike(v, fault.backend(), about) for v in alike} for fault in known}
    known = [fault for fault in known if True in said[fault.name] and False not in said[fault.name]]
    history = describe_history(backend, first.dtype, SECONDS) if known else ""
    return [f for f in known if describe_history(guard_backend(f.backend()), first.dtype, SECONDS) == history]


def fails_alike(verdict: Verdict, wrong: Backend, about: Description) -> bool | None:
    """Whether a wrong backend is refuted where another one was, in the same words but for numbers; None if unknown."""
    raised = _judge(verdict, wrong, about)
    if isinstance(raised, NotClaimed | Inconclusive):
        return None
    return isinstance(raised, Refuted) and _leave_out_numbers(raised) == _leave_out_numbers(verdict.refutation)


def _leave_out_numbers(refuted: Refuted | None) -> str:
    return re.sub(r"[-−+]?\d[\d.,e]*|nan|inf", "#", str(refuted))


def name_faults(known: "list[Fault]", first: Verdict, kept: list[Verdict], about: Description) -> Cause:
    """These faults as the cause."""
    from conformance.diagnosis.diagnosis import Diagnosis
    from conformance.faults.catalogue import FAULTS

    many = sum(fault.kind == "contract" for fault in FAULTS.values())
    sentence = Diagnosis(tuple(known), many, "at this failure").sentence
    wrong = [fault.backend() for fault in known[:ASKED_FAULTS]]
    return Cause(sentence, True, known[0].clause, find_reproduced(kept, wrong, about))


# ---------------------------------------------------------------- experiments


def experiment_further(
    first: Verdict,
    kept: list[Verdict],
    backend: Backend,
    found: "Diagnosis | None",
    budget: float | None = None,
    renew: "Renew | None" = None,
) -> Cause:
    """What experiments find where no known fault does, after that none does.

    In a session of modules, the calls that it takes; of an answer of another shape or dtype, only what it owes to
    earlier calls.
    """
    from conformance.diagnosis.experiments.diagnose import inquire

    sentence = found.sentence if found else ""
    guarded = guard_backend(backend)
    if first.refutation is None or (example := first.refutation.problem) is None:
        return Cause(sentence)
    if isinstance(example, Session):
        calls = explain_session(guarded, first.dtype, example, budget)
        return calls._replace(sentence="; ".join(filter(None, (calls.sentence, sentence))))
    if find_broken_clauses(first)[0].startswith(NO_EXPERIMENTS):
        history = explain_history(guarded, first.dtype, budget)
        return history if history.sentence else history._replace(sentence=sentence)
    problem = problem_of(example)
    form = form_of(problem) if first.property.beyond_core else Form()
    inquiry = inquire(
        guarded,
        first.dtype,
        form,
        problem.sizes,
        budget,
        renew=renew,
        gradients_first=first.refutation.loss is not None,
    )
    if inquiry.sentence and found and found.right:  # those problems did not meet the condition
        return Cause(inquiry.sentence, rows=inquiry.rows, example=inquiry.example)
    if not inquiry.has_formula:
        said = "; ".join(filter(None, (sentence, inquiry.sentence)))
        return Cause(said, rows=inquiry.rows, example=inquiry.example)
    said = "; ".join(filter(None, (inquiry.sentence, sentence)))
    computed = [inquiry.computed] if inquiry.computed else []
    reproduced = find_reproduced(kept, computed, backend.description)
    for formula in computed:
        reproduced = keep_agreeing(reproduced, kept, guarded, formula)
    clauses = [row.finding.clause for row in inquiry.rows if row.finding and row.experiment in ("term", "wiring")]
    clause = clauses[0] if len(clauses) == 1 else ""  # of two mistakes none is the cause alone
    return Cause(said, clause=clause, reproduced=reproduced, rows=inquiry.rows, example=inquiry.example)


def explain_session(backend: Backend, dtype: str, session: Session, budget: float | None) -> Cause:
    """The calls that it takes until a guarded backend is wrong; without a sentence if that is not known."""
    from conformance.diagnosis.calls import inquire_calls
    from conformance.diagnosis.experiments.diagnose import choose_seconds

    inquiry = inquire_calls(backend, dtype, budget or choose_seconds(backend), session)
    return Cause(inquiry.sentence, rows=inquiry.rows)


def explain_history(backend: Backend, dtype: str, budget: float | None) -> Cause:
    """What answers of a guarded backend owe to earlier calls; without a sentence if that is nothing."""
    from conformance.diagnosis.experiments.diagnose import inquire_history

    history = inquire_history(backend, dtype, budget)
    return Cause(history.sentence, rows=history.rows)


def is_reproduced(verdict: Verdict, wrong: list[Backend], about: Description) -> bool | None:
    """Whether one of these backends, judged as the target is, fails on the example of a refutation.

    None if that is not known: there is none or no example, it is too large for them, or none can be asked.
    """
    known = None
    for backend in wrong:
        raised = _judge(verdict, backend, about)
        if isinstance(raised, Refuted):
            return True
        known = False if raised is None else known
    return known


def _judge(verdict: Verdict, wrong: Backend, about: Description) -> Exception | None:
    """What comes of judging a wrong backend on the example of a refutation; NotClaimed if it is not judged."""
    example = verdict.refutation.problem if verdict.refutation else None
    if example is None or measure_extent(problem_of(example))["TBH"] > LARGEST_FOR_FAULTS:
        return NotClaimed("no example, or a large one")
    try:
        with np.errstate(all="ignore"):
            verdict.property.refute(guard_backend(replace(wrong, description=about)), example)
    except (Refuted, Errored, NotClaimed, Inconclusive, GradientsNotOffered) as raised:
        return raised
    return None


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
