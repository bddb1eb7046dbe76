"""The tensors of other frameworks and back: one layer in one direction. No dtype is ever cast."""

import warnings
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
    tensors_of,
)
from lstm_spec.layouts.table import LAYOUTS as LAYOUTS
from lstm_spec.layouts.table import Layout as Layout
from lstm_spec.types import Array, Gate, Parameters


class LossyConversion(UserWarning):
    """A bias was rounded, because one of the layouts keeps it as a sum of two numbers."""


class CancellingBiases(UserWarning):
    """Two biases nearly cancel, so an implementation that adds them apart is less accurate than its sum of them."""


LOST = 16  # roundoffs of a pre-activation, about as many as σ and tanh may lose by themselves


def to_layout(parameters: Parameters, layout: str | Layout) -> dict[str, Array]:
    """The parameters as fresh tensors of a framework, by its own names. If it has two biases, the second is zero.

    Raises ValueError or TypeError if the parameters do not fit each other or the layout. Warns of a LossyConversion if
    the number that the framework adds to the forget gate's bias cannot be subtracted exactly.
    """
    it = find_layout(layout)
    sizes = checked_sizes(parameters)
    check_has_room(it, parameters)
    kept = _keep_parts(parameters, it)
    tensors = tensors_of(it, has_peepholes(parameters), parameters.R is not None)
    return {
        name: np.ascontiguousarray(
            np.concatenate([_arrange_piece(piece, kept, sizes) for piece in pieces], find_joint(pieces))
        )
        for name, pieces in tensors.items()
    }


def from_layout(tensors: Mapping[str, Array], layout: str | Layout) -> Parameters:
    """Fresh parameters from the tensors of a framework, by its own names. Two biases are added.

    Raises ValueError or TypeError if a tensor is missing, unknown to the layout, or does not fit the others. Warns of a
    LossyConversion if the sum of two biases had to be rounded, of CancellingBiases if they are far larger than it.
    """
    it = find_layout(layout)
    expected, sizes = checked_tensors(tensors, it)
    kept: Kept = {}
    for name, pieces in expected.items():
        k = find_joint(pieces)
        ends = np.cumsum([piece.shape(sizes)[k] for piece in pieces])[:-1]
        for piece, array in zip(pieces, np.split(tensors[name], ends, axis=k), strict=True):
            kept |= _take_apart(piece, array, sizes)
    return _parameters_of(kept, it)


def convert(tensors: Mapping[str, Array], *, source: str | Layout, target: str | Layout) -> dict[str, Array]:
    """The tensors of one framework as those of another. Raises and warns like `from_layout` and `to_layout`."""
    return to_layout(from_layout(tensors, source), target)


Kept = dict[tuple[str, str], Array]  # what a layout keeps, by part and gate; R of gate ""


def _arrange_piece(piece: Piece, kept: Kept, sizes: Sizes) -> Array:
    arrays = [kept[piece.part, gate] for gate in piece.gates]
    whole = np.stack(arrays) if piece.stacked else arrays[0]
    if piece.is_reread:
        whole = whole.reshape(*whole.shape[:-2], *whole.shape[:-3:-1]).swapaxes(-1, -2)
    return whole.transpose([piece.letters.index(letter) for letter in piece.stored_letters]).reshape(piece.shape(sizes))


def _take_apart(piece: Piece, array: Array, sizes: Sizes) -> Kept:
    axes = array.reshape([sizes[letter] for letter in piece.stored_letters])
    whole = axes.transpose([piece.stored_letters.index(letter) for letter in piece.letters])
    if piece.is_reread:
        whole = whole.swapaxes(-1, -2).reshape(whole.shape)
    arrays = whole if piece.stacked else [whole]
    return {(piece.part, gate): np.array(a, order="C") for gate, a in zip(piece.gates, arrays, strict=True)}


# ---------------------------------------------------------------- numbers


def _keep_parts(p: Parameters, layout: Layout) -> Kept:
    kept: Kept = {} if p.R is None else {("R", ""): p.R}
    for letter in layout.order:
        gate: Gate = getattr(p, letter)
        b = _with_forget_bias(gate.b, letter, layout, -layout.forget_bias)
        parts = {"W": gate.W, "U": gate.U, "b": b, "b2": np.zeros_like(b), "p": gate.p}
        kept |= {(part, letter): _apply_sign(a, letter, layout) for part, a in parts.items() if a is not None}
    return kept


def _parameters_of(kept: Kept, layout: Layout) -> Parameters:
    gates = {letter: _gate_of(kept, letter, layout) for letter in layout.order}
    return Parameters(gates.get("i"), gates.get("f"), gates["g"], gates.get("o"), kept.get(("R", "")))


def _gate_of(kept: Kept, letter: str, layout: Layout) -> Gate:
    b, p = kept["b", letter], kept.get(("p", letter))
    if ("b2", letter) in kept:
        b = _add_biases(b, kept["b2", letter], f"the sum of the two biases of gate {letter}")
        _warn_of_cancelling(kept["b", letter], kept["b2", letter], letter)
    b = _with_forget_bias(b, letter, layout, layout.forget_bias)
    W, U, b = (_apply_sign(a, letter, layout) for a in (kept["W", letter], kept["U", letter], b))
    return Gate(W, U, b, None if p is None else _apply_sign(p, letter, layout))


def _apply_sign(a: Array, letter: str, layout: Layout) -> Array:
    return np.asarray(np.negative(a)) if letter in layout.negated else a


def _warn_of_cancelling(a: Array, b: Array, letter: str) -> None:
    with np.errstate(invalid="ignore"):  # a NaN loses nothing
        lost = ((a < 0) != (b < 0)) & (np.minimum(np.abs(a), np.abs(b)) > LOST / 2)
    if lost.any():
        text = (
            f"the two biases of gate {letter} nearly cancel in {np.count_nonzero(lost)} of {lost.size} numbers: added"
            " apart, they lose what their sum keeps; give the implementation the sum, as to_layout does"
        )
        warnings.warn(text, CancellingBiases, stacklevel=4)


def _with_forget_bias(b: Array, letter: str, layout: Layout, number: float) -> Array:
    if letter != "f" or number == 0:
        return b
    words = f"the forget gate's bias {'less' if number < 0 else 'with'} the {abs(number)} that is added when it runs"
    return _add_biases(b, np.full_like(b, number), words)


def _add_biases(a: Array, b: Array, what: str) -> Array:
    """a + b, to the last bit a where b is zero; warns where it had to be rounded."""
    with np.errstate(all="ignore"):
        total = a + b
        back = total - a
        lost = (a - (total - back)) + (b - back)  # Knuth, The Art of Computer Programming 2, 4.2.2, theorem B
        rounded = (lost != 0) & np.isfinite(a) & np.isfinite(b)
    if rounded.any():
        many = f"in {np.count_nonzero(rounded)} of {rounded.size} numbers"
        text = f"{what} is rounded to {total.dtype} {many}; convert in a wider dtype to keep every bit"
        warnings.warn(text, LossyConversion, stacklevel=5)
    return np.where(b == 0, a, total)
