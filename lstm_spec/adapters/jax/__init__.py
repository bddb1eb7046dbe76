"""LSTM cells of Flax and Equinox as an Implementation. Their libraries are imported when an adapter is used."""

from typing import Any

from lstm_spec.contract import Description, Implementation
from lstm_spec.frameworks import require_library
from lstm_spec.layouts.table import Layout


def from_flax(
    make: Any = None,
    *,
    name: str | None = None,
    layout: str | Layout | None = None,
    device: str = "cpu",
    description: Description | None = None,
) -> Implementation:
    """The LSTM that a cell of Flax is under RNN, and with two of them under Bidirectional; compiled by jax.jit.

    `make` is called like linen.OptimizedLSTMCell, as (H), or like nnx.OptimizedLSTMCell, as (I, H, rngs=...); what it
    makes is called like these cells, as ((c, h), x) -> ((c, h), y). It is the first of them if it is left out. Its
    parameters have the names of one of Flax's layouts, or those of `layout`.

    `device` is one of jax's platforms; `description` replaces everything that is said of the cell. Raises
    BackendUnavailable without jax or flax, or without that device, TypeError or ValueError for what is no such cell.
    """
    require_library("flax")
    from lstm_spec.adapters.jax.adapter import adapt_flax

    return adapt_flax(make, name, layout, device, description)


def from_equinox(
    make: Any = None,
    *,
    name: str | None = None,
    layout: str | Layout = "equinox",
    device: str = "cpu",
    description: Description | None = None,
) -> Implementation:
    """The LSTM that a cell of Equinox is under jax.lax.scan and jax.vmap; compiled by jax.jit.

    `make` is called like equinox.nn.LSTMCell, as (I, H, key=...), which it is if left out; what it makes is called like
    that, as (x, (h, c)) -> (h, c), and its parameters have the names of `layout`. If it takes use_bias, a bias may be
    left out. The rest as in `from_flax`.
    """
    require_library("equinox")
    from lstm_spec.adapters.jax.adapter import adapt_equinox

    return adapt_equinox(make, name, layout, device, description)
