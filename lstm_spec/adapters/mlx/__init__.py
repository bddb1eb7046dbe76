"""An LSTM of MLX as an Implementation. mlx is imported when the adapter is used."""

from typing import Any

from lstm_spec.contract import Description, Implementation
from lstm_spec.frameworks import require_library
from lstm_spec.layouts.table import Layout


def from_mlx(
    make: Any = None,
    *,
    name: str | None = None,
    layout: str | Layout | None = None,
    device: str = "cpu",
    description: Description | None = None,
) -> Implementation:
    """The LSTM that a module of MLX is, and its gradients by mlx.core.vjp.

    `make` is called like mlx.nn.LSTM, as (I, H), which it is if left out; what it makes is called like that, as
    (x, h, c) -> (all hidden states, all cell states), batch first, or it returns (y, (h, c)), or is a cell. Where which
    gate lies is found by asking it, unless it is MLX's own or `layout` says it. If it takes `bias`, a bias may be left
    out.

    `device` is cpu or gpu; `description` replaces everything that is said of the module. Raises BackendUnavailable
    without mlx or that device, TypeError for what is no LSTM.
    """
    require_library("mlx")
    from lstm_spec.adapters.mlx.module import adapt_module

    return adapt_module(make, name, layout, device, description)
