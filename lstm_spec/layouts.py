"""Packed gates and back: the only file that knows an order.

`order` is a string of canonical letters, e.g. "ifgo" (PyTorch, Keras) or "iofg" (ONNX): the order of the blocks along
the packed axis.
"""

from typing import NamedTuple

import numpy as np

from lstm_spec.types import Array, Gate, Parameters


class Packed(NamedTuple):
    """One layer, one direction, its gates stacked on rows."""

    W: Array  # (4H, I)
    U: Array  # (4H, H)
    b: Array  # (4H,)


def pack(p: Parameters, order: str = "ifgo") -> Packed:
    """The parameters with the gates stacked in the given order. Raises ValueError for an order that is not one."""
    gates = [getattr(p, letter) for letter in check_order(order)]
    return Packed(*(np.concatenate([gate[k] for gate in gates]) for k in range(3)))


def unpack(packed: Packed, order: str = "ifgo") -> Parameters:
    """The parameters from gates stacked in the given order. Raises ValueError for an order that is not one."""
    blocks = (np.split(array, 4) for array in packed)
    gates = dict(zip(check_order(order), (Gate(*three) for three in zip(*blocks, strict=True)), strict=True))
    return Parameters(gates["i"], gates["f"], gates["g"], gates["o"])


def check_order(order: str) -> str:
    """The order; ValueError if it is not one."""
    if sorted(order) != sorted("ifgo"):
        raise ValueError(f"order is {order!r}, expected a permutation of 'ifgo'; write g for the candidate (often c)")
    return order
