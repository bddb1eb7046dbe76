"""The parameters of all layers and directions as tensors of a framework, and back."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from lstm_spec.contract import Rows
from lstm_spec.layouts.convert import read_layer, take_parts, write_layer
from lstm_spec.layouts.fitting import find_layout, tensors_of
from lstm_spec.layouts.losses import Losses
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Array, Gate, Parameters

Named = dict[str, Array]  # the tensors of one layer in one direction, by the names of its layout


def name_tensors(rows: Rows, layout: str | Layout) -> list[list[Named]]:
    """Fresh tensors for each layer and direction. A bias that is left out is zero. Raises as `to_layout`.

    Of two biases in tensors of their own each is half of ours, so that one that is forgotten is missed.
    """
    losses, it = Losses(), find_layout(layout)
    found = [[_name_parameters(p, it, losses) for p in row] for row in rows]
    losses.warn()
    return found


def read_tensors(named: list[list[Named]], layout: str | Layout, is_gradient: bool = False) -> Rows:
    """The parameters that these tensors are, or their gradients. Raises as `from_layout`."""
    losses, it = Losses(), find_layout(layout)
    found = tuple(tuple(_read_parameters(tensors, it, is_gradient, losses) for tensors in row) for row in named)
    losses.warn()
    return found


def _name_parameters(p: Parameters, layout: Layout, losses: Losses) -> Named:
    single, second = join_biases(layout)
    tensors = write_layer(fill_biases(p), single, losses)
    for name, other in second.items():
        tensors[name], tensors[other] = tensors[name] / 2, tensors[name] / 2
    return tensors


def _read_parameters(named: Named, layout: Layout, is_gradient: bool, losses: Losses) -> Parameters:
    single, second = join_biases(layout)
    single = replace(single, forget_bias=0.0) if is_gradient and single.forget_bias else single
    tensors = {name: a for name, a in named.items() if name not in second.values()}
    for name, other in second.items():
        join = mix_gradients if is_gradient else np.add
        tensors[name] = join(named[name], named[other])
    return read_layer(take_parts(tensors, single), single, losses)


def mix_gradients(one: Array, other: Array) -> Array:
    """Every second number of each of the gradients of two biases, which are equal: a mean would hide that one is taken
    twice and the other never.
    """
    is_other = np.arange(np.size(one)).reshape(np.shape(one)) % 2 == 1
    return np.where(is_other, other, one)


@lru_cache(64)
def join_biases(layout: Layout) -> tuple[Layout, dict[str, str]]:
    """The layout with one bias, and by the name of each of its tensors that of the second bias; the sum is in both.

    A layout stays as it is if its second bias has no tensor of its own.
    """
    held = [[name for name, pieces in tensors_of(layout).items() if pieces[0].part == part] for part in ("b", "b2")]
    return (replace(layout, b2=""), dict(zip(*held, strict=True))) if held[1] else (layout, {})


def has_biases(rows: Rows) -> bool:
    """Whether the parameters have biases; if not, all are None."""
    b: Array | None = rows[0][0].g.b
    return b is not None


def fill_biases(p: Parameters) -> Parameters:
    """The parameters with zeros for biases that are left out."""

    def fill(gate: Gate | None) -> Gate | None:
        b: Array | None = None if gate is None else gate.b
        return gate and gate._replace(b=np.zeros(len(gate.W), gate.W.dtype) if b is None else b)

    i, f, g, o = map(fill, p[:4])
    assert g is not None
    return Parameters(i, f, g, o, p.R)
