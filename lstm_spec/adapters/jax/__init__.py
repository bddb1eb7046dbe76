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
    """The LSTM that a module of Flax is, of linen or nnx; compiled by jax.jit.

    `make` is a class or a function that is called with H, or with I and H, and rngs if it takes them;
    linen.OptimizedLSTMCell if left out. What it makes is an RNNCellBase, which RNN runs, and two of them under
    Bidirectional; or a cell, ((c, h), x) -> ((c, h), y); or it reads sequences, (x, (c, h)) -> (y, (c, h)). h and c may
    be two arguments and stand in any order.

    Its parameters may have any names and shapes: where which gate lies is found by asking it, unless it is one of
    Flax's own or `layout` says it. If nothing fits, the judge asks it in the form that comes nearest.

    `device` is one of jax's platforms; `description` replaces everything that is said of the module. Raises
    BackendUnavailable without jax or flax, or without that device, TypeError or ValueError for what is no LSTM.
    """
    require_library("flax")
    from lstm_spec.adapters.jax.adapter import adapt_flax

    return adapt_flax(make, name, layout, device, description)


def from_equinox(
    make: Any = None,
    *,
    name: str | None = None,
    layout: str | Layout | None = None,
    device: str = "cpu",
    description: Description | None = None,
) -> Implementation:
    """The LSTM that a module of Equinox is; compiled by jax.jit.

    `make` is called like equinox.nn.LSTMCell, as (I, H, key=...), which it is if left out. What it makes is called like
    that, as (x, (h, c)) -> (h, c), or it reads sequences, (x, (h, c)) -> (y, (h, c)); with an axis for the batch or
    without. If it takes use_bias, a bias may be left out. The rest as in `from_flax`.
    """
    require_library("equinox")
    from lstm_spec.adapters.jax.adapter import adapt_equinox

    return adapt_equinox(make, name, layout, device, description)
