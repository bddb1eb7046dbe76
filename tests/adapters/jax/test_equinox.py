"""The cell of Equinox holds; a subclass with one mistake is refuted."""

from typing import Any

import equinox
import numpy as np
import pytest

from lstm_spec import from_equinox
from lstm_spec.adapters.forms import draw_problem
from tests.helpers.adapted import SOME, find_broken


class Remembers(equinox.nn.LSTMCell):
    """It forgets nothing of the cell state."""

    def __call__(self, input: Any, hidden: Any, *, key: Any = None) -> Any:
        h, c = super().__call__(input, hidden)
        return h, c + hidden[1]


def test_the_cell_of_equinox_holds() -> None:
    assert find_broken(from_equinox(), dtypes=("float32",), clauses=(*SOME, "MOD-*"), examples=2) == set()


def test_a_cell_with_a_mistake_is_refuted() -> None:
    assert find_broken(from_equinox(Remembers), dtypes=("float32",), clauses=("CELL-5",), examples=4)


@pytest.mark.parametrize("part", ["h", "c"])
def test_a_state_of_two_layers_is_refused(part: str) -> None:
    """Its first one would be an answer, though the shapes do not fit (CONTRACT-3)."""
    implementation, problem = from_equinox(), draw_problem(3, 2, 4, 5)
    module = implementation.build(problem.parameters, problem.variant, problem.directions)
    two = problem.state._replace(**{part: np.repeat(getattr(problem.state, part), 2, axis=0)})
    with pytest.raises(ValueError, match="expected 1 of each"):
        module.forward(problem.x, two)
