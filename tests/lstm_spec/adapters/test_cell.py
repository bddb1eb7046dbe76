"""A function that does one step is a Backend; its gradient of one step is carried back through time."""

from typing import Any

import numpy as np
import pytest

from conformance.outcome import Outcome
from conformance.run.check import check
from lstm_spec import Feature, from_cell
from tests.helpers.adapted import ANSWER, GRADIENT, assert_refuted
from tests.helpers.problems import make_problem


def sigmoid(z: Any) -> Any:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def list_gates(x: Any, h: Any, W: Any, U: Any, b: Any) -> Any:
    i, o, f, g = np.split(x @ W.T + h @ U.T + b, 4, axis=1)
    return sigmoid(i), sigmoid(o), sigmoid(f), np.tanh(g)


def step(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any:
    i, o, f, g = list_gates(x, h, W, U, b)
    c = f * c + i * g
    return o * np.tanh(c), c


def gradients(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any, dh: Any, dc: Any) -> Any:
    i, o, f, g = list_gates(x, h, W, U, b)
    new = f * c + i * g
    dc = dc + dh * o * (1 - np.tanh(new) ** 2)
    slopes = [dc * g * i * (1 - i), dh * np.tanh(new) * o * (1 - o), dc * c * f * (1 - f), dc * i * (1 - g**2)]
    dz = np.concatenate(slopes, axis=1)
    return o * np.tanh(new), new, dz @ W, dz @ U, dc * f, dz.T @ x, dz.T @ h, dz.sum(0)


def cut(*given: Any) -> Any:
    """As `gradients`, but no gradient returns through U."""
    found = list(gradients(*given))
    found[3] = 0 * found[3]
    return tuple(found)


def forget_tanh(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any:
    i, o, f, g = list_gates(x, h, W, U, b)
    c = f * c + i * g
    return o * c, c


def return_the_old_cell_state(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any:
    return step(x, h, c, W, U, b)[0], c


def test_a_right_step_holds_with_and_without_its_gradient() -> None:
    for function in (None, gradients):
        backend = from_cell(step, function, order="iofg", biases=1)
        assert backend.name == "step" and backend.offers(Feature.GRADIENTS) == (function is not None)
        report = check(backend, profile="quick", dtypes=("float64",), clauses=("SEQ-*", "CELL-*", "GRAD-*"), examples=2)
        assert not report.failures
        assert {v.outcome for v in report.verdicts} <= {Outcome.HOLDS, Outcome.NOT_CLAIMED}


MISTAKES = {
    "does_not_squash_the_cell_state": (forget_tanh, None, ANSWER),
    "": (return_the_old_cell_state, None, ANSWER),
    "drops_the_path_through_the_hidden_state": (step, cut, GRADIENT),
}


@pytest.mark.parametrize("fault", MISTAKES)
def test_a_mistake_in_it_is_refuted_and_named(fault: str) -> None:
    function, of_step, asked = MISTAKES[fault]
    assert_refuted(from_cell(function, of_step, order="iofg", biases=1), asked, fault)


def test_what_is_no_step_is_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"step is the function .*; pass biases=1"):
        from_cell(step)
    with pytest.raises(TypeError, match=r"gradients is the function .*step.*, but is given 8: .* dh, dc"):
        from_cell(step, step, biases=1)
    with pytest.raises(ValueError, match="biases is 3"):
        from_cell(step, biases=3)
    with pytest.raises(TypeError, match=r"returned 3 values, expected 2: \(h, c\)"):
        three: Any = lambda x, h, c, W, U, b: (h, h, c)  # noqa: E731
        from_cell(three, biases=1).forward(make_problem())
