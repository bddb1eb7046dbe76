"""The likely cause of what was refuted."""

import time
from typing import TYPE_CHECKING

import numpy as np

from conformance.problems.form import Form, form_of
from conformance.problems.question import problem_of
from conformance.report.findings import Findings
from conformance.report.roots import Cause, keep_one_per_property
from conformance.report.rules import list_failures
from conformance.run.causes.agreement import keep_agreeing
from conformance.run.causes.explaining import find_contract_faults, find_hidden_faults, find_reproduced
from conformance.run.grades import ABOUT_ANY_VALUES
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import Backend, Description
from lstm_spec.modules.sessions import Session

if TYPE_CHECKING:
    from conformance.diagnosis.diagnosis import Diagnosis
    from conformance.diagnosis.experiments.first import Renew
    from conformance.faults.fault import Fault

ASKED_FAULTS = 3  # of those that fit, which look the same
LEAST = 0.5  # seconds for experiments after the contract
OF_CONTRACT = ("SHAPE", "CONTRACT", "LEN-7", "NUM")  # how clauses begin that the experiment on the contract is about
SEEN_AT_ONCE = ("CONTRACT-1", "CONTRACT-3", "LEN-7", "NUM")  # clauses of which other experiments say less
NO_EXPERIMENTS = ("SHAPE", "CONTRACT-1", "CONTRACT-3", "MOD", "NUM")  # clauses that ask no value


def find_likely_cause(
    findings: Findings, backend: Backend, budget: float | None = None, renew: "Renew | None" = None
) -> Cause:
    """The likely cause of the first failure; empty if it is neither a refutation nor an exception, or nothing fits.

    Experiments have `budget` seconds; `renew` makes the backend in a fresh process.
    """
    failures = list_failures(findings)
    first = failures[0] if failures else None
    if first is None or not (first.refutation or (first.error and first.error.is_exception)):
        return Cause()
    kept, about = keep_one_per_property(failures), findings.description
    is_valued = first.refutation is not None and first.property.family not in ABOUT_ANY_VALUES
    found = diagnose_refutation(first, backend) if is_valued else None
    if not (found and found.fitting):
        return look_further(first, kept, backend, found, budget, renew)
    clauses = {fault.clause for fault in found.fitting}
    wrong = [fault.backend() for fault in found.fitting[:ASKED_FAULTS]]
    clause = clauses.pop() if len(clauses) == 1 else ""
    return Cause(found.sentence, bool(found.fitting), clause, find_reproduced(kept, wrong, about))


def look_further(
    first: Verdict,
    kept: list[Verdict],
    backend: Backend,
    found: "Diagnosis | None",
    budget: float | None,
    renew: "Renew | None",
) -> Cause:
    """The likely cause where no known fault gives the answers to the dense problems."""
    from conformance.diagnosis.experiments.diagnose import choose_seconds

    guarded = guard_backend(backend)
    end = time.perf_counter() + (budget or choose_seconds(backend))
    known, contract = find_contract_faults(first, kept, guarded, budget)
    known = known or find_hidden_faults(first, kept, guarded)
    if known:
        return name_faults(known, first, kept, backend.description)._replace(rows=contract.rows)
    if first.refutation is None:
        return Cause("" if contract.sentence == first.detail else contract.sentence, rows=contract.rows)
    clause, budget = find_broken_clauses(first)[0], max(end - time.perf_counter(), LEAST)
    said = contract.sentence if clause.startswith(OF_CONTRACT) else ""
    if said or (found and found.malformed):
        history = Cause() if said and clause.startswith(SEEN_AT_ONCE) else explain_history(guarded, first.dtype, budget)
        says_more = "" if said == first.detail else said
        return (
            history if history.sentence else Cause(says_more or (found.sentence if found else ""), rows=contract.rows)
        )
    cause = experiment_further(first, kept, backend, found, budget, renew)
    return cause._replace(rows=(*contract.rows, *cause.rows))


def name_faults(known: "list[Fault]", first: Verdict, kept: list[Verdict], about: Description) -> Cause:
    """These faults as the cause."""
    from conformance.diagnosis.diagnosis import Diagnosis
    from conformance.faults.catalogue import FAULTS

    many = sum((fault.kind == "contract") == (known[0].kind == "contract") for fault in FAULTS.values())
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
