"""Cells of Flax, linen and nnx, hold; a subclass of each with one mistake is refuted."""

from typing import Any

import pytest
from flax import linen, nnx

from lstm_spec import BackendUnavailable, from_flax
from tests.helpers.adapted import SOME, find_broken

RIGHT = {
    "linen": linen.OptimizedLSTMCell,
    "linen, gate by gate": linen.LSTMCell,
    "nnx": nnx.OptimizedLSTMCell,
    "nnx, gate by gate": nnx.LSTMCell,
}


class LinenForgets(linen.OptimizedLSTMCell):
    """Its cell state begins anew at every step."""

    @linen.compact
    def __call__(self, carry: Any, inputs: Any) -> Any:
        c, h = carry
        return super().__call__((0 * c, h), inputs)


class NnxSwaps(nnx.OptimizedLSTMCell):
    """It takes the cell state for the hidden state."""

    def __call__(self, carry: Any, inputs: Any) -> Any:
        return super().__call__(carry[::-1], inputs)


@pytest.mark.parametrize("kind", RIGHT)
def test_the_cells_of_flax_hold(kind: str) -> None:
    clauses = SOME if "gate" in kind else (*SOME, "MOD-*", "DIR-1")
    assert find_broken(from_flax(RIGHT[kind]), dtypes=("float32",), clauses=clauses, examples=2) == set()


@pytest.mark.parametrize("make", [LinenForgets, NnxSwaps])
def test_a_cell_with_a_mistake_is_refuted(make: Any) -> None:
    assert find_broken(from_flax(make), dtypes=("float32",), clauses=("CELL-5",), examples=4)


def test_float64_is_wide() -> None:
    assert find_broken(from_flax(), dtypes=("float64",), clauses=("SEQ-4",), examples=2) == set()


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(BackendUnavailable, match="cannot use device 'tpu'"):
        from_flax(device="tpu")
