"""The tensors of one place, opened: biases that are left out, both directions or all layers in one tensor."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from lstm_spec.layouts.convert import Kept, take_parts
from lstm_spec.layouts.fitting import names_and_axes, tensors_of
from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.types import Array

OTHERS = {3: "those of a GRU", 1: "those of a plain recurrent layer"}  # by the number of blocks


def open_tensors(tensors: Mapping[str, Array], layout: Layout, names: Mapping[str, str]) -> list[list[Kept]]:
    """What the tensors keep, by their own names, for each layer and direction that they hold.

    `names` are the whole names, for errors. Raises ValueError or TypeError as `from_layout`, or if the tensors are
    those of another kind of layer.
    """
    check_blocks(tensors, layout, names)
    whole, axes = _fill_biases(tensors, layout), names_and_axes(layout.W)[1]
    if "D" not in axes:
        return [[_take_parts(whole, layout, names)]]
    W = tensors[names_and_axes(layout.W)[0][0]]
    counts = [W.shape[axes.index(letter)] if W.ndim == len(axes) and letter in axes else 1 for letter in "LD"]
    return [[_take_parts(_cut(whole, layout, k, d), layout, names) for d in range(counts[1])] for k in range(counts[0])]


def is_complete(names: Mapping[str, Any], layout: Layout) -> bool:
    """Whether the weights are there, and all biases or none."""
    biases = {*_list_biases(layout)}
    needed = {*tensors_of(layout)} - biases
    has_none = biases.isdisjoint(names) and layout is not LAYOUTS["cudnnlstm-v1"]  # which cannot be without
    return needed <= {*names} and (biases <= {*names} or has_none)


def _list_biases(layout: Layout) -> list[str]:
    return [name for name, pieces in tensors_of(layout).items() if all(piece.part in ("b", "b2") for piece in pieces)]


def _take_parts(tensors: Mapping[str, Array], layout: Layout, names: Mapping[str, str]) -> Kept:
    try:
        return take_parts(tensors, layout)
    except (TypeError, ValueError) as error:
        own, _, rest = str(error).partition(" ")
        raise type(error)(f"{names.get(own, own)} {rest}") from None


def _cut(tensors: Mapping[str, Array], layout: Layout, layer: int, direction: int) -> dict[str, Array]:
    """The part of one layer and direction, with 1 where L and D stand."""
    found, at = {}, {"L": layer, "D": direction}
    for name, pieces in tensors_of(layout, bool(layout.p), bool(layout.R)).items():
        if name in tensors:
            places = [slice(at[axis], at[axis] + 1) if axis in at else slice(None) for axis in pieces[0].axes]
            found[name] = tensors[name][tuple(places)] if tensors[name].ndim == len(places) else tensors[name]
    return found


def _fill_biases(tensors: Mapping[str, Array], layout: Layout) -> Mapping[str, Array]:
    """The tensors with zeros for biases that are left out, all of them."""
    biases = _list_biases(layout)
    if not {*biases}.isdisjoint(tensors):
        return tensors
    U, axes = names_and_axes(layout.U)
    some = tensors.get(U[0])
    if some is None or some.ndim != len(axes):
        return tensors
    sizes = {"4": 4, "1": 1, "L": 1, "D": 1} | {
        axis[-1]: n // (4 if axis[0] == "4" else 1) for axis, n in zip(axes, some.shape, strict=True)
    }
    found = dict(tensors)
    for name in biases:
        pieces = tensors_of(layout)[name]
        shape = [prod(sizes[letter] for letter in axis) for axis in pieces[0].axes]
        shape[-1] *= len(pieces)
        found[name] = np.zeros(shape, some.dtype)
    return found


def check_blocks(tensors: Mapping[str, Array], layout: Layout, names: Mapping[str, str]) -> None:
    """Raise ValueError if there are as many blocks of rows as another kind of layer has gates."""
    U, axes = names_and_axes(layout.U)
    stacked = next((k for k, axis in enumerate(axes) if axis in ("4H", "4P")), None)
    a = tensors.get(U[0])
    if stacked is None or a is None or a.ndim != len(axes) or U[0] in names_and_axes(layout.W)[0]:
        return
    other = next(n for k, n in enumerate(a.shape) if k != stacked and axes[k] not in ("D", "L"))
    blocks = a.shape[stacked] // max(1, other)
    if blocks in OTHERS and a.shape[stacked] == blocks * other and not {*names_and_axes(layout.R)[0]} & {*tensors}:
        raise ValueError(
            f"{names[U[0]]} has shape {a.shape}, {blocks} block{'s' * (blocks > 1)} of {other} rows, expected the 4 of"
            f" an LSTM: the weights are {OTHERS[blocks]}; give those of an LSTM"
        )
