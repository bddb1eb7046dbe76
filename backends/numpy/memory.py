"""How the numbers of an LSTM's steps lie in memory, and how many steps are taken together.

A step's gates are blocks of H numbers for each of B samples. Whether a feature's numbers lie side by side or a
sample's is a matter of speed alone; what works on blocks does not see it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lstm_spec.types import Array

CHUNK = 2**17  # bytes of one gate's numbers in a chunk: what its steps share stays in the cache
LARGE = 2**21  # bytes of U
ROWS = 512  # samples in a product, at least: fewer, and BLAS is slow
ONCE = 4096  # the same of the sums over samples, each of which is added to those before

Product = Callable[[Array, Array], Any]  # (v, out)


class Memory(NamedTuple):
    """Where the numbers of B samples are; B = 1 leaves vectors, for which BLAS has a product of its own."""

    B: int
    apart: bool  # (B, rows), each sample's numbers side by side; else (rows, B)

    def empty(self, *shape: int, dtype: Any) -> Array:
        """(…, rows), for every sample."""
        *before, rows = shape
        batch = () if self.B == 1 else (self.B,)
        return np.empty((*before, *batch, rows) if self.apart else (*before, rows, *batch), dtype)

    def inside(self, a: Array) -> Array:
        """A view of (…, B, rows)."""
        return a[..., 0, :] if self.B == 1 else a if self.apart else a.swapaxes(-1, -2)

    def outside(self, a: Array) -> Array:
        """A view of what is inside, as (…, B, rows)."""
        return a[..., None, :] if self.B == 1 else a if self.apart else a.swapaxes(-1, -2)

    def blocks(self, a: Array, n: int) -> Array:
        """A view of (T, n H) as (T, n, H), for every sample."""
        if self.B == 1:
            return a.reshape(len(a), n, a.shape[1] // n)
        if self.apart:
            return a.reshape(*a.shape[:2], n, a.shape[2] // n).swapaxes(1, 2)
        return a.reshape(len(a), n, a.shape[1] // n, a.shape[2])

    def rows(self, a: Array) -> Array:
        """A view of (T, n, H) as (T, n H), for every sample."""
        T, n, H = len(a), a.shape[1], a.shape[-1 if self.apart else 2]
        if self.apart and self.B != 1:
            return a.swapaxes(1, 2).reshape(T, self.B, n * H)
        return a.reshape(T, n * H, *a.shape[3:])

    def columns(self, a: Array) -> Array:
        """(n, H), the same for every sample."""
        return a if self.B == 1 else a[:, None] if self.apart else a[..., None]

    def product(self, M: Array) -> Product:
        """M times v, of every sample; out is contiguous."""
        if not self.apart:
            return partial(np.dot, M)
        turned = np.ascontiguousarray(M.T)
        return lambda v, out: np.dot(v, turned, out)

    def samples(self, a: Array) -> Array:
        """(T, rows), for every sample, as (T B, rows)."""
        a = self.outside(a)
        return a.reshape(len(a) * self.B, a.shape[2])


def memory_of(B: int, H: int, dtype: np.dtype[Any]) -> Memory:
    """What BLAS likes best, measured: a large U comes from memory anew each step, and is better read once, in rows."""
    return Memory(B, B == 1 or dtype.itemsize > 4 or 4 * H * H * dtype.itemsize > LARGE)


def chunks_of(T: int, B: int, H: int, dtype: np.dtype[Any], rows: int = ROWS) -> list[slice]:
    """The steps, as many together as fit in the cache; `rows` samples at least."""
    k = max(1, CHUNK // max(1, B * H * dtype.itemsize), rows // max(1, B))
    return [slice(a, min(a + k, T)) for a in range(0, T, k)]
