"""Whether a feature that is claimed changes the answer."""

import numpy as np

from conformance.assertions.comparison import STEP
from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Inconclusive, Refuted
from conformance.problems.switches import Switched
from lstm_spec import REFERENCE, Answer, Backend
from lstm_spec.types import Array

SEEN = 2.0**-5  # a difference between two answers, at least, that is looked for


def assert_not_ignored(backend: Backend, switched: Switched) -> None:
    """Refuted where the answer moves less than half as far as that of the equations does, where that moves most."""
    (on, off), (right_on, right_off) = (ask_both(asked, switched) for asked in (backend, REFERENCE))
    moved, expected = measure_move(on, off, switched), measure_move(right_on, right_off, switched)
    where = np.unravel_index(np.abs(expected).argmax(), expected.shape)
    if not abs(expected[where]) >= SEEN:
        raise Inconclusive("the feature happens not to matter here")
    if abs(moved[where] - expected[where]) < abs(expected[where]) / 2:
        return
    if not moved.any() and all(np.array_equal(*pair) for pair in zip(on.state, off.state, strict=True)):
        raise Refuted(f"{switched.feature} is claimed, and the answer with it is the answer without it")
    place, (t, b, _) = ", ".join(f"{axis} {k}" for axis, k in zip(STEP, where, strict=True)), where
    lengths = switched.problem.lengths
    beyond = " beyond the length" if lengths is not None and t >= lengths[b] else ""
    observed = f"at {place}{beyond} y moves by {moved[where]:.3g}, expected {expected[where]:.3g}"
    raise Refuted(f"{switched.feature} is claimed, and switching it on moves the answer otherwise: {observed}")


def ask_both(backend: Backend, switched: Switched) -> tuple[Answer, Answer]:
    """The answers with the feature and without it."""
    on, off = (backend.forward(asked) for asked in switched[:2])
    assert_answer_shaped(on, switched.problem)
    assert_answer_shaped(off, switched.without)
    return on, off


def measure_move(on: Answer, off: Answer, switched: Switched) -> Array:
    """How far y moves when the feature is switched on, in float64."""
    return np.asarray(on.y.astype(np.float64)[..., switched.first :] - off.y.astype(np.float64))
