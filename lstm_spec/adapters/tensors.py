"""Which layouts the tensors of an implementation may have, by their shapes and names: the most usual one first."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from os.path import commonprefix

from lstm_spec.adapters.forms import list_orders
from lstm_spec.layouts.fitting import Piece, find_joint, sizes_of
from lstm_spec.layouts.opening import OTHERS
from lstm_spec.layouts.table import Layout
from lstm_spec.types import GATES

Shape = tuple[int, ...]
Axes = dict[str, tuple[str, ...]]  # those that a tensor may have, by part
STACKED: tuple[Axes, ...] = (  # of one that holds four gates; the axis of gates first, between others, and last
    {
        "W": ("4H, I", "I, 4H", "4, H, I", "4, I, H"),
        "U": ("4H, P", "P, 4H", "4, H, P", "4, P, H"),
        "b": ("4H", "1, 4H", "4H, 1", "4, H"),
    },
    {"W": ("I, 4, H",), "U": ("P, 4, H",), "b": ("4, H", "4H")},
    {"W": ("H, 4, I",), "U": ("H, 4, P",), "b": ("H, 4", "H4")},
    {"W": ("I, H, 4",), "U": ("P, H, 4",), "b": ("H, 4", "H4")},
    {"W": ("H4, I", "I, H4"), "U": ("H4, P", "P, H4"), "b": ("H4", "1, H4")},
)
SINGLE: Axes = {  # of one that holds one gate
    "W": ("H, I", "I, H"),
    "U": ("H, P", "P, H"),
    "b": ("H", "1, H", "H, 1"),
}


def list_layouts(shapes: Mapping[str, Shape], I: int, H: int) -> list[Layout]:
    """The layouts that tensors of these shapes, in this order, may have with I inputs and H cells.

    Empty if there is none in which every tensor has a place.
    """
    forms = [layout for which in (*STACKED, SINGLE) for layout in _list_forms(shapes, which, I, H)]
    return [replace(layout, order=order) for order in list_orders() for layout in forms]


def guess_sizes(shapes: Mapping[str, Shape]) -> list[tuple[int, int]]:
    """The numbers I of inputs and H of cells that fit tensors of these shapes."""
    lengths = sorted({n for shape in shapes.values() for n in shape})
    units = sorted({*lengths, *(n // 4 for n in lengths if n % 4 == 0)})
    inputs = sorted({*lengths, *(n - H for n in lengths for H in units if n > H)})
    return [(I, H) for H, I in product(units, inputs) if H > 0 and list_layouts(shapes, I, H)]


def recognise_other(shapes: Mapping[str, Shape], I: int, H: int) -> str:
    """Which other recurrent layer of I inputs and H cells has tensors of these shapes, in words; empty if none has."""
    for blocks, words in OTHERS.items():
        for k in (0, -1):  # the axis along which the blocks lie
            ends = {name: range(len(shape))[k : k + 1 or None] for name, shape in shapes.items()}
            widened = {
                name: tuple(4 * H if at in ends[name] and n == blocks * H else n for at, n in enumerate(shape))
                for name, shape in shapes.items()
            }
            if list_layouts(widened, I, H):
                return words
    return ""


def _list_forms(shapes: Mapping[str, Shape], which: Axes, I: int, H: int) -> Iterator[Layout]:
    """The layouts in our order of gates, or in the order of the tensors where their names tell no gate."""
    pairs = sorted(product(which["W"], which["U"]), key=_turns)
    for (W, U), b in product(pairs, which["b"]):
        for first in ("", "W", "U"):
            if first and _turns((W, U)):
                continue  # they would not fit into one tensor
            for groups in _assign_names(
                shapes, {"W": W, "U": U, "b": b}, first, which is not SINGLE, sizes_of(H, I, H)
            ):
                yield _make_layout(groups, {"W": W, "U": U, "b": b, "b2": b}, first or "W")


def _turns(pair: tuple[str, str]) -> bool:
    """Whether one of two matrices is transposed and the other is not."""
    return pair[0].replace("I", "P") != pair[1]


Groups = dict[str, list[str]]  # for each part of a layout, its tensors, in the order of the gates


def _assign_names(
    shapes: Mapping[str, Shape], axes: Mapping[str, str], first: str, is_stacked: bool, sizes: dict[str, int]
) -> Iterator[Groups]:
    """The tensors that hold each part, if all of them have a place."""
    gates = tuple(GATES) if is_stacked else ("i",)
    n = len(GATES) // len(gates)
    pieces = {part: Piece(part, gates, is_stacked, tuple(text.split(", "))) for part, text in axes.items()}
    wanted = {part: piece.shape(sizes) for part, piece in pieces.items()}
    if first:
        k, shape = find_joint((pieces["W"], pieces["U"])), list(wanted["W"])
        shape[k] += wanted["U"][k]
        wanted["W"] = wanted["U"] = tuple(shape)
    fitting = {part: [name for name, shape in shapes.items() if shape == wanted[part]] for part in wanted}
    if {name for names in fitting.values() for name in names} != {*shapes} or len(fitting["b"]) not in (n, 2 * n):
        return
    for W, U in _split_matrices(fitting["W"], fitting["U"], n, bool(first)):
        for b in _split_in_two(fitting["b"]) if len(fitting["b"]) == 2 * n else [(fitting["b"], [])]:
            yield {"W": W, "U": U, "b": b[0], "b2": b[1]}


def _split_matrices(W: list[str], U: list[str], n: int, are_joined: bool) -> list[tuple[list[str], list[str]]]:
    if are_joined or not {*W} & {*U}:
        return [(W, U)] if len(W) == len(U) == n else []
    return _split_in_two(W) if len(W) == 2 * n and W == U else []


def _split_in_two(names: list[str]) -> list[tuple[list[str], list[str]]]:
    """Tensors of one shape as those of the input and of the recurrence, as people write them down."""
    half = len(names) // 2
    ways = [(names[::2], names[1::2]), (names[:half], names[half:])]
    ways.sort(key=lambda way: not all(map(read_gates, way)))
    return [*ways, *((second, one) for one, second in ways)][: 2 if half == 1 else 4]


def _make_layout(groups: Groups, axes: Mapping[str, str], first: str) -> Layout:
    read = {part: read_gates(names) for part, names in groups.items() if len(names) > 1}
    if all(read.values()):  # each part is sorted by its names
        groups = groups | {part: [groups[part][order.index(gate)] for gate in GATES] for part, order in read.items()}
    texts = {part: f"{' '.join(names)} ({axes[part]})" for part, names in groups.items() if names}
    return Layout("found by asking", GATES, first=first, **texts)  # type: ignore[arg-type]


def read_gates(names: list[str]) -> str:
    """The gates that four names tell, in their order, e.g. input, forget, cell and output; "" if they do not."""
    start, end = len(commonprefix(names)), len(commonprefix([name[::-1] for name in names]))
    words = [name[start : max(len(name) - end, start + 1)].lstrip("_.").lower() for name in names]
    gates = "".join(word[:1] if word[:1] in ("i", "f", "o") else "g" for word in words)
    return gates if sorted(gates) == sorted(GATES) else ""
