"""The tensors of other frameworks and back: one layer in one direction. No dtype is ever cast."""

from collections.abc import Mapping

import numpy as np

from lstm_spec.layouts.fitting import (
    Piece,
    Sizes,
    check_has_room,
    checked_sizes,
    checked_tensors,
    find_joint,
    find_layout,
    has_peepholes,
    order_axes,
    tensors_of,
)
from lstm_spec.layouts.losses import CancellingBiases as CancellingBiases
from lstm_spec.layouts.losses import Losses
from lstm_spec.layouts.losses import LossyConversion as LossyConversion
from lstm_spec.layouts.table import LAYOUTS as LAYOUTS
from lstm_spec.layouts.table import Layout as Layout
from lstm_spec.types import Array, Gate, Parameters


def to_layout(parameters: Parameters, layout: str | Layout) -> dict[str, Array]:
    """The parameters as fresh tensors of a framework, by its own names. If it has two biases, the second is zero.

    Raises ValueError or TypeError if the parameters do not fit each other or the layout. Warns of a LossyConversion if
    the number that the framework adds to the forget gate's bias cannot be subtracted exactly.
    """
    losses = Losses()
    found = write_layer(parameters, find_layout(layout), losses)
    losses.warn()
    return found


def from_layout(tensors: Mapping[str, Array], layout: str | Layout) -> Parameters:
    """Fresh parameters from the tensors of a framework, by its own names. Two biases are added.

    Raises ValueError or TypeError if a tensor is missing, unknown to the layout, or does not fit the others. Warns of a
    LossyConversion if the sum of two biases had to be rounded, of CancellingBiases if they are far larger than it.
    """
    losses, it = Losses(), find_layout(layout)
    found = read_layer(take_parts(tensors, it), it, losses)
    losses.warn()
    return found


def convert(tensors: Mapping[str, Array], *, source: str | Layout, target: str | Layout) -> dict[str, Array]:
    """The tensors of one framework as those of another. Raises and warns like `from_layout` and `to_layout`."""
    losses, it = Losses(), find_layout(source)
    found = write_layer(read_layer(take_parts(tensors, it), it, losses), find_layout(target), losses)
    losses.warn()
    return found


# ---------------------------------------------------------------- one layer, whose losses are only noted


Kept = dict[tuple[str, str], Array]  # what a layout keeps, by part and gate; R of gate ""


def write_layer(parameters: Parameters, it: Layout, losses: Losses) -> dict[str, Array]:
    """The tensors of `to_layout`; what is lost is noted."""
    sizes = checked_sizes(parameters)
    check_has_room(it, parameters)
    kept = _keep_parts(parameters, it, losses)
    tensors = tensors_of(it, has_peepholes(parameters), parameters.R is not None)
    return {
        name: np.ascontiguousarray(
            np.concatenate([_arrange_piece(piece, kept, sizes) for piece in pieces], find_joint(pieces))
        )
        for name, pieces in tensors.items()
    }


def take_parts(tensors: Mapping[str, Array], it: Layout) -> Kept:
    """What the tensors keep, by part and gate. Raises as `from_layout`."""
    expected, sizes = checked_tensors(tensors, it)
    kept: Kept = {}
    for name, pieces in expected.items():
        for piece, array in zip(pieces, _split_tensor(tensors[name], pieces, sizes), strict=True):
            kept |= _take_apart(piece, array, sizes)
    return kept


def read_layer(kept: Kept, it: Layout, losses: Losses) -> Parameters:
    """The parameters that these parts are."""
    gates = {letter: _gate_of(kept, letter, it, losses) for letter in it.order}
    return Parameters(gates.get("i"), gates.get("f"), gates["g"], gates.get("o"), kept.get(("R", "")))


def measure_biases(kept: Kept, it: Layout) -> dict[str, Array]:
    """By gate, the magnitudes (H,) of everything that is added as a bias, added: |b| + |b2|."""
    added = {letter: it.forget_bias * (letter == "f") for letter in it.order}
    parts = {letter: [kept[part, letter] for part in ("b", "b2") if (part, letter) in kept] for letter in it.order}
    return {letter: sum(map(np.abs, parts[letter]), np.full(1, added[letter], float)) for letter in it.order}


def _arrange_piece(piece: Piece, kept: Kept, sizes: Sizes) -> Array:
    arrays = [kept[piece.part, gate] for gate in piece.gates]
    whole = np.stack(arrays) if piece.stacked else arrays[0]
    if piece.is_reread:
        whole = whole.reshape(*whole.shape[:-2], *whole.shape[:-3:-1]).swapaxes(-1, -2)
    return whole.transpose(order_axes(piece)[0]).reshape(piece.shape(sizes))


def _split_tensor(tensor: Array, pieces: tuple[Piece, ...], sizes: Sizes) -> list[Array]:
    if len(pieces) == 1:  # np.split takes longer than all else here
        return [tensor]
    k = find_joint(pieces)
    return np.split(tensor, np.cumsum([piece.shape(sizes)[k] for piece in pieces])[:-1], axis=k)


def _take_apart(piece: Piece, array: Array, sizes: Sizes) -> Kept:
    axes = array.reshape([sizes[letter] for letter in piece.stored_letters])
    whole = axes.transpose(order_axes(piece)[1])
    if piece.is_reread:
        whole = whole.swapaxes(-1, -2).reshape(whole.shape)
    arrays = whole if piece.stacked else [whole]
    return {(piece.part, gate): np.array(a, order="C") for gate, a in zip(piece.gates, arrays, strict=True)}


# ---------------------------------------------------------------- numbers


def _keep_parts(p: Parameters, layout: Layout, losses: Losses) -> Kept:
    kept: Kept = {} if p.R is None else {("R", ""): p.R}
    for letter in layout.order:
        gate: Gate = getattr(p, letter)
        b = _with_forget_bias(gate.b, letter, layout, -layout.forget_bias, losses)
        parts = {"W": gate.W, "U": gate.U, "b": b, "b2": np.zeros_like(b), "p": gate.p}
        kept |= {(part, letter): _apply_sign(a, letter, layout) for part, a in parts.items() if a is not None}
    return kept


def _gate_of(kept: Kept, letter: str, layout: Layout, losses: Losses) -> Gate:
    b, p = kept["b", letter], kept.get(("p", letter))
    if ("b2", letter) in kept:
        b = losses.add(b, kept["b2", letter], "the sum of the two biases", letter)
        losses.look_for_cancelling(kept["b", letter], kept["b2", letter], letter)
    b = _with_forget_bias(b, letter, layout, layout.forget_bias, losses)
    W, U, b = (_apply_sign(a, letter, layout) for a in (kept["W", letter], kept["U", letter], b))
    return Gate(W, U, b, None if p is None else _apply_sign(p, letter, layout))


def _apply_sign(a: Array, letter: str, layout: Layout) -> Array:
    return np.asarray(np.negative(a)) if letter in layout.negated else a


def _with_forget_bias(b: Array, letter: str, layout: Layout, number: float, losses: Losses) -> Array:
    if letter != "f" or number == 0:
        return b
    words = f"the forget gate's bias {'less' if number < 0 else 'with'} the {abs(number)} that is added when it runs"
    return losses.add(b, np.full_like(b, number), words)
