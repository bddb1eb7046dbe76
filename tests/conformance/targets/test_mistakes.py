"""What is no answer, or no gradients, is refused with what helps."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Refuted
from conformance.targets.border import guard_backend
from lstm_spec import Answer, Gradients
from tests.helpers.isolation import SHORT, cotangents

ANSWER, GRADIENTS = NUMPY.differentiate(SHORT, cotangents(SHORT))
PARAMETERS = GRADIENTS.parameters[0][0]
WRITE = "return Answer(y, State(h, c))"


class Foreign:
    """An array of another library."""

    shape, dtype = SHORT.x.shape, SHORT.x.dtype


def of_module(module: str) -> Any:
    return type("Tensor", (Foreign,), {"__module__": module})()


NO_ANSWERS: dict[str, tuple[Any, str]] = {
    "nothing": (None, f"it returned nothing: {WRITE}"),
    "a tuple of three": (
        (ANSWER.y, *ANSWER.state),
        f"if that is (y, h, c), {WRITE}, or wrap the function with from_pa",
    ),
    "a list": ([ANSWER.y, *ANSWER.state], f"if that is (y, h, c), {WRITE}, or wrap the function with from_packed"),
    "nested": ((ANSWER.y, ANSWER.state), WRITE),
    "y": (ANSWER.y, WRITE),
    "the state": (ANSWER.state, f"it looks like the state alone: {WRITE}"),
    "swapped": (Answer(ANSWER.state, ANSWER.y), f"y and the state look swapped: {WRITE}"),  # type: ignore[arg-type]
    "a tuple for a state": (Answer(ANSWER.y, (*ANSWER.state,)), f"its state is a tuple: {WRITE}"),  # type: ignore[arg-type]
    "a pair": ((ANSWER, GRADIENTS), "it looks like what gradients returns: forward returns the Answer alone"),
}


@pytest.mark.parametrize("case", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_is_refused_with_what_helps(case: tuple[Any, str]) -> None:
    returned, remedy = case
    wrong = guard_backend(replace(NUMPY, forward=lambda problem: returned))
    with pytest.raises(Refuted) as refuted:
        wrong.forward(SHORT)
    assert f", expected an lstm_spec.Answer; {remedy}" in refuted.value.reason


NO_PAIRS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "it returned nothing: return (Answer(...), Gradients(...))"),
    "the answer": (ANSWER, "it looks like the answer alone: return (answer, Gradients(parameters, x, state))"),
    "the gradients": (GRADIENTS, "also return the answer of the pass that was differentiated"),
    "swapped": ((GRADIENTS, ANSWER), "the two look swapped: return (answer, gradients)"),
    "packed": ((ANSWER.y,) * 9, "if that is (y, h, c, dx, dh, dc, dW, dU, *db), wrap both functions with from_packed"),
    "one layer": (
        (ANSWER, Gradients(PARAMETERS, GRADIENTS.x, GRADIENTS.state)),  # type: ignore[arg-type]
        "Gradients.parameters is one layer's: write ((parameters,),), by layer and direction",
    ),
    "no directions": (
        (ANSWER, Gradients((PARAMETERS,), GRADIENTS.x, GRADIENTS.state)),  # type: ignore[arg-type]
        "Gradients.parameters has no directions: write ((parameters,), ...), by layer and direction",
    ),
    "lists": (
        (ANSWER, Gradients([[PARAMETERS]], GRADIENTS.x, GRADIENTS.state)),  # type: ignore[arg-type]
        "Gradients.parameters are Parameters by layer and direction, in tuples: ((parameters,),) for one layer",
    ),
    "a tuple for a state": (
        (ANSWER, replace(GRADIENTS, state=(*GRADIENTS.state,))),  # type: ignore[arg-type]
        "Gradients.state is a tuple: write State(dh, dc)",
    ),
}


@pytest.mark.parametrize("case", NO_PAIRS.values(), ids=NO_PAIRS)
def test_what_is_no_pair_is_refused_with_what_helps(case: tuple[Any, str]) -> None:
    returned, remedy = case
    wrong = guard_backend(replace(NUMPY, gradients=lambda problem, d: returned))
    with pytest.raises(Refuted) as refuted:
        wrong.differentiate(SHORT, cotangents(SHORT))
    assert f", expected (Answer, Gradients); {remedy}" in refuted.value.reason


@pytest.mark.parametrize(
    "y, sentence",
    [
        (
            of_module("torch"),
            "y is a torch.Tensor, expected a numpy.ndarray; convert it before returning it: .detach()",
        ),
        (of_module("cupy"), "y is a cupy.Tensor, expected a numpy.ndarray; convert it before returning it: .get()"),
        (of_module("mine"), "y is a mine.Tensor, expected a numpy.ndarray; convert it before returning it"),
        (
            SHORT.x.tolist(),
            "y is a builtins.list, expected a numpy.ndarray; convert it before returning it: np.asarray(",
        ),
    ],
)
def test_what_is_no_array_is_refused_with_what_helps(y: Any, sentence: str) -> None:
    wrong = guard_backend(replace(NUMPY, forward=lambda problem: replace(ANSWER, y=y)))
    with pytest.raises(Refuted) as refuted:
        wrong.forward(SHORT)
    assert refuted.value.reason.startswith(sentence)


def test_the_hints_do_not_touch_a_right_answer() -> None:
    assert np.array_equal(guard_backend(NUMPY).forward(SHORT).y, ANSWER.y)
