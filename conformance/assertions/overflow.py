"""When a number that is not finite may have had reason to be: magnitudes near the largest number of the dtype."""

import numpy as np

from conformance.arrays import limits
from conformance.assertions.order import mark_valid_steps
from conformance.nouns import name_all_arrays
from conformance.outcome import Inconclusive
from conformance.problems.question import Question, change_arrays, widen_question
from conformance.tolerance.layer_backward import Backpropagation, Loss
from conformance.tolerance.reading import Reading
from lstm_spec import REFERENCE, Answer, Cotangents, Problem
from lstm_spec.types import Array

ROOM = 2.0**10  # magnitudes this near to the largest number may overflow
ROOM16 = 2.0**4  # likewise in float16, which ends at 65504


def assert_finite_enough(answer: Answer, problem: Problem) -> None:
    """What is not finite is refuted by the comparison, unless magnitudes came near the largest number."""
    if np.isfinite(answer.y).all() and np.isfinite(answer.state.c).all():
        return
    inconclusive_above(_preactivation_magnitude(problem) + _state_magnitude(problem), problem)


def _preactivation_magnitude(problem: Problem) -> float:
    """More than what any gate receives."""
    h = _hidden_magnitude(problem)
    read = magnitude_sum(_select_valid_inputs(problem)) + inner_magnitude(problem) * h * problem.sizes[3]
    recurrent = (magnitude_sum(problem.state.h) + h * problem.P) * weight_magnitude(problem, "U")
    return read * weight_magnitude(problem, "W") + recurrent


def _state_magnitude(problem: Problem) -> float:
    """More than any cell state: c_0, and what is added to it in T steps, which only tanh bounds."""
    a, c = problem.variant.activations, magnitude_sum(problem.state.c)
    return c if a is None or a.candidate == "tanh" else c + len(problem.x) * _preactivation_magnitude(problem)


def _hidden_magnitude(problem: Problem) -> float:
    """The most that a unit shows: 1, unless nothing bounds it; then what float64 makes of it, and its overflow."""
    a = problem.variant.activations
    if a is None or a.are_bounded:
        return 1.0
    with np.errstate(all="ignore"):
        y = REFERENCE.forward(change_arrays(problem, lambda a: a.astype(np.float64))).y
    found = magnitude_max(y)
    return max(1.0, found) if np.isfinite(found) else np.inf


def _select_valid_inputs(problem: Problem) -> Array:
    return np.where(mark_valid_steps(problem), problem.x, 0)


def weight_magnitude(problem: Problem, name: str) -> float:
    """The largest of the weights of that name, of any layer and gate."""
    gates = (gate for row in problem.parameters for p in row for gate in p.gates.values())
    return max(magnitude_max(a) for gate in gates if (a := getattr(gate, name)) is not None)


def inner_magnitude(problem: Problem) -> float:
    """The most that a layer can hand to the one above, 0 if there is none."""
    R = [magnitude_max(p.R) * problem.sizes[3] for row in problem.parameters for p in row if p.R is not None]
    return max([1.0, *R]) if len(problem.parameters) > 1 else 0.0


def largest_factor(problem: Problem, T: int) -> float:
    """The largest number that a gate gradient can be multiplied by, in T steps."""
    weights = (weight_magnitude(problem, name) for name in "WU")
    given = map(magnitude_max, (_select_valid_inputs(problem), problem.state.h))
    inner, state = inner_magnitude(problem) * _hidden_magnitude(problem), magnitude_max(problem.state.c) + T
    return max(*weights, *given, inner, state if problem.variant.activations is None else _state_magnitude(problem) + T)


def inconclusive_above(magnitude: float, problem: Problem) -> None:
    room = ROOM16 if problem.dtype == np.float16 else ROOM
    if not magnitude < limits(problem.dtype).largest / room:
        raise Inconclusive("magnitudes came near the largest number of the dtype")


def magnitude_sum(a: Array) -> float:
    return float(np.abs(a.astype(np.float64)).sum())


def magnitude_max(a: Array) -> float:
    return float(np.abs(a.astype(np.float64)).max(initial=0))


def assert_backward_could_overflow(
    problem: Problem, r: Reading, loss: Loss, dz: Array, finite: Array, expected: Backpropagation
) -> None:
    """Inconclusive where the step that lost finiteness first (the last that was read) had reason to."""
    t = int(np.flatnonzero(~np.isfinite(dz).all(axis=(1, 2)))[-1])
    later = magnitude_sum(finite[t + 1]) if t + 1 < len(dz) else 0.0
    c = max(1.0, magnitude_max(r.state.c) + len(dz))
    back = max(magnitude_max(a) for a in (r.w.U, *r.peepholes.values()))
    into = magnitude_sum(loss.y.size[t]) + magnitude_sum(loss.last.h) + later * back
    into *= 1.0 if r.R is None else max(1.0, magnitude_max(r.R))
    size = max(into, magnitude_sum(expected.dz.value[t]), magnitude_sum(loss.last.c)) * c
    inconclusive_above(size, problem)


def assert_gradients_could_overflow(problem: Problem, d: Cotangents) -> None:
    """Inconclusive if a gradient, computed in float64, comes near the largest number of the problem's dtype.

    The layers and directions of a network meet in the gradient of its input, where 0 times what overflows is no number:
    one of them hides what another one did.
    """
    _, found = REFERENCE.differentiate(*widen_question(Question(problem, d)))
    largest = max(magnitude_max(a) for a in name_all_arrays(found=found).values())
    inconclusive_above(largest if np.isfinite(largest) else np.inf, problem)
