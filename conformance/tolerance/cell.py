"""One step of the cell, of any kind: F1 to F9 of docs/accuracy.md, and V1 to V5 there.

Each function returns a value of the float64 oracle, and how far an implementation may lie from it. Everything
broadcasts: over the batch, and over all steps where none needs the one before.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from conformance.tolerance import rounding
from conformance.tolerance.functions import Function
from conformance.tolerance.rounding import INFLATION, Bounded, extra_roundings
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array


class Summed(NamedTuple):
    """A sum of products, before it is rounded."""

    value: Array
    error: Array  # what is not known of its terms
    size: Array  # the sum of the magnitudes of its terms
    parts: Array  # the sum of the magnitudes of its finished partial sums
    terms: Array | int

    def rearrange(self, change: Callable[[Array], Array]) -> "Summed":
        """Every array of it changed in the same way."""
        value, error, size, parts, terms = self
        return Summed(change(value), change(error), change(size), change(parts), terms)


def count_terms(M: Array, used: Array) -> Array:
    """F3: for each row of M v, how many products can differ from 0, if v (..., n) is 0 wherever it is not used."""
    return (M != 0) @ used.reshape(-1, used.shape[-1]).any(axis=0).astype(np.float64)


def multiply(a: Array, M: Array) -> Array:
    """a M, for a (..., n); one product of matrices, however many steps there are."""
    return a @ M if a.ndim == 2 else (a.reshape(-1, a.shape[-1]) @ M).reshape(*a.shape[:-1], M.shape[-1])


def multiply_transposed(a: Bounded, M: Array, terms: Array | int | None = None, weights: Array | None = None) -> Summed:
    """The products a M; `terms` of them can differ from 0, those where a (..., n) is used unless it says otherwise.

    The weights are abs(M), for those who have them.
    """
    terms = count_terms(M.T, a.largest > 0) if terms is None else terms
    value, weights = multiply(a.value, M), np.abs(M) if weights is None else weights
    error = multiply(a.error, weights) if a.error.any() else np.zeros_like(value)
    return Summed(value, error, multiply(a.largest, weights), np.abs(value), terms)


class OfInput(NamedTuple):
    """What the rows of z (..., G*H) receive of the input, and what it will cost to add U h to that."""

    value: Array
    error: Array
    parts: Array  # the sum of the magnitudes of its finished partial sums
    rate: Array | float  # by which the size of U h adds to the error
    often: Array  # the same of all partial sums, for those who round them

    def at(self, t: int) -> "OfInput":
        """That of one step."""
        return self._replace(value=self.value[t], error=self.error[t], parts=self.parts[t])


def receive_input(
    wx: Summed,
    b: Array,
    n: int | Array,
    m: ErrorModel,
    still_to_add: int | Array = 0,
    apart: Bounded | None = None,
) -> OfInput:
    """F1, F2 and F4 as far as they are the same for any hidden state; each row has n summands.

    So many of them are still to be added after U h. If biases are added `apart`, that is the sum of their magnitudes,
    and how far b may be from their own sum.
    """
    size, rate = np.abs(b) if apart is None else apart.value, n * m.u_acc
    error = rate * (wx.size + size) + 2 * n * m.eta + wx.error
    error = error if apart is None else error + apart.error
    return OfInput(wx.value + b, error, wx.parts + size, rate, extra_roundings(m, m.pre + still_to_add))


def add_recurrent(x: OfInput, uh: Summed, m: ErrorModel) -> Bounded:
    """F1, F2 and F4 without peepholes, (..., G*H), whatever is the error of W x (V8) and of U h."""
    dz = x.error + x.rate * uh.size + uh.error
    return Bounded(x.value + uh.value, dz + x.often * (x.parts + uh.parts + dz) if m.pre else dz)


def add_peephole(z: Bounded, p: Array, c: Bounded, n: Array, m: ErrorModel) -> Bounded:
    """V1: a pre-activation with p * c as one more of its n summands, and rounded as often as they are."""
    seen, size = p * c.value, np.abs(p) * c.largest
    e = np.abs(p) * c.error + n * m.u_acc * size
    if m.pre:
        e = e + extra_roundings(m, m.pre + 1) * (np.abs(seen) + e)
    return Bounded(z.value + seen, z.error + e)


def coupled_forget_gate(z: Bounded, i: Bounded, m: ErrorModel) -> Bounded:
    """V2: 1 - i and σ(-z), z being the pre-activation of i, are both legal."""
    f = rounding.sigmoid(Bounded(-z.value, z.error), m)
    return Bounded(f.value, np.maximum(f.error, i.error + m.u * (f.value + i.error)))


def multiply_gate(i: Bounded, g: Bounded) -> Bounded:
    """i * g, before it is rounded."""
    return Bounded(i.value * g.value, np.abs(g.value) * i.error + i.value * g.error + i.error * g.error)


class Written(NamedTuple):
    """What a step makes of any cell state before, (..., H): the forget gate f, what is written, and their room."""

    f: Array
    of_error: Array  # what is kept of the error of the cell state, at most
    of_size: Array  # what is added for its size
    value: Array
    error: Array


def write_beside(f: Bounded, new: Bounded, m: ErrorModel) -> Written:
    """F6 and F7 as far as they are the same for any cell state: f times it, and what is written, `new`."""
    kept, room = f.largest, new.error + m.u * new.largest + 2 * m.eta
    return Written(f.value, kept * (1 + m.u), f.error + m.u * kept, new.value, room)


def multiplied_cell_state(new: Written, c: Bounded, m: ErrorModel) -> Bounded:
    """F6 and F7: f * c and what is written, added."""
    after = new.f * c.value + new.value
    e = new.of_error * c.error + new.of_size * np.abs(c.value) + new.error
    e = e + (m.u + m.u_c) * (np.abs(after) + e) * (1 + m.u) + rounding.flush_room(m)
    return Bounded(after, e * INFLATION)


def added_cell_state(new: Bounded, c: Bounded, m: ErrorModel) -> Bounded:
    """V3: c and what is written, rounded already, added."""
    value, e = c.value + new.value, c.error + new.error
    return Bounded(value, (e + (m.u + m.u_c) * (np.abs(value) + e) * (1 + m.u) + 2 * m.eta) * INFLATION)


def coupling(i: Bounded, c: Bounded, g: Bounded, m: ErrorModel) -> Array:
    """V2: what c + i (g - c) may be off by beyond f c + i g."""
    return 2 * m.u * i.largest * (c.largest + g.largest)


def clip_state(c: Bounded, k: float) -> tuple[Bounded, Bounded]:
    """V4: the state within its bound k, and the slope there: anything from 0 to 1 where the edge may be met."""
    low, value, high = (np.clip(a, -k, k) for a in (c.value - c.error, c.value, c.value + c.error))
    inside, outside = c.largest < k, np.abs(c.value) - c.error > k
    slope = Bounded(np.where(inside, 1.0, np.where(outside, 0.0, 0.5)), np.where(inside | outside, 0.0, 0.5))
    return Bounded(value, np.maximum(high - value, value - low)), slope


def hidden_state(output: Function, o: Bounded, c: Bounded, m: ErrorModel) -> tuple[Bounded, Bounded]:
    """F8 and F9: the squashed cell state, and the output gate times it."""
    squashed = output.value(c, m)
    h = o.value * squashed.value
    e = o.error * squashed.largest + o.value * squashed.error
    e = e + (m.u + m.u_h) * (np.abs(h) + e) * (1 + m.u) + m.eta + rounding.flush_room(m) * (1 + m.u_h)
    return squashed, Bounded(h, e * INFLATION)


def project(R: Array, shown: Bounded, m: ErrorModel) -> Bounded:
    """V5: R times what the output gate shows, finished and stored."""
    weights, h = np.abs(R).T, multiply(shown.value, R.T)
    n = count_terms(R, shown.largest > 0) + 2
    e = multiply(shown.error, weights) + n * m.u_acc * multiply(shown.largest, weights) + 2 * n * m.eta
    stored = m.u_h + (m.u if m.pre else 0.0)
    return Bounded(h, (e + stored * (np.abs(h) + e) * (1 + m.u) + rounding.flush_room(m)) * INFLATION)
