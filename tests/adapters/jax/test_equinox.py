"""The cell of Equinox holds; a subclass with one mistake is refuted."""

from typing import Any

import equinox

from lstm_spec import from_equinox
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
