"""How the numbers of an LSTM's steps lie in memory, and how many steps are computed together.

A step's gates are blocks of H numbers for each of B samples. Either the numbers of a feature or those of a sample are
adjacent. This changes only the speed; code that works on blocks does not depend on it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lstm_spec.types import Array

CHUNK = 2**17  # bytes of one gate's numbers in a chunk: what its steps share stays in the cache
LARGE = 2**21  # bytes of U
ROWS = 512  # samples in a product, at least: BLAS is slow with fewer
ONCE = 4096  # samples in a product that sums over samples, at least

Product = Callable[[Array, Array], Any]  # (v, out)


class Memory(NamedTuple):
    """Where the numbers of B samples are; with B = 1 there are vectors, for which BLAS has a separate product."""

    B: int
    apart: bool  # True: (B, rows), the numbers of a sample are adjacent; False: (rows, B)

    def make_empty(self, *shape: int, dtype: Any) -> Array:
        """A fresh array (…, rows), for every sample."""
        *before, rows = shape
        batch = () if self.B == 1 else (self.B,)
        return np.empty((*before, *batch, rows) if self.apart else (*before, rows, *batch), dtype)

    def to_inside(self, a: Array) -> Array:
        """A view of a (…, B, rows) in this layout."""
        return a[..., 0, :] if self.B == 1 else a if self.apart else a.swapaxes(-1, -2)

    def to_outside(self, a: Array) -> Array:
        """A view of an array of this layout as (…, B, rows)."""
        return a[..., None, :] if self.B == 1 else a if self.apart else a.swapaxes(-1, -2)

    def as_blocks(self, a: Array, n: int) -> Array:
        """A view of (T, n H) as (T, n, H), for every sample."""
        if self.B == 1:
            return a.reshape(len(a), n, a.shape[1] // n)
        if self.apart:
            return a.reshape(*a.shape[:2], n, a.shape[2] // n).swapaxes(1, 2)
        return a.reshape(len(a), n, a.shape[1] // n, a.shape[2])

    def as_rows(self, a: Array) -> Array:
        """A view of (T, n, H) as (T, n H), for every sample."""
        T, n, H = len(a), a.shape[1], a.shape[-1 if self.apart else 2]
        if self.apart and self.B != 1:
            return a.swapaxes(1, 2).reshape(T, self.B, n * H)
        return a.reshape(T, n * H, *a.shape[3:])

    def as_columns(self, a: Array) -> Array:
        """a (n, H) with an axis on which samples broadcast."""
        return a if self.B == 1 else a[:, None] if self.apart else a[..., None]

    def make_product(self, M: Array) -> Product:
        """The function that writes M times v, for every sample, to a contiguous `out`."""
        if not self.apart:
            return partial(np.dot, M)
        turned = np.ascontiguousarray(M.T)
        return lambda v, out: np.dot(v, turned, out)

    def as_samples(self, a: Array) -> Array:
        """a (T, rows), for every sample, as (T B, rows)."""
        a = self.to_outside(a)
        return a.reshape(len(a) * self.B, a.shape[2])


def memory_of(B: int, H: int, dtype: np.dtype[Any]) -> Memory:
    """The faster layout, as measured: a large U comes from memory at every step, and rows read it only once."""
    return Memory(B, B == 1 or dtype.itemsize > 4 or 4 * H * H * dtype.itemsize > LARGE)


def chunks_of(T: int, B: int, H: int, dtype: np.dtype[Any], rows: int = ROWS) -> list[slice]:
    """The T steps in chunks that fit in the cache and have at least `rows` samples."""
    k = max(1, CHUNK // max(1, B * H * dtype.itemsize), rows // max(1, B))
    return [slice(a, min(a + k, T)) for a in range(0, T, k)]
