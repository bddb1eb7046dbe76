"""Whether a formula gives the numbers that were refuted: what it only fails at as well may be another mistake."""

import numpy as np

from conformance.arrays import limits
from conformance.nouns import name_all_arrays
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.question import problem_of
from conformance.report.roots import Reproduced, key_of
from conformance.verdict import Verdict
from lstm_spec import Backend, GradientsNotOffered
from lstm_spec.modules.sessions import Session
from lstm_spec.types import Array

ROUGHLY = 2.0**9  # roundoffs of the largest number of an array, where a formula is computed in float64


def keep_agreeing(reproduced: Reproduced, verdicts: list[Verdict], target: Backend, formula: Backend) -> Reproduced:
    """The same; a refutation at which a guarded target gives other numbers than the formula is not reproduced."""
    agreeing = {key_of(v): agrees(v, target, formula) for v in verdicts if reproduced.get(key_of(v))}
    return {key: known and agreeing.get(key) is not False for key, known in reproduced.items()}


def agrees(verdict: Verdict, target: Backend, formula: Backend) -> bool | None:
    """Whether both give the same numbers at the example of a refutation, but for rounding; None if that is not known.

    The gradients are compared where they were refuted, and else the answers.
    """
    refuted = verdict.refutation
    if refuted is None or refuted.problem is None or isinstance(refuted.problem, Session):
        return None
    problem, loss = refuted.asked or problem_of(refuted.problem), refuted.loss
    try:
        with np.errstate(all="ignore"):
            got, own = (
                backend.forward(problem) if loss is None else backend.differentiate(problem, loss)[1]
                for backend in (target, formula)
            )
    except (Refuted, Errored, NotClaimed, GradientsNotOffered):
        return None
    pairs = zip(*(name_all_arrays(found=found).values() for found in (got, own)), strict=True)
    return all(_is_near(a, b) for a, b in pairs)


def _is_near(got: Array, own: Array) -> bool:
    """The same numbers, or no numbers at the same places."""
    room = ROUGHLY * float(limits(got.dtype).eps)
    got, own = (a.astype(np.float64) for a in (got, own))
    largest = np.abs(own).max(initial=1, where=np.isfinite(own))
    with np.errstate(invalid="ignore"):
        near = np.abs(got - own) <= room * largest
    return bool((near | (got == own) | (np.isnan(got) & np.isnan(own))).all())
