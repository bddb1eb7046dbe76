"""The smallest question with a wrong answer, in words: where it is wrong, what was got, and what was expected."""

from collections.abc import Sequence

import numpy as np

from conformance.diagnosis.experiments.laboratory import Laboratory, Wrong
from conformance.outcome import NotClaimed
from lstm_spec import Backend
from lstm_spec.types import Array


def describe_smallest(laboratory: Laboratory, computed: Backend | None = None) -> str:
    """The smallest question that got a wrong answer, and gets one from the formula that was found; empty if none."""
    found = (wrong for wrong in laboratory.wrong if computed is None or _shows_cause(laboratory, wrong, computed))
    return next(map(describe_wrong, found), "")


def _shows_cause(laboratory: Laboratory, wrong: Wrong, computed: Backend) -> bool:
    try:
        return laboratory.turn_backward(wrong.backward).judge(wrong.question, computed).is_wrong
    except NotClaimed:
        return False


def describe_wrong(wrong: Wrong) -> str:
    """The sizes, and the number that is furthest from what is allowed."""
    first = max(wrong.judged.wrong, key=lambda c: _measure_excess(c.got, c.expected, c.allowed).max())
    excess = _measure_excess(first.got, first.expected, first.allowed)
    at = np.unravel_index(int(excess.argmax()), excess.shape)
    sizes = ", ".join(f"{k} = {n}" for k, n in zip("TBIH", wrong.question.problem.sizes, strict=True))
    place = f"{first.quantity}{_write_place(at)}"
    got, expected = (f"{float(np.broadcast_to(a, excess.shape)[at]):.6g}" for a in (first.got, first.expected))
    return f"{sizes}: {place} is {got}, expected {expected}"


def _measure_excess(got: Array, expected: Array, allowed: Array) -> Array:
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(np.float64) - expected) / allowed
    return np.nan_to_num(error, nan=np.inf)


def _write_place(at: Sequence[object]) -> str:
    return f"[{', '.join(map(str, at))}]" if at else ""
