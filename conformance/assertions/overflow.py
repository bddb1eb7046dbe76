"""When a number that is not finite may have had reason to be: magnitudes near the largest number of the dtype."""

import numpy as np

from conformance.arrays import limits
from conformance.outcome import Inconclusive
from conformance.tolerance.layer_backward import Backpropagation
from lstm_spec import Answer, Cotangents, Problem, pack
from lstm_spec.types import Array

ROOM = 2.0**10  # magnitudes this near to the largest number may overflow
ROOM16 = 2.0**4  # likewise in float16, which ends at 65504


def assert_finite_enough(answer: Answer, problem: Problem) -> None:
    """What is not finite is refuted by the comparison, unless magnitudes came near the largest number."""
    if np.isfinite(answer.y).all() and np.isfinite(answer.state.c).all():
        return
    W, U, _ = pack(problem.layer)
    largest = (
        magnitude_sum(problem.x) * magnitude_max(W)
        + (magnitude_sum(problem.state.h) + U.shape[1]) * magnitude_max(U)
        + magnitude_sum(problem.state.c)
    )
    inconclusive_above(largest, problem)


def inconclusive_above(magnitude: float, problem: Problem) -> None:
    room = ROOM16 if problem.dtype == np.float16 else ROOM
    if not magnitude < limits(problem.dtype).largest / room:
        raise Inconclusive("magnitudes came near the largest number of the dtype")


def magnitude_sum(a: Array) -> float:
    return float(np.abs(a.astype(np.float64)).sum())


def magnitude_max(a: Array) -> float:
    return float(np.abs(a.astype(np.float64)).max(initial=0))


def assert_backward_could_overflow(
    problem: Problem, d: Cotangents, dz: Array, finite: Array, expected: Backpropagation
) -> None:
    """Inconclusive where the step that lost finiteness first (the last in time) had reason to."""
    t = int(np.flatnonzero(~np.isfinite(dz).all(axis=(1, 2)))[-1])
    later = magnitude_sum(finite[t + 1]) if t + 1 < len(dz) else 0.0
    c = max(1.0, magnitude_max(problem.state.c) + len(dz))
    into = magnitude_sum(d.y[t]) + magnitude_sum(d.state.h) + later * magnitude_max(pack(problem.layer).U)
    size = max(into, magnitude_sum(expected.dz.value[t]), magnitude_sum(d.state.c)) * c
    inconclusive_above(size, problem)
