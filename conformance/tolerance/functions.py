"""The functions of a cell with their slopes: F5, F11 and F12 of docs/accuracy.md, and V7 and V9 there.

A function that is made of lines has no error of its own but roundings. Where an implementation's number may lie on a
kink, its slope may be anything between those of the two lines.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.tolerance import rounding
from conformance.tolerance.rounding import Bounded, exact, one_minus, one_minus_square
from lstm_spec import KINDS
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array, Variant

LINE_ROUNDINGS = 4  # of alpha or 1 / alpha, of beta or beta / alpha, of a product and of a sum


def is_never_open(y: Bounded) -> Array:
    """Of a function without kinks."""
    return np.zeros(y.value.shape, np.bool_)


class Function(NamedTuple):
    """One function: its value at z, and its slope."""

    value: Callable[[Bounded, ErrorModel], Bounded]
    slope: Callable[[Bounded, Bounded, ErrorModel], tuple[Bounded, ...]]  # at z with the value y: factors of a product
    is_open: Callable[[Bounded], Array] = is_never_open  # where the value y may lie on a kink


class Functions(NamedTuple):
    """Those of one cell."""

    gate: Function  # its slope needs no z
    candidate: Function
    output: Function


# ---------------------------------------------------------------- V9


def cut_off(a: Bounded, low: float, high: float, m: ErrorModel) -> Bounded:
    """V9: a cut off at both ends. Its error is 0 where it is cut for sure, and nowhere else."""
    lowest, value, highest = (np.clip(q, low, high) for q in (a.value - a.error, a.value, a.value + a.error))
    is_cut = (a.value + a.error < low) | (a.value - a.error > high)
    e = np.maximum(np.maximum(highest - value, value - lowest), m.eta)
    return Bounded(value, np.where(is_cut, 0.0, e))


def is_at_kink(y: Bounded, low: float, high: float) -> Array:
    """Whether what was cut off, with the value y, may lie at an end."""
    return np.asarray((y.error > 0) & ((y.value - y.error <= low) | (y.value + y.error >= high)))


def slope_of_cut(y: Bounded, low: float, high: float, alpha: float = 1.0, u: float = 0.0) -> Bounded:
    """V9: 0 where it is cut, alpha / 2 ± alpha / 2 where that is open, otherwise alpha; with a relative error of u."""
    is_cut, is_open = y.error == 0, is_at_kink(y, low, high)
    value = np.where(is_cut, 0.0, np.where(is_open, alpha / 2, alpha))
    return Bounded(value, np.where(is_cut, 0.0, np.where(is_open, alpha / 2, 0.0) + alpha * u))


def make_line(alpha: float, beta: float) -> Function:
    """V9: alpha z + beta, rounded at most LINE_ROUNDINGS times, and cut off at 0 and 1."""

    def value(z: Bounded, m: ErrorModel) -> Bounded:
        r = LINE_ROUNDINGS * m.u
        e = alpha * z.error + r * (1 + r) * (alpha * z.largest + abs(beta)) + 2 * m.eta
        return cut_off(Bounded(alpha * z.value + beta, e), 0.0, 1.0, m)

    return Function(
        value, lambda z, y, m: (slope_of_cut(y, 0.0, 1.0, alpha, m.u),), partial(is_at_kink, low=0.0, high=1.0)
    )


RELU = Function(
    lambda z, m: cut_off(z, 0.0, np.inf, m),
    lambda z, y, m: (slope_of_cut(y, 0.0, np.inf),),
    partial(is_at_kink, low=0.0, high=np.inf),
)
IDENTITY = Function(lambda z, m: z, lambda z, y, m: (exact(np.ones_like(y.value)),))

# ---------------------------------------------------------------- V7


def stretched_tanh(z: Bounded, scale: float, stretch: float, m: ErrorModel) -> Bounded:
    """V7: scale tanh(z/2) = 2 scale σ(z) - scale, computed either way; only its absolute error is small."""
    assert stretch == 2, "V7 is derived for a stretch of 2"
    y = scale * np.tanh(z.value / 2)
    nearest = np.maximum(np.abs(z.value) - z.error, 0)
    spread = np.minimum(2 * scale * rounding.sigmoid_slope(nearest) * z.error, 2 * scale)
    size = np.abs(y) + spread
    by_sigmoid = m.u * (m.r_s * (2 * scale * rounding.sigmoid_value(z.value) + spread) + 2 * scale * m.s_abs)
    by_tanh = m.u * (m.r_t * size + scale * m.t_abs)
    e = np.maximum(by_sigmoid, by_tanh)
    return Bounded(y, spread + e + m.u * (size + e) + 6 * scale * m.eta)


def stretched_slope(z: Bounded, y: Bounded, scale: float, m: ErrorModel) -> Bounded:
    """V7: the derivative of `stretched_tanh` at z, computed from its value y or from σ."""
    by_y = one_minus_square(Bounded(y.value / scale, y.error / scale), m).error * scale / 2
    s = Bounded(rounding.sigmoid_value(z.value), y.error / (2 * scale))
    rest = one_minus(s, m)
    by_sigmoid = 2 * scale * (s.error * rest.largest + s.value * rest.error)
    return Bounded(2 * scale * rounding.sigmoid_slope(z.value), np.maximum(by_y, by_sigmoid) + m.eta)


# ---------------------------------------------------------------- by name


def sigmoid_factors(z: Bounded, y: Bounded, m: ErrorModel) -> tuple[Bounded, ...]:
    """F11: σ (1 - σ), from its value."""
    return y, one_minus(y, m)


def make_stretched(scale: float, stretch: float) -> Function:
    """V7: scale tanh(z / stretch)."""
    return Function(
        lambda z, m: stretched_tanh(z, scale, stretch, m), lambda z, y, m: (stretched_slope(z, y, scale, m),)
    )


SIGMOID = Function(rounding.sigmoid, sigmoid_factors)
TANH = Function(lambda z, m: rounding.tanh(z, m), lambda z, y, m: (one_minus_square(y, m),))
SQUASHING = {"tanh": TANH, "relu": RELU, "identity": IDENTITY}


def functions_of(variant: Variant) -> Functions:
    """The functions of the cells of a variant."""
    kind, a = KINDS[variant.kind], variant.activations
    if a is not None:
        gate = SIGMOID if a.gate == "sigmoid" else make_line(float(a.alpha), float(a.beta))
        return Functions(gate, SQUASHING[a.candidate], SQUASHING[a.output])
    if kind.stretch != 1:
        return Functions(SIGMOID, make_stretched(kind.stretch, kind.stretch), make_stretched(1, kind.stretch))
    return Functions(SIGMOID, TANH, TANH)
