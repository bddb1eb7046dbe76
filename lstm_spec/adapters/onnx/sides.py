"""Which directions of a node are asked: all, one of two, or the only one, which reads in reverse."""

from typing import NamedTuple

import numpy as np

from lstm_spec.adapters.weights import Named
from lstm_spec.types import Array, Direction


class Sides(NamedTuple):
    """The directions of a node, and those of a problem."""

    has: tuple[Direction, ...]
    asked: tuple[Direction, ...]

    @property
    def is_turned(self) -> bool:
        """Whether a node that reads in reverse is asked a problem that reads forward."""
        return self.has == ("reverse",) and self.asked == ("forward",)

    @property
    def numbers(self) -> list[int]:
        """Which directions of the node those of the problem are."""
        return [0] if len(self.has) == 1 else [self.has.index(direction) for direction in self.asked]

    def spread(self, tensors: Named) -> Named:
        """The tensors of all directions of the node: zeros in those that are not asked."""
        return {name: self.widen(a, 0) for name, a in tensors.items()}

    def widen(self, a: Array, axis: int) -> Array:
        """An array with zeros for the directions that are not asked. Raises ValueError if it has not those that are."""
        if a.shape[axis] != len(self.numbers):  # NumPy would repeat the one that there is
            raise ValueError(f"there are {a.shape[axis]} directions, expected {len(self.numbers)}; give each its own")
        shape = list(a.shape)
        shape[axis] = len(self.has)
        whole = np.zeros(shape, a.dtype)
        whole[(slice(None),) * axis + (self.numbers,)] = a
        return whole

    def pick(self, a: Array, axis: int) -> Array:
        """The directions that are asked, of all that the node has, which lie one behind the other along the axis."""
        parts = np.split(a, len(self.has), axis)
        return np.concatenate([parts[k] for k in self.numbers], axis)

    def turn(self, x: Array, lengths: Array | None) -> Array:
        """Sequences x (T, B, ...) turned round within their lengths, if that is to be done."""
        if not self.is_turned:
            return x
        if lengths is None:
            return x[::-1]
        steps = np.arange(len(x))[:, None]
        return np.take_along_axis(x, np.where(steps < lengths, lengths - 1 - steps, steps)[:, :, None], 0)
