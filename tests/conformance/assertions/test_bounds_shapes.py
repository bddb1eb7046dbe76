"""That an answer or a gradient of the wrong kind, shape or dtype is refused in these words."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.outcome import Refuted
from lstm_spec import (
    Answer,
    Array,
    Gate,
    Gradients,
    Parameters,
)
from tests.helpers.bounded import ANSWER, GRADIENTS, PROBLEM

SHAPED: dict[str, tuple[str, Callable[[Array], Answer]]] = {
    "y": ("(4, 2, 5)", lambda a: replace(ANSWER, y=a)),
    "the final h": ("(1, 2, 5)", lambda a: replace(ANSWER, state=ANSWER.state._replace(h=a))),
    "the final c": ("(1, 2, 5)", lambda a: replace(ANSWER, state=ANSWER.state._replace(c=a))),
}
each_output = pytest.mark.parametrize("what", SHAPED)


@each_output
def test_an_output_of_another_shape_is_refused(what: str) -> None:
    shape, answered = SHAPED[what]
    with pytest.raises(Refuted) as refuted:
        assert_answer_shaped(answered(np.zeros((7, 5))), PROBLEM)
    assert (refuted.value.reason, refuted.value.clause) == (f"{what} has shape (7, 5), expected {shape}", "SHAPE-1")


@each_output
def test_an_output_of_another_dtype_breaks_the_clause_on_dtypes(what: str) -> None:
    _, answered = SHAPED[what]
    shape = (4, 2, 5) if what == "y" else (1, 2, 5)
    with pytest.raises(Refuted) as refuted:
        assert_answer_shaped(answered(np.zeros(shape, np.float32)), PROBLEM)
    reason = f"{what} is float32, expected float64 like the problem"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-2")


@each_output
def test_an_output_that_is_no_array_is_refused(what: str) -> None:
    _, answered = SHAPED[what]
    with pytest.raises(Refuted) as refuted:
        assert_answer_shaped(answered(Gate(0, 0, 0)), PROBLEM)
    reason = f"{what} is a lstm_spec.types.Gate, expected a numpy.ndarray; convert it before returning it"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-1")


def with_parameter(letter: str, part: str, a: Array) -> Gradients:
    layer = GRADIENTS.parameters[0][0]
    changed: Parameters = layer._replace(**{letter: getattr(layer, letter)._replace(**{part: a})})
    return replace(GRADIENTS, parameters=((changed,),))


def with_state(**parts: Array) -> Gradients:
    return replace(GRADIENTS, state=GRADIENTS.state._replace(**parts))


SHAPED_GRADIENTS: dict[str, tuple[tuple[int, ...], Callable[[Array], Gradients]]] = {
    "x": ((4, 2, 3), lambda a: replace(GRADIENTS, x=a)),
    "h_0": ((1, 2, 5), lambda a: with_state(h=a)),
    "c_0": ((1, 2, 5), lambda a: with_state(c=a)),
    **{
        f"{letter}.{part}": (shape, lambda a, letter=letter, part=part: with_parameter(letter, part, a))
        for letter in "ifgo"
        for part, shape in (("W", (5, 3)), ("U", (5, 5)), ("b", (5,)))
    },
}
each_gradient = pytest.mark.parametrize("of", SHAPED_GRADIENTS)


@each_gradient
def test_a_gradient_of_another_shape_is_refused(of: str) -> None:
    shape, found = SHAPED_GRADIENTS[of]
    with pytest.raises(Refuted) as refuted:
        assert_gradients_shaped(found(np.zeros((7, 7))), PROBLEM)
    reason = f"the gradient of {of} has shape (7, 7), expected {shape}"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-3")


@each_gradient
def test_a_gradient_of_another_dtype_is_refused(of: str) -> None:
    shape, found = SHAPED_GRADIENTS[of]
    with pytest.raises(Refuted) as refuted:
        assert_gradients_shaped(found(np.zeros(shape, np.float32)), PROBLEM)
    reason = f"the gradient of {of} is float32, expected float64 like the problem"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-3")
