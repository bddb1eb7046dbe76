"""Tensors without names: lists as get_weights() returns them, and the flat buffers of cuDNN, MIOpen and MXNet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from lstm_spec.layouts.fitting import sizes_of, tensors_of
from lstm_spec.layouts.foreign import shape_of
from lstm_spec.layouts.guessing import find_candidate, pick_candidate
from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.types import Array, Direction

LISTED = ("keras", "cudnnlstm-v1", "pytorch", "equinox", "dynet", "tf1-basic")  # which hand out lists
SIZES = ("I", "H", "layers", "directions", "P")


def name_list(
    tensors: Sequence[Any], layout: str | None, directions: Sequence[Direction] | None
) -> tuple[dict[str, Any], str]:
    """The tensors by name, and the layout in which they are.

    Raises ValueError if they fit no layout whose framework has lists, or several.
    """
    found = []
    for name in [layout] if layout else LISTED if all(map(shape_of, tensors)) else ():
        layers = tensors_of(LAYOUTS[name])
        for owns in ([*layers], [own for own, pieces in layers.items() if pieces[0].part in ("W", "U")]):
            if len(tensors) and len(tensors) % len(owns) == 0:
                named = _name_chunks(tensors, owns, directions)
                if len((one := find_candidate(named, name)).used) == len(named):
                    found.append((named, one))
    if not found:
        shapes = ", ".join(str(shape_of(a)) for a in tensors[:8])
        raise ValueError(
            f"the list has {len(tensors)} tensors of shapes {shapes or '(none)'}, expected input weights, recurrent"
            " weights and biases of an LSTM, for each layer and direction; give the tensors by name"
        )
    return found[0][0], pick_candidate([one for _, one in found]).name


def _name_chunks(tensors: Sequence[Any], owns: list[str], directions: Sequence[Direction] | None) -> dict[str, Any]:
    """A chunk for each layer and direction. A second direction reads as many inputs as the first.

    Raises ValueError if it might also be a second layer.
    """
    chunks = [tensors[k : k + len(owns)] for k in range(0, len(tensors), len(owns))]
    shapes = [[shape_of(a) for a in chunk] for chunk in chunks]
    is_alike, D = len(chunks) > 1 and shapes[0] == shapes[1], len(directions or ())
    if is_alike and not D and len({*shapes[0][:2]}) == 1:
        raise ValueError(
            f"the list has {len(chunks)} sets of weights of the same shapes, which are layers or directions; say which:"
            " directions=('forward',), or ('forward', 'reverse')"
        )
    D = D or (2 if is_alike else 1)
    places = [f"{('forward', 'backward')[k % D]}/l{k // D}/" if len(chunks) > 1 else "" for k in range(len(chunks))]
    pairs = zip(places, chunks, strict=True)
    return {f"{place}{own}": a for place, chunk in pairs for own, a in zip(owns, chunk, strict=True)}


def split_buffer(buffer: Array, layout: Layout, sizes: Mapping[str, int]) -> dict[str, Array]:
    """The pieces of a flat buffer, by PyTorch's names: matrices of all layers and directions, then biases of all.

    Raises ValueError unless the sizes I and H, and layers, directions and P if there are more, fit its length.
    """
    if not {"I", "H"} <= {*sizes} <= {*SIZES}:
        raise ValueError(
            f"sizes is {dict(sizes)}, expected I and H, and layers, directions or P; a flat buffer does not tell them"
        )
    shapes = _list_shapes(sizes)
    wanted = sum(map(prod, shapes.values()))
    if buffer.size != wanted:
        raise ValueError(
            f"the buffer has {buffer.size} numbers, expected {wanted} for {dict(sizes)} with two biases; are the sizes"
            " right, and is it without padding?"
        )
    found, start = {}, 0
    for name, shape in shapes.items():
        found[name] = buffer[start : start + prod(shape)].reshape(shape)
        start += prod(shape)
    return found


def _list_shapes(sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """By PyTorch's names, in the order of the buffer."""
    I, H, L, D = (sizes.get(name, 1) for name in SIZES[:4])
    P, pieces = sizes.get("P", H), tensors_of(LAYOUTS["pytorch"], projection="P" in sizes)
    matrices: dict[str, tuple[int, ...]] = {}
    biases: dict[str, tuple[int, ...]] = {}
    for k in range(L):
        for d in range(D):
            for own, (piece,) in pieces.items():
                target = biases if piece.part[0] == "b" else matrices
                shape = piece.shape(sizes_of(H, D * P if k else I, P))
                target[f"{own}_l{k}{'_reverse' * d}"] = shape
    return matrices | biases


def join_buffer(tensors: Mapping[str, Array]) -> Array:
    """The flat buffer of tensors by PyTorch's names: all matrices, then all biases."""
    ordered = sorted(tensors, key=lambda name: "bias" in name)
    return np.concatenate([tensors[name].ravel() for name in ordered])


def as_buffer_layout(layout: Layout) -> Layout:
    """The layout of the pieces of a flat buffer: PyTorch's, with the order of the gates that is asked for."""
    return replace(LAYOUTS["pytorch"], order=layout.order)
