"""The LSTM of MLX holds; a subclass with one mistake is refuted."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from lstm_spec import BackendUnavailable, from_mlx
from tests.helpers.adapted import SOME, find_broken


class Returns(nn.LSTM):
    """Its cell states are its hidden states."""

    def __call__(self, x: Any, hidden: Any = None, cell: Any = None) -> Any:
        h, _ = super().__call__(x, hidden=hidden, cell=cell)
        return h, h


def test_the_lstm_of_mlx_holds() -> None:
    assert find_broken(from_mlx(), clauses=(*SOME, "SHAPE-*", "MOD-*", "GRAD-*"), examples=4) == set()


def test_a_layer_with_a_mistake_is_refuted() -> None:
    assert find_broken(from_mlx(Returns), clauses=("SEQ-2",), examples=4)


@pytest.mark.skipif(mx.metal.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(BackendUnavailable, match="cannot use device 'gpu'"):
        from_mlx(device="gpu")
