"""If the answers to the dense problems have other shapes, that is the likely cause."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import check
from lstm_spec import Answer, Backend, State

PLENTY = 600.0  # seconds
VALUES = "the answer is that of the equations"


def answering(change: Any) -> Backend:
    return replace(NUMPY, name="mine", forward=lambda problem: change(NUMPY.forward(problem)), gradients=None)


CAUSES = {
    "batch first": (
        lambda a: Answer(np.swapaxes(a.y, 0, 1), a.state),
        "y has shape (2, 3, 5), expected (3, 2, 5): it looks like (B, T, H), so transpose it; with from_packed, switch",
    ),
    "the last step": (
        lambda a: Answer(a.y[-1], a.state),
        "y has shape (2, 5), expected (3, 2, 5): it looks like the last",
    ),
}


@pytest.mark.parametrize("case", CAUSES.values(), ids=CAUSES)
def test_another_shape_is_the_likely_cause(case: tuple[Any, str]) -> None:
    change, cause = case
    report = check(answering(change), profile="quick", name=VALUES, budget=PLENTY)
    assert report.cause.sentence.startswith(f"at T, B, I, H = 3, 2, 4, 5 {cause}")


def test_a_known_fault_of_a_shape_is_named() -> None:
    without_layers = answering(lambda a: Answer(a.y, State(a.state.h[0], a.state.c[0])))
    report = check(without_layers, profile="quick", name=VALUES, budget=PLENTY)
    assert report.cause.sentence.startswith("h_T and c_T are (B, H) (") and report.cause.is_known


def test_a_state_that_is_swapped_is_named() -> None:
    report = check(answering(lambda a: Answer(a.y, State(a.state.c, a.state.h))), profile="quick", name=VALUES)
    assert (
        report.verdicts[0].detail == "the final h (it looks swapped with the final c) is not the same to the last bit"
    )


def test_a_dtype_is_not_repeated_as_its_cause() -> None:
    wide = answering(lambda a: Answer(a.y.astype(np.float64), a.state))
    assert check(wide, profile="quick", name=VALUES).cause.sentence == ""
