"""An answer of the reference, what is expected of it, and numbers put next to what is allowed."""

from dataclasses import replace

import numpy as np

from conformance.assertions.backward import assert_gate_gradients_conform
from conformance.assertions.comparison import model_of
from conformance.outcome import Difference
from conformance.tolerance.backpropagation import observed_backpropagation
from conformance.tolerance.layer_backward import Backpropagation
from conformance.tolerance.rounding import Bounded
from conformance.tolerance.trajectories import observed_trajectory
from lstm_spec import (
    GRADES,
    REFERENCE,
    Answer,
    Array,
    Backend,
    Description,
    State,
)
from tests.helpers.problems import make_loss, make_problem

FAR = " is further from the equations than rounding can explain"
GROWN = "rounding may have grown too much"
NEAR_THE_END = "magnitudes came near the largest number of the dtype"
BEYOND, WITHIN = 1.001, 0.999  # of what is allowed


def judged_at(grade: str, dtype: str) -> Backend:
    """float64 numbers with the room of a smaller dtype, so that a number can be put anywhere in it."""
    return replace(REFERENCE, description=Description(grades={"float64": GRADES[grade, dtype]}))


ROOMY, WIDE = judged_at("relative", "float32"), judged_at("wide", "float16")
PROBLEM = make_problem(scale=0.5, dtype="float64")
OTHER = replace(PROBLEM, x=PROBLEM.x * 0.5)
LOSS = make_loss(PROBLEM)
ANSWER, GRADIENTS = REFERENCE.differentiate(PROBLEM, LOSS)
FORWARD = observed_trajectory(PROBLEM, ANSWER.y, model_of(ROOMY, PROBLEM))


def put(a: Array, index: tuple[int, ...], value: float) -> Array:
    """A copy with one other element."""
    a = a.copy()
    a[index] = value
    return a


def off(expected: Bounded, index: tuple[int, ...], times: float) -> float:
    """So many allowed errors away."""
    return float(expected.value[index] + times * expected.error[index])


def difference_at(quantity: str, axes: tuple[str, ...], index: tuple[int, ...], expected: Bounded) -> Difference:
    where = dict(zip(axes, index, strict=True))
    value, error = float(expected.value[index]), float(expected.error[index])
    return Difference(quantity, where, value, error, off(expected, index, BEYOND))


def ending_in(y: Array) -> Answer:
    return Answer(y, State(y[-1:].copy(), ANSWER.state.c))


def gate_gradients(dz: Array) -> Backpropagation:
    return observed_backpropagation(PROBLEM, FORWARD, LOSS, dz, model_of(ROOMY, PROBLEM))


def conforming(given: Array) -> Array:
    """Gate gradients (T, B, 4H) that end as given, and each follow from the later ones to the last bit before."""
    dz = np.concatenate([np.zeros((4 - len(given), 2, 20)), given])
    for t in reversed(range(4 - len(given))):
        dz[t] = gate_gradients(dz).dz.value[t]
    return dz


DZ = conforming(np.empty((0, 2, 20)))
EXPECTED = gate_gradients(DZ)


def gates_judged(dz: Array, answer: Answer = ANSWER) -> Backpropagation:
    return assert_gate_gradients_conform(ROOMY, PROBLEM, LOSS, answer, dz)
