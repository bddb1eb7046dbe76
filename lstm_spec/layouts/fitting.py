"""What lies where in the tensors of a layout, and whether given ones fit: refusals name value, expectation, remedy."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.types import Array, Parameters


class Piece(NamedTuple):
    """What a tensor holds of one part: gates, stacked, or one gate alone, or the projection, of gate ""."""

    part: str  # a field of Layout
    gates: tuple[str, ...]
    stacked: bool
    axes: tuple[str, ...]
    is_reread: bool = False  # as Layout.reread

    @property
    def letters(self) -> str:
        """The axes of what it holds, as we keep it; the digit stands for the gates."""
        own = {"W": "HI", "U": "HP", "R": "PH"}.get(self.part, "H")
        return f"{len(self.gates)}{own}" if self.stacked else own

    @property
    def stored_letters(self) -> str:
        """The same letters, in the order in which they are stored; an axis of size 1 has none."""
        return "".join(letter for letter in "".join(self.axes) if letter not in "DL1")

    def shape(self, sizes: "Sizes") -> tuple[int, ...]:
        """The shape in which it is stored."""
        return tuple(prod(sizes[letter] for letter in axis) for axis in self.axes)


@lru_cache(256)
def order_axes(piece: Piece) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The order of axes in which what we keep is stored, and the one that leads back."""
    kept, stored = piece.letters, piece.stored_letters
    return tuple(map(kept.index, stored)), tuple(map(stored.index, kept))


Sizes = dict[str, int]  # by letter, and by digit
Tensors = dict[str, tuple[Piece, ...]]  # by name


def sizes_of(H: int, I: int, P: int) -> Sizes:
    """The size that each letter and digit of an axis stands for."""
    return {"H": H, "I": I, "P": P, "4": 4, "3": 3, "1": 1, "D": 1, "L": 1}


@lru_cache(256)  # not to be changed
def tensors_of(layout: Layout, peepholes: bool = False, projection: bool = False) -> Tensors:
    """The pieces in each tensor, one behind the other, by the tensor's name."""
    matrices = ("W", "U") if layout.first == "W" else ("U", "W")
    gates = dict.fromkeys((*matrices, "b", "b2"), tuple(layout.order))
    gates |= {"p": tuple(layout.peepholes)} if peepholes else {}
    gates |= {"R": ("",)} if projection else {}
    found: dict[str, list[Piece]] = {}
    for part, order in gates.items():
        names, axes = names_and_axes(getattr(layout, part))
        stacked = len(names) < len(order)
        for name, held in zip(names, [order] if stacked else [(gate,) for gate in order], strict=False):
            found.setdefault(name, []).append(Piece(part, held, stacked, axes, part in layout.reread.split()))
    return {name: tuple(pieces) for name, pieces in found.items()}


@lru_cache(256)
def names_and_axes(text: str) -> tuple[list[str], tuple[str, ...]]:
    """The names and the axes in a text like "NAME NAME (AXIS, AXIS)"; an empty text has no names."""
    names, _, axes = text.removesuffix(")").partition(" (")
    return names.split(), tuple(axes.split(", "))


@lru_cache(256)
def find_joint(pieces: tuple[Piece, ...]) -> int:
    """The axis along which the pieces lie one behind the other: the one where they differ, else the last."""
    axes = [[axis.replace("P", "H") for axis in piece.axes] for piece in pieces]
    differing = [k for k, several in enumerate(zip(*axes, strict=True)) if len(set(several)) > 1]
    return differing[0] if differing else len(axes[0]) - 1


def find_layout(layout: str | Layout) -> Layout:
    """The layout of that name, or the layout itself; ValueError if there is none of that name."""
    if isinstance(layout, Layout):
        return layout
    if layout not in LAYOUTS:
        near = ", ".join(map(repr, get_close_matches(str(layout).lower(), LAYOUTS, n=3, cutoff=0)))
        raise ValueError(f"layout is {layout!r}, expected a key of LAYOUTS; the nearest are {near}")
    return LAYOUTS[layout]


# ---------------------------------------------------------------- parameters


def checked_sizes(p: Parameters) -> Sizes:
    """The sizes H, I and P of the parameters; ValueError or TypeError if arrays do not fit each other."""
    H, I, peepholes = p.g.b.shape[0], p.g.W.shape[-1], has_peepholes(p)
    P = H if p.R is None else p.R.shape[0]
    arrays, expected = ({}, {}) if p.R is None else ({"R": p.R}, {"R": (P, H)})
    for letter, gate in p.gates.items():
        peephole = peepholes and letter != "g"
        if (gate.p is not None) != peephole:
            given, wanted = ("missing", "(H,) numbers") if peephole else ("given", "None")
            raise ValueError(f"{letter}.p is {given}, expected {wanted}; the gates i, f and o see c, or none does")
        arrays |= {f"{letter}.{part}": a for part, a in gate._asdict().items() if a is not None}
        shapes = {"W": (H, I), "U": (H, P), "b": (H,), "p": (H,)}
        expected |= {f"{letter}.{part}": shape for part, shape in shapes.items()}
    _check_dtypes(arrays)
    sizes = sizes_of(H, I, P)
    for name, array in arrays.items():
        if array.shape != expected[name]:
            raise ValueError(f"{name} has shape {array.shape}, expected {expected[name]} for {_format_sizes(sizes)}")
    return sizes


def has_peepholes(p: Parameters) -> bool:
    """Whether a gate of the parameters, which the candidate is not, sees the cell state."""
    return any(gate.p is not None for letter, gate in p.gates.items() if letter != "g")


def check_has_room(layout: Layout, p: Parameters) -> None:
    """Return if the layout has a place for all parameters, and they have all that it needs; else ValueError."""
    name, peepholes = _quote_layout(layout), has_peepholes(p)
    _check_has_gates(layout, p)
    if peepholes and not layout.p:
        able = _list_layouts(lambda other: bool(other.p))
        raise ValueError(f"i.p is given, expected None: {name} has no peepholes; they have a place in {able}")
    if not peepholes and _is_always_there(layout, layout.p):
        raise ValueError(f"i.p is None, expected (H,) numbers: {name} always has peepholes; zeros change nothing")
    if p.R is not None and not layout.R:
        able = _list_layouts(lambda other: bool(other.R))
        raise ValueError(f"R is given, expected None: {name} has no projection; it has a place in {able}")


def _check_has_gates(layout: Layout, p: Parameters) -> None:
    name = _quote_layout(layout)
    if p.f is None and "f" in layout.order:
        able = _list_layouts(lambda other: "f" not in other.order)
        raise ValueError(f"f is None, expected a Gate: {name} has a forget gate; coupled gates have a place in {able}")
    if p.f is not None and "f" not in layout.order:
        raise ValueError(f"f is given, expected None: {name} is for coupled gates; choose a layout with a forget gate")
    for letter in layout.order:
        if letter not in p.gates:
            raise ValueError(f"{letter} is None, expected a Gate: {name} has that gate; no layout is without it")


def name_layout(layout: Layout) -> str:
    """Its name in LAYOUTS; of one that is not there, its framework's."""
    return next((name for name, one in LAYOUTS.items() if one is layout), layout.framework)


def _quote_layout(layout: Layout) -> str:
    name = name_layout(layout)
    return repr(name) if name in LAYOUTS else name


def _list_layouts(able: Callable[[Layout], bool]) -> str:
    return ", ".join(name for name, layout in LAYOUTS.items() if able(layout))


def _is_always_there(layout: Layout, text: str) -> bool:
    return not set(names_and_axes(text)[0]).isdisjoint(tensors_of(layout))


# ---------------------------------------------------------------- tensors


def checked_tensors(tensors: Mapping[str, Array], layout: Layout) -> tuple[Tensors, Sizes]:
    """The pieces in each tensor, and the sizes; ValueError or TypeError if the tensors are not those of the layout."""
    peepholes, projection = (
        _is_always_there(layout, text) or not set(names_and_axes(text)[0]).isdisjoint(tensors)
        for text in (layout.p, layout.R)
    )
    expected = tensors_of(layout, peepholes, projection)
    _check_names(tensors, expected, layout)
    _check_dtypes(tensors)
    sizes = _guessed_sizes(tensors, expected)
    for name, pieces in expected.items():
        shape, k = list(pieces[0].shape(sizes)), find_joint(pieces)
        shape[k] = sum(piece.shape(sizes)[k] for piece in pieces)
        if tensors[name].shape != tuple(shape) or min(sizes.values()) < 1:
            axes = " and ".join(f"({', '.join(piece.axes)})" for piece in pieces)
            raise ValueError(
                f"{name} has shape {tensors[name].shape}, expected {tuple(shape)} in {_quote_layout(layout)}: {axes}"
                f" for {_format_sizes(sizes)}; did you name the right layout?"
            )
    return expected, sizes


def _check_names(tensors: Mapping[str, Array], expected: Tensors, layout: Layout) -> None:
    for name, pieces in expected.items():
        if name not in tensors:
            remedy = "zeros stand for a bias that is switched off" if pieces[0].part[0] == "b" else "add it"
            raise ValueError(
                f"{name} is missing, expected ({', '.join(pieces[0].axes)}) in {_quote_layout(layout)}; {remedy}"
            )
    for name in tensors:
        if name not in expected:
            everything = tensors_of(layout, bool(layout.p), bool(layout.R))
            raise ValueError(
                f"{name} is given, expected only {', '.join(everything)} in {_quote_layout(layout)}; leave it out"
            )


def _check_dtypes(arrays: Mapping[str, Any]) -> None:
    first = next(iter(arrays))
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} is a {type(array).__name__}, expected a NumPy array; convert it first")
        if array.dtype != arrays[first].dtype:
            raise TypeError(f"{name} is {array.dtype}, expected {arrays[first].dtype} like {first}; convert it first")


def _guessed_sizes(tensors: Mapping[str, Array], expected: Tensors) -> Sizes:
    """Those that the numbers of elements of a bias, a projection and the input weights call for."""
    holding = {piece.part: name for name, pieces in expected.items() for piece in pieces}
    rows = {part: sum(prod(p.shape(sizes_of(1, 1, 1))) for p in expected[name]) for part, name in holding.items()}
    H = tensors[holding["b"]].size // rows["b"]
    P = tensors[holding["R"]].size // max(1, H) if "R" in holding else H
    joined = holding["W"] == holding["U"]
    I = tensors[holding["W"]].size // max(1, H * rows["W"] // (1 + joined)) - P * joined
    return sizes_of(H, I, P)


def _format_sizes(sizes: Sizes) -> str:
    return ", ".join(f"{letter} = {sizes[letter]}" for letter in "HIP")
