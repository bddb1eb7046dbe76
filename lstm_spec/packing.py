"""The gates of one layer in one direction, packed into one array.

`order` is a string of canonical letters, e.g. "ifgo" (PyTorch, Keras) or "iofg" (ONNX): the order of the blocks along
the packed axis. `layouts.table.LAYOUTS` says which framework has which.
"""

from typing import NamedTuple

import numpy as np

from lstm_spec.types import GATES, Array, Gate, Parameters
from lstm_spec.variants import KINDS


class Packed(NamedTuple):
    """The weights of one layer in one direction, its G gates stacked on rows: G = 4, or 3 without a forget gate."""

    W: Array  # (G*H, I)
    U: Array  # (G*H, P)
    b: Array  # (G*H,)


def pack(p: Parameters, order: str = GATES) -> Packed:
    """The weights W, U and b of the gates, each stacked in the given order. Peepholes and projection are left out.

    The order may name a gate that is absent. Raises ValueError if it is no permutation of the letters.
    """
    check_order(order, "".join(letter for letter in GATES if letter in p.gates or letter in order))
    gates = [p.gates[letter] for letter in order if letter in p.gates]
    return Packed(*(np.concatenate([gate[k] for gate in gates]) for k in range(3)))


def unpack(packed: Packed, order: str = GATES) -> Parameters:
    """The parameters from gates stacked in the given order, which names the gates that are there, e.g. three letters.

    Raises ValueError if the order is no permutation of the gates of a kind of cell.
    """
    check_order(order, _gates_like(order))
    blocks = (np.split(array, len(order)) for array in packed)
    gates = dict(zip(order, (Gate(*three) for three in zip(*blocks, strict=True)), strict=True))
    return Parameters(gates.get("i"), gates.get("f"), gates["g"], gates.get("o"))


def check_order(order: str, letters: str = GATES) -> str:
    """The order itself, if it is a permutation of the letters; else ValueError."""
    if not isinstance(order, str) or sorted(order) != sorted(letters):
        raise ValueError(
            f"order is {order!r}, expected a permutation of {letters!r}; write g for the candidate (often c)"
        )
    return order


def _gates_like(order: str) -> str:
    """The gates of a kind of cell: those that the order names, or else as many."""
    known = {kind.gates: None for kind in KINDS.values()}
    as_many = [gates for gates in known if len(gates) == len(order)]
    return next((gates for gates in known if sorted(gates) == sorted(order)), [*as_many, GATES][0])
