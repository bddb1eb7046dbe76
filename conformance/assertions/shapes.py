"""Whether answers and gradients have the shapes and the dtype that the problem gives them."""

from typing import Any

import numpy as np

from conformance.outcome import Refuted
from conformance.tolerance.trajectories import ORDER
from lstm_spec import Answer, Gradients, Problem
from lstm_spec.types import Array


def assert_shaped(what: str, got: Any, expected: Array, clause: str) -> None:
    """Refuted unless `got` is a NumPy array with the shape (`clause`) and the dtype of `expected`."""
    if not isinstance(got, np.ndarray):
        kind = f"{type(got).__module__}.{type(got).__name__}"
        raise Refuted(f"{what} is a {kind}, expected a numpy.ndarray; convert it before returning it", clause=clause)
    if got.shape != expected.shape:
        raise Refuted(f"{what} has shape {got.shape}, expected {expected.shape}", clause=clause)
    if got.dtype != expected.dtype:
        clause = "SHAPE-2" if clause == "SHAPE-1" else clause
        raise Refuted(f"{what} is {got.dtype}, expected {expected.dtype} like the problem", clause=clause)


def assert_answer_shaped(answer: Answer, problem: Problem) -> None:
    """Refuted unless every output has the shape and the dtype that the problem gives it."""
    T, B, _, H = problem.sizes
    assert_shaped("y", answer.y, np.empty((T, B, H), problem.dtype), "SHAPE-1")
    assert_shaped("the final h", answer.state.h, problem.state.h, "SHAPE-1")
    assert_shaped("the final c", answer.state.c, problem.state.c, "SHAPE-1")


def assert_gradients_shaped(gradients: Gradients, problem: Problem) -> None:
    """Refuted unless every gradient has the shape and the dtype of what it belongs to."""
    for letter in ORDER:
        got, like = getattr(gradients.parameters[0][0], letter), getattr(problem.layer, letter)
        for part in "WUb":
            assert_shaped(f"the gradient of {letter}.{part}", getattr(got, part), getattr(like, part), "SHAPE-3")
    assert_shaped("the gradient of x", gradients.x, problem.x, "SHAPE-3")
    assert_shaped("the gradient of h_0", gradients.state.h, problem.state.h, "SHAPE-3")
    assert_shaped("the gradient of c_0", gradients.state.c, problem.state.c, "SHAPE-3")
