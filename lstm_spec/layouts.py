"""Packed gates and back, and the tensors of other frameworks and back.

`order` is a string of canonical letters, e.g. "ifgo" (PyTorch, Keras) or "iofg" (ONNX): the order of the blocks along
the packed axis. Which framework has which order, `frameworks.LAYOUTS` knows. All of it is about one layer in one
direction; no dtype is ever cast.
"""

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lstm_spec.fitting import Piece, Sizes, check_has_room, checked_sizes, checked_tensors, joint, known, tensors_of
from lstm_spec.frameworks import LAYOUTS as LAYOUTS
from lstm_spec.frameworks import Layout as Layout
from lstm_spec.types import Array, Gate, Parameters


class Packed(NamedTuple):
    """One layer, one direction, its gates stacked on rows: G = 4, or 3 without a forget gate."""

    W: Array  # (G*H, I)
    U: Array  # (G*H, P)
    b: Array  # (G*H,)


def pack(p: Parameters, order: str = "ifgo") -> Packed:
    """The parameters with the gates stacked in the given order; a forget gate that is absent may be named or not.

    Peepholes and projection are not part of it. Raises ValueError for an order that is not one.
    """
    check_order(order, "igo" if p.f is None and "f" not in order else "ifgo")
    gates = [gate for gate in (getattr(p, letter) for letter in order) if gate is not None]
    return Packed(*(np.concatenate([gate[k] for gate in gates]) for k in range(3)))


def unpack(packed: Packed, order: str = "ifgo") -> Parameters:
    """The parameters from gates stacked in the given order: three letters where there is no forget gate.

    Raises ValueError for an order that is not one.
    """
    check_order(order, "igo" if len(order) == 3 else "ifgo")
    blocks = (np.split(array, len(order)) for array in packed)
    gates = dict(zip(order, (Gate(*three) for three in zip(*blocks, strict=True)), strict=True))
    return Parameters(gates["i"], gates.get("f"), gates["g"], gates["o"])


def check_order(order: str, letters: str = "ifgo") -> str:
    """The order; ValueError if it is not one of the letters."""
    if sorted(order) != sorted(letters):
        raise ValueError(
            f"order is {order!r}, expected a permutation of {letters!r}; write g for the candidate (often c)"
        )
    return order


# ---------------------------------------------------------------- frameworks


class LossyConversion(UserWarning):
    """Bits of a bias were lost: on one side it is a sum, and that had to be rounded."""


def to_layout(parameters: Parameters, layout: str | Layout) -> dict[str, Array]:
    """Fresh tensors for a framework, by its own names; of two biases the second is zero.

    Raises ValueError or TypeError where the parameters do not fit each other or the layout. Warns of a LossyConversion
    where what it adds to the forget gate's bias cannot be taken off exactly.
    """
    it = known(layout)
    sizes = checked_sizes(parameters)
    check_has_room(it, parameters)
    kept = _kept(parameters, it)
    tensors = tensors_of(it, parameters.i.p is not None, parameters.R is not None)
    return {
        name: np.ascontiguousarray(np.concatenate([_stored(piece, kept, sizes) for piece in pieces], joint(pieces)))
        for name, pieces in tensors.items()
    }


def from_layout(tensors: Mapping[str, Array], layout: str | Layout) -> Parameters:
    """The parameters, fresh, in a framework's tensors, by its own names; two biases are added.

    Raises ValueError or TypeError where a tensor is missing, not one of the layout's, or does not fit the others. Warns
    of a LossyConversion where adding rounds.
    """
    it = known(layout)
    expected, sizes = checked_tensors(tensors, it)
    kept: Kept = {}
    for name, pieces in expected.items():
        k = joint(pieces)
        ends = np.cumsum([piece.shape(sizes)[k] for piece in pieces])[:-1]
        for piece, array in zip(pieces, np.split(tensors[name], ends, axis=k), strict=True):
            kept |= _taken(piece, array, sizes)
    return _parameters(kept, it)


def convert(tensors: Mapping[str, Array], *, source: str | Layout, target: str | Layout) -> dict[str, Array]:
    """The tensors of one framework as those of another; it raises and warns as the two functions above."""
    return to_layout(from_layout(tensors, source), target)


Kept = dict[tuple[str, str], Array]  # what a layout keeps, by part and gate; R of gate ""


def _stored(piece: Piece, kept: Kept, sizes: Sizes) -> Array:
    arrays = [kept[piece.part, gate] for gate in piece.gates]
    whole = np.stack(arrays) if piece.stacked else arrays[0]
    return whole.transpose([piece.letters.index(letter) for letter in piece.stored]).reshape(piece.shape(sizes))


def _taken(piece: Piece, array: Array, sizes: Sizes) -> Kept:
    axes = array.reshape([sizes[letter] for letter in piece.stored])
    whole = axes.transpose([piece.stored.index(letter) for letter in piece.letters])
    arrays = whole if piece.stacked else [whole]
    return {(piece.part, gate): np.array(a, order="C") for gate, a in zip(piece.gates, arrays, strict=True)}


# ---------------------------------------------------------------- numbers


def _kept(p: Parameters, layout: Layout) -> Kept:
    kept: Kept = {} if p.R is None else {("R", ""): p.R}
    for letter in layout.order:
        gate: Gate = getattr(p, letter)
        b = _with_forget_bias(gate.b, letter, layout, -layout.forget_bias)
        parts = {"W": gate.W, "U": gate.U, "b": b, "b2": np.zeros_like(b), "p": gate.p}
        kept |= {(part, letter): _signed(a, letter, layout) for part, a in parts.items() if a is not None}
    return kept


def _parameters(kept: Kept, layout: Layout) -> Parameters:
    gates = {letter: _gate(kept, letter, layout) for letter in layout.order}
    return Parameters(gates["i"], gates.get("f"), gates["g"], gates["o"], kept.get(("R", "")))


def _gate(kept: Kept, letter: str, layout: Layout) -> Gate:
    b, p = kept["b", letter], kept.get(("p", letter))
    if ("b2", letter) in kept:
        b = _sum(b, kept["b2", letter], f"the sum of the two biases of gate {letter}")
    b = _with_forget_bias(b, letter, layout, layout.forget_bias)
    W, U, b = (_signed(a, letter, layout) for a in (kept["W", letter], kept["U", letter], b))
    return Gate(W, U, b, None if p is None else _signed(p, letter, layout))


def _signed(a: Array, letter: str, layout: Layout) -> Array:
    return np.asarray(np.negative(a)) if letter in layout.negated else a


def _with_forget_bias(b: Array, letter: str, layout: Layout, number: float) -> Array:
    if letter != "f" or number == 0:
        return b
    words = f"the forget gate's bias {'less' if number < 0 else 'with'} the {abs(number)} that is added when it runs"
    return _sum(b, np.full_like(b, number), words)


def _sum(a: Array, b: Array, what: str) -> Array:
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
