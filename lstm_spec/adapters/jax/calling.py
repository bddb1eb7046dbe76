"""A module of somebody's own style, over all steps of a batch."""

from collections.abc import Callable
from typing import Any

import jax

from lstm_spec.adapters.styles import Style, Three

Tree = Any  # of jax's arrays


def call_styled(style: Style, function: Callable[..., Any], x: Tree, state: Tree) -> Three:
    """y (T, B, H), h and c (1, B, H) for x (T, B, I), where the state is (h, c) or None.

    Raises ValueError for a state of more than one layer or direction.
    """
    if state is not None and {len(a) for a in state} != {1}:
        raise ValueError(f"h and c have {len(state[0])} and {len(state[1])} layers and directions, expected 1 of each")

    def call(x: Tree, h: Tree, c: Tree) -> Three:
        return style.split_result(style.call(function, x, h, c))

    h, c = (None, None) if state is None else (a[0] for a in state)
    if style.is_cell:
        y, h, c = _scan(jax.vmap(call) if style.is_single else call, x, h, c)
    elif style.is_single:
        axes = (1, None, None) if state is None else (1, 0, 0)
        y, h, c = jax.vmap(call, in_axes=axes, out_axes=(1, 0, 0))(x, h, c)
    elif style.batch_first:
        y, h, c = call(x.swapaxes(0, 1), h, c)
        y = y.swapaxes(0, 1)
    else:
        y, h, c = call(x, h, c)
    return y, h[None], c[None]


def _scan(cell: Callable[..., Three], x: Tree, h: Tree, c: Tree) -> Three:
    def step(s: tuple[Tree, Tree], x: Tree) -> tuple[tuple[Tree, Tree], Tree]:
        y, h, c = cell(x, *s)
        return (h, c), y

    (h, c), y = jax.lax.scan(step, (h, c), x)
    return y, h, c
