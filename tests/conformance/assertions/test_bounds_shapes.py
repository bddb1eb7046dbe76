"""That an answer or a gradient of the wrong kind, shape or dtype is refused in these words."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped, suggest_shape
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
    reason = f"{what} is float32, expected float64 like the problem; convert it"
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
    reason = f"the gradient of {of} is float32, expected float64 like the problem; convert it"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-3")


# ---------------------------------------------------------------- what another shape looks like

SHAPES = {"T": 4, "B": 2, "H": 5}
READERS = {"L·D": 3, "B": 2, "H": 5}
MATRIX = {"H": 5, "I": 3}
LOOKS: dict[str, tuple[tuple[int, ...], dict[str, int], str]] = {
    "batch first": ((2, 4, 5), SHAPES, "looks like (B, T, H), so transpose it; with from_packed, switch batch_first"),
    "units first": ((5, 4, 2), SHAPES, "looks like (H, T, B), so transpose it"),
    "one step": ((2, 5), SHAPES, "looks like the last step alone, so return every step"),
    "two directions": ((4, 2, 2, 5), {"T": 4, "B": 2, "D·P": 10}, "looks like (T, B, D, P), so join the last two axes"),
    "no layers": ((2, 5), READERS | {"L·D": 1}, "lacks the first axis, layers times directions, so return h[None]"),
    "batch first in a state": ((2, 3, 5), READERS, "looks like (B, L·D, H), so transpose it"),
    "layers and directions": (
        (2, 2, 2, 5),
        READERS | {"L·D": 4},
        "looks like (L, D, B, units), so join the first two axes",
    ),
    "one axis more": ((1, 1, 2, 5), READERS | {"L·D": 1}, "has an axis of 1 more, so drop that"),
    "a matrix": ((3, 5), MATRIX, "looks like (I, H), so transpose it; with from_packed, switch transposed"),
    "a projection": ((5, 2), {"P": 2, "H": 5}, "looks like (H, P), so transpose it"),
    "all gates": ((20, 3), MATRIX, "looks like all gates, stacked, so split it by gate, or wrap the function"),
    "three gates": ((15,), {"H": 5}, "looks like all gates, stacked, so split it by gate, or wrap"),
    "a column": ((5, 1), {"H": 5}, "has an axis of 1 more, so drop that"),
    "nothing known": ((7, 7), MATRIX, ""),
    "no axes known": ((7, 7), {}, ""),
}


@pytest.mark.parametrize("case", LOOKS.values(), ids=LOOKS)
def test_what_another_shape_looks_like_is_said(case: tuple[tuple[int, ...], dict[str, int], str]) -> None:
    got, axes, looks = case
    hint = suggest_shape(got, axes)
    assert hint.startswith(f": it {looks}" if looks else "") and (bool(hint) == bool(looks))


def test_every_array_of_an_answer_has_its_hint() -> None:
    """A state without its axis, and a gradient that is stored the other way."""
    lacking = replace(ANSWER, state=ANSWER.state._replace(c=ANSWER.state.c[0]))
    with pytest.raises(Refuted, match=r"the final c has shape \(2, 5\), expected \(1, 2, 5\): it lacks the first axis"):
        assert_answer_shaped(lacking, PROBLEM)
    with pytest.raises(
        Refuted, match=r"gradient of f.W has shape \(3, 5\), expected \(5, 3\): it looks like \(I, H\), so"
    ):
        assert_gradients_shaped(with_parameter("f", "W", np.zeros((3, 5))), PROBLEM)
    with pytest.raises(
        Refuted, match=r"gradient of x has shape \(2, 4, 3\), .*: it looks like \(B, T, I\), so transpose"
    ):
        assert_gradients_shaped(replace(GRADIENTS, x=np.zeros((2, 4, 3))), PROBLEM)
    with pytest.raises(
        Refuted, match=r"gradient of h_0 has shape \(2, 5\), expected \(1, 2, 5\): it lacks the first axis"
    ):
        assert_gradients_shaped(with_state(h=np.zeros((2, 5))), PROBLEM)
