"""Ways to add up products and to spell σ that are all right: what the implementations of by_hand.py differ in."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lstm_spec import Array

# ---------------------------------------------------------------- a @ b, for matrices


def add_backwards(a: Array, b: Array) -> Array:
    """The product of two matrices, summed strictly one term after another from the last to the first."""
    total = np.zeros((len(a), b.shape[1]), a.dtype)
    for k in reversed(range(len(b))):
        total = total + a[:, k, None] * b[k]
    return total


def add_compensated(a: Array, b: Array) -> Array:
    """The product of two matrices, each sum compensated. Kahan 1965."""
    total = np.zeros((len(a), b.shape[1]), a.dtype)
    lost = np.zeros_like(total)
    for k in range(len(b)):
        term = a[:, k, None] * b[k] - lost
        more = total + term
        lost = (more - total) - term
        total = more
    return total


def add_in_float32(a: Array, b: Array) -> Array:
    """The product of two matrices, summed in float32 and rounded once to their dtype."""
    return np.asarray((a.astype(np.float32) @ b.astype(np.float32)).astype(a.dtype))


def flush_alone(a: Array, b: Array) -> Array:
    """The same; with one column it reads subnormal numbers of float32 as 0, like a kernel for vectors of its own."""
    if b.shape[1] > 1:
        return add_in_float32(a, b)
    wide = (q.astype(np.float32) for q in (a, b))
    one, other = (np.where(np.abs(q) < np.finfo(np.float32).tiny, np.float32(0), q) for q in wide)
    return np.asarray((one @ other).astype(a.dtype))


# ---------------------------------------------------------------- the logistic function and a slope


def divide_one(z: Array) -> Array:
    """σ as 1 / (1 + exp(-z)); exp may overflow, and the quotient is then 0."""
    one = z.dtype.type(1)
    return np.asarray(one / (one + np.exp(-z)))


def divide_in_branches(z: Array) -> Array:
    """σ as a quotient in which no exponential overflows."""
    one, e = z.dtype.type(1), np.exp(-np.abs(z))
    return np.where(z >= 0, one, e) / (one + e)


def halve_tanh(z: Array) -> Array:
    """σ as ½ + ½ tanh(z/2), which is accurate in absolute terms only."""
    half = z.dtype.type(0.5)
    return np.asarray(half + half * np.tanh(half * z))


def subtract_square(y: Array) -> Array:
    """The slope of tanh as 1 - y y."""
    return np.asarray(y.dtype.type(1) - y * y)


def multiply_conjugates(y: Array) -> Array:
    """The slope of tanh as (1 - y) (1 + y)."""
    one = y.dtype.type(1)
    return np.asarray((one - y) * (one + y))


class Arithmetic(NamedTuple):
    """How an LSTM computes; `fused`: one product of [W U] and [x; h] in place of two."""

    product: Callable[[Array, Array], Array] = np.matmul
    sigmoid: Callable[[Array], Array] = divide_one
    tanh_slope: Callable[[Array], Array] = subtract_square
    fused: bool = False
