"""How far single operations of an implementation may be off: formulas F4, F5 and F10 to F12 of docs/accuracy.md.

A Bounded is a value of the float64 oracle, and how far an implementation's own value may lie from it.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, reduce
from types import EllipsisType
from typing import NamedTuple

import numpy as np

from conformance.arrays import SUBNORMAL64
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array

U64 = 2.0**-53
ETA32 = 2.0**-126  # the smallest normal number of float32
INFLATION = 1 + 1e-9  # for the rounding of the bound itself, measured at 6e-14


class Bounded(NamedTuple):
    value: Array
    error: Array  # >= 0

    @property
    def largest(self) -> Array:
        """How large the implementation's value can be."""
        return np.abs(self.value) + self.error


def exact(value: Array) -> Bounded:
    """A number that oracle and implementation share."""
    value = np.asarray(value, np.float64)
    return Bounded(value, np.zeros(value.shape))


@lru_cache
def with_oracle(m: ErrorModel) -> ErrorModel:
    """The model of implementation and float64 oracle together: the oracle rounds too."""
    return replace(m, u=m.u + U64, u_acc=m.u_acc + U64, eta=m.eta + 3 * SUBNORMAL64)


def recenter(q: Bounded, known: Mapping[str, Bounded], name: str, t: int | EllipsisType = ...) -> Bounded:
    """The same room about a value, of step t, that is known better; q itself where none is."""
    if name not in known:
        return q
    value, error = known[name]
    return Bounded(value[t], q.error + error[t])


def sigmoid_value(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1 + e)


def sigmoid_slope(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


def tanh_slope(z: Array) -> Array:
    return 4 * sigmoid_slope(2 * z)


def extra_roundings(m: ErrorModel, many: int | Array) -> Array:
    """(1 + u)^many - 1."""
    return np.asarray((1 + m.u) ** many - 1)


def sigmoid(z: Bounded, m: ErrorModel) -> Bounded:
    """F5: σ(z), and how far an implementation's may be from it."""
    return _activation(sigmoid_value(z.value), sigmoid_slope(_nearest_to_zero(z)), z.error, *_sigmoid_errors(m))


def tanh(z: Bounded, m: ErrorModel) -> Bounded:
    """F5 and F8: tanh(z), and how far an implementation's may be from it."""
    return _activation(np.tanh(z.value), tanh_slope(_nearest_to_zero(z)), z.error, *_tanh_errors(m))


def sigmoid_or_tanh(z: Bounded, tanhs: slice, m: ErrorModel) -> Bounded:
    """F5 for many at once: tanh of those in the slice of the last axis, σ of the others."""
    v, (scale, square, *rates) = sigmoid_value(z.value), list_rates(z.value.shape[-1], tanhs.start, tanhs.stop, m)
    v[..., tanhs] = np.tanh(z.value[..., tanhs])
    return _activation(v, square * sigmoid_slope(scale * _nearest_to_zero(z)), z.error, *rates)  # as in tanh_slope


@lru_cache
def list_rates(many: int, first: int, last: int, m: ErrorModel) -> tuple[Array, Array, Array, Array]:
    """For each of so many: 2 for tanh and 1 for σ, their squares, and the relative and the absolute error."""
    is_tanh = (first <= np.arange(many)) & (np.arange(many) < last)
    rates = zip((2.0, 4.0, *_tanh_errors(m)), (1.0, 1.0, *_sigmoid_errors(m)), strict=True)
    scale, square, relative, absolute = (np.where(is_tanh, *both) for both in rates)
    return scale, square, relative, absolute


def _sigmoid_errors(m: ErrorModel) -> tuple[float, float]:
    """F5: the relative and the absolute error of σ."""
    return m.r_s * m.u, m.s_abs * m.u + 2 * m.eta


def _tanh_errors(m: ErrorModel) -> tuple[float, float]:
    """F5: the relative and the absolute error of tanh."""
    return m.r_t * m.u, m.t_abs * m.u + 2 * m.eta


def _nearest_to_zero(z: Bounded) -> Array:
    return np.maximum(np.abs(z.value) - z.error, 0)


def _activation(v: Array, slope: Array, dz: Array, relative: float | Array, absolute: float | Array) -> Bounded:
    d = np.minimum(slope * dz, 2.0)
    return Bounded(v, d + relative * (np.abs(v) + d) + absolute)


def flush_room(m: ErrorModel) -> float:
    """What a storage of its own may lose of a number that it flushes."""
    return m.eta if m.u_h or m.u_c else 0.0


def narrow(q: Bounded, v: float, m: ErrorModel) -> Bounded:
    """A number that is returned with roundoff v, though it may be wider inside; as it is where v = 0."""
    return Bounded(q.value, q.error + v * q.largest + m.eta) if v else q


def shown(q: Bounded, v: float, m: ErrorModel) -> Bounded:
    """A number used inside, as far as the one that was returned tells: it may be wider, and underflow when returned.

    Where it is not wider by a roundoff v of its own, the sums it enters have room for u, but none for an underflow: of
    that number, or in a product that reads a subnormal number of its own format, float32 at grade op-by-op, as 0.
    """
    if v:
        return narrow(q, v, m)
    eta = min(m.eta, ETA32) if m.pre else m.eta
    lost = np.abs(q.value) <= eta
    return Bounded(q.value, np.where(lost, q.error + eta, q.error)) if lost.any() else q


class Product(NamedTuple):
    """A product of some factors, before its roundings."""

    value: Array
    error: Array
    largest: Array  # how large the implementation's value can be
    growth: Array  # what an underflow is multiplied by afterwards, at most


def multiply_out(*factors: Bounded | Product) -> Product:
    """F10 without its roundings: factors that are multiplied already count as one."""
    return reduce(_times, map(_as_product, factors))


def _as_product(q: Bounded | Product) -> Product:
    return q if isinstance(q, Product) else Product(*q, largest := q.largest, np.maximum(1, largest))


def _times(p: Product, q: Product) -> Product:
    error = p.error * q.largest + np.abs(p.value) * q.error
    return Product(p.value * q.value, error, p.largest * q.largest, p.growth * q.growth)


def product(factors: tuple[Bounded | Product, ...], roundings: int, m: ErrorModel) -> Bounded:
    """F10: a product with so many roundings in it, in any order of association."""
    (p, e, _, growth), r = multiply_out(*factors), roundings * m.u
    e = np.fmin(e, np.inf)  # not NaN: 0 times an error that overflowed
    return Bounded(p, e + r * (1 + r) * (np.abs(p) + e) + roundings * m.eta * growth)


def one_minus(s: Bounded, m: ErrorModel) -> Bounded:
    """F11: 1 - s."""
    v = 1 - s.value
    return Bounded(v, s.error + m.u * (v + s.error))


def one_minus_square(y: Bounded, m: ErrorModel) -> Bounded:
    """F12: 1 - y*y, in any of the usual ways of computing it."""
    v, a, dy, u = np.maximum(1 - y.value * y.value, 0), np.abs(y.value), y.error, m.u
    moved = 2 * a * dy + dy * dy
    return Bounded(v, moved + u * (a + dy) * (1 + a + dy) + u * (v + moved) + m.eta)
