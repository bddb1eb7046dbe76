"""The forward pass of a plain problem: one layer that reads whole sequences forward; F1 to F9 of docs/accuracy.md."""

import numpy as np

from conformance.tolerance.audit import recall_forward
from conformance.tolerance.layer import observe_forward, run_free
from conformance.tolerance.reading import Reading, Trajectory, make_reading
from conformance.tolerance.rounding import exact
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array, Problem, State

ORDER = "ifgo"


def read_plain(problem: Problem) -> Reading:
    """The reading of a plain problem."""
    T, B, _, _ = problem.sizes
    state = State(problem.state.h[0], problem.state.c[0])
    return make_reading(
        problem.layer, problem.variant, problem.dtype, exact(problem.x), state, np.ones((T, B, 1), np.bool_)
    )


def observed_trajectory(problem: Problem, y: Array, model: ErrorModel) -> Trajectory:
    """The pass in which every step starts from the h that the implementation returned in y (T, B, H); T >= 1."""
    return observe_forward(read_plain(problem), exact(y), model, recall_forward(problem, y))


def free_trajectory(problem: Problem, model: ErrorModel, handed_on: bool = False) -> Trajectory:
    """The pass from the initial state alone; its errors may grow by abs(U) each step.

    `handed_on`: at any step the state may have been returned, and read again from what was returned.
    """
    return run_free(read_plain(problem), model, handed_on)
