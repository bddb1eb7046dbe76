"""What one network has been changed by: the usual mistakes, made with all its weights; or how many of them differ."""

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import NamedTuple

import numpy as np

from conformance.models.orders import Rows
from lstm_spec import Parameters
from lstm_spec.types import Array, Gate

Change = Callable[[str, Gate], Gate]


def list_changes(rows: Rows) -> Iterator[tuple[str, Rows]]:
    """The network with each of the usual mistakes, and the mistake in words."""
    letters = "".join(rows[0][0].gates)
    for order in permutations(letters):
        if "".join(order) != letters:
            taken = dict(zip(letters, order, strict=True))
            name = f"with the gates {', '.join(letters)} taken for {', '.join(order)}"
            yield name, [[_take_gates(taken, p) for p in row] for row in rows]
    for name, change in CHANGES.items():
        yield name, [[_change_gates(change, p) for p in row] for row in rows]
    if len(rows[0]) > 1:
        yield "with its directions swapped", [row[::-1] for row in rows]


def _transpose(a: Array) -> Array:
    return a.T if a.shape == a.T.shape else a


CHANGES: dict[str, Change] = {
    "with its recurrent weights transposed": lambda k, g: g._replace(U=_transpose(g.U)),
    "with its input weights transposed": lambda k, g: g._replace(W=_transpose(g.W)),
    "without its biases": lambda k, g: g._replace(b=0 * g.b),
    "with 1 more in the forget gate's bias": lambda k, g: g._replace(b=g.b + (k == "f")),
    "with 1 less in the forget gate's bias": lambda k, g: g._replace(b=g.b - (k == "f")),
}


def drop_biases(rows: Rows) -> Rows:
    """The network without its biases."""
    return [[_change_gates(CHANGES["without its biases"], p) for p in row] for row in rows]


def _take_gates(taken: dict[str, str], p: Parameters) -> Parameters:
    return p._replace(**{k: p.gates[letter] for k, letter in taken.items()})  # type: ignore[arg-type]


def _change_gates(change: Change, p: Parameters) -> Parameters:
    return p._replace(**{k: change(k, gate) for k, gate in p.gates.items()})  # type: ignore[arg-type]


class Difference(NamedTuple):
    """Weights that differ."""

    many: int
    sentence: str


def describe_difference(a: Rows, b: Rows) -> Difference:
    """How many weights differ, by how much, and where most."""
    worst, many, biases, total = (-1.0, ""), 0, 0, 0
    for k, (row_a, row_b) in enumerate(zip(a, b, strict=True)):
        for d, (p, q) in enumerate(zip(row_a, row_b, strict=True)):
            for name, x, y in _pair_arrays(p, q):
                gap = np.abs(np.nan_to_num(x - y, nan=np.inf))
                wrong = int(np.count_nonzero(gap))
                many, biases, total = many + wrong, biases + wrong * name.startswith("b_"), total + gap.size
                at = np.unravel_index(gap.argmax(), gap.shape)
                where = f"{name}[{', '.join(map(str, at))}] of layer {k}{', reverse' * (d == 1)}"
                worst = max(worst, (float(gap[at]), f"{where}: {x[at]:.9g} and {y[at]:.9g}"))
    kind = ", all of them biases" * (many == biases > 1)
    return Difference(many, f"{many} of {total} weights differ{kind}, the most at {worst[1]}")


def _pair_arrays(p: Parameters, q: Parameters) -> Iterator[tuple[str, Array, Array]]:
    for letter, gate in p.gates.items():
        for part, x, y in zip(Gate._fields, gate, q.gates[letter], strict=True):
            if x is not None and y is not None:
                yield f"{part}_{letter}", x, y
    if p.R is not None and q.R is not None:
        yield "R", p.R, q.R
