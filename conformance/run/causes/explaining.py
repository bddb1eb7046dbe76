"""Whether a known fault, or another wrong backend, fails where the target did."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from conformance.extent import measure_extent
from conformance.outcome import Errored, Inconclusive, NotClaimed, Refuted
from conformance.problems.build import build_loss
from conformance.problems.form import form_of
from conformance.problems.question import Question, problem_of
from conformance.report.roots import Reproduced, key_of
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import Backend, Description, GradientsNotOffered, Problem
from lstm_spec.modules.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.diagnosis.contract.inquiry import ContractInquiry
    from conformance.faults.fault import Fault

LARGEST_FOR_FAULTS = 2_000  # T B H: known faults are slow
DENSE = ("dense",) * 3  # cotangents
FOR_CONTRACT = 0.8  # of the time
SHAPES = ("SHAPE", "DIR-4")  # how clauses begin that may be broken by an array of another shape


def find_contract_faults(
    first: Verdict, kept: list[Verdict], backend: Backend, budget: float | None = None
) -> "tuple[list[Fault], ContractInquiry]":
    """The faults of the contract that show all that a guarded backend shows and fail as it does; and all it shows."""
    from conformance.diagnosis.contract.inquiry import ContractInquiry, inquire_contract
    from conformance.diagnosis.contract.naming import list_contract_faults
    from conformance.diagnosis.experiments.diagnose import choose_seconds

    raised = first.refutation or first.error
    possible = {*find_broken_clauses(first), *first.property.clauses}
    is_shape = any(clause.startswith(SHAPES) for clause in find_broken_clauses(first))
    asks = is_shape or first.error or possible & {fault.clause for fault in list_contract_faults()}
    if raised is None or raised.problem is None or isinstance(raised.problem, Session) or not asks:
        return [], ContractInquiry()
    seconds = FOR_CONTRACT * (budget or choose_seconds(backend))
    problem = problem_of(raised.problem)
    d, clauses = build_loss(problem, DENSE, 0), (*find_broken_clauses(first), *first.property.clauses)
    inquiry = inquire_contract(backend, first.dtype, clauses, Question(problem, d), seconds)
    return keep_explaining(inquiry.faults, first, kept, backend.description), inquiry


def find_hidden_faults(first: Verdict, kept: list[Verdict], backend: Backend) -> "list[Fault]":
    """The faults that no dense problem shows, and that answer and fail as a guarded backend does at this failure."""
    from conformance.diagnosis.hidden import find_hidden

    refuted = first.refutation
    if refuted is None or isinstance(refuted.problem, Session) or not isinstance(refuted.asked, Problem):
        return []
    form = form_of(refuted.asked) if first.property.beyond_core else None
    with np.errstate(all="ignore"):
        found = find_hidden(backend, first.dtype, form, refuted.asked, refuted.loss)
    return keep_explaining(found, first, kept, backend.description)


def keep_explaining(
    faults: "Sequence[Fault]", first: Verdict, kept: list[Verdict], about: Description
) -> "list[Fault]":
    """Those that fail where the first failure is and wherever else its clause fails, in the same words."""
    alike = [v for v in kept if v is not first and find_broken_clauses(v) == find_broken_clauses(first)]

    def explains(fault: "Fault") -> bool:
        is_first = fails_alike(first, fault.backend(), about, np.inf)
        return bool(is_first) and all(fails_alike(v, fault.backend(), about) is not False for v in alike)

    return [fault for fault in faults if explains(fault)]


def fails_alike(
    verdict: Verdict, wrong: Backend, about: Description, largest: float = LARGEST_FOR_FAULTS
) -> bool | None:
    """Whether a wrong backend fails where another one did, in the same words but for numbers; None if unknown."""
    raised = _judge(verdict, wrong, about, largest)
    if isinstance(raised, NotClaimed | Inconclusive):
        return None
    failed = verdict.refutation or verdict.error
    return type(raised) is type(failed) and _leave_out_numbers(raised) == _leave_out_numbers(failed)


def _leave_out_numbers(raised: Exception | None) -> str:
    return re.sub(r"[-−+]?\d[\d.,e]*|nan|inf", "#", str(raised))


def find_reproduced(kept: list[Verdict], wrong: list[Backend], about: Description) -> Reproduced:
    """Of each refutation of which that is known, whether one of these wrong backends fails there, too."""
    said = ((key_of(v), is_reproduced(v, wrong, about)) for v in kept)
    return {key: known for key, known in said if known is not None}


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


def _judge(
    verdict: Verdict, wrong: Backend, about: Description, largest: float = LARGEST_FOR_FAULTS
) -> Exception | None:
    """What comes of judging a wrong backend on the example of a failure; NotClaimed if it is not judged."""
    failed = verdict.refutation or verdict.error
    example = failed.problem if failed else None
    if example is None or measure_extent(problem_of(example))["TBH"] > largest:
        return NotClaimed("no example, or a large one")
    try:
        with np.errstate(all="ignore"):
            verdict.property.refute(guard_backend(replace(wrong, description=about)), example)
    except (Refuted, Errored, NotClaimed, Inconclusive, GradientsNotOffered) as raised:
        return raised
    return None
