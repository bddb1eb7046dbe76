"""Whether a feature that is claimed changes the answer."""

import numpy as np

from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Inconclusive, Refuted
from conformance.problems.switches import Switched
from lstm_spec import REFERENCE, Backend, Problem
from lstm_spec.types import Array

SEEN = 2.0**-5  # a difference between two answers, at least, that is looked for


def assert_not_ignored(backend: Backend, switched: Switched) -> None:
    """Refuted where the answer moves less than half as far as that of the equations does, where that moves most."""
    moved, expected = (measure_move(asked, switched) for asked in (backend, REFERENCE))
    where = np.unravel_index(np.abs(expected).argmax(), expected.shape)
    if not abs(expected[where]) >= SEEN:
        raise Inconclusive("the feature happens not to matter here")
    if not abs(moved[where] - expected[where]) < abs(expected[where]) / 2:
        raise Refuted(f"{switched.feature} is claimed, and switching it does not change the answer as it should")


def measure_move(backend: Backend, switched: Switched) -> Array:
    """How far y moves when the feature is switched on, in float64."""
    on, off = (ask_outputs(backend, asked) for asked in (switched.problem, switched.without))
    return np.asarray(on[..., switched.first :] - off)


def ask_outputs(backend: Backend, problem: Problem) -> Array:
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    return answer.y.astype(np.float64)
