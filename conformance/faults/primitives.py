"""Operations that autograd differentiates, from which faulty LSTMs are built."""

from collections.abc import Callable
from typing import Any

import numpy as np
from autograd.extend import defvjp, primitive
from autograd.tracer import getval

from lstm_spec import equations
from lstm_spec.types import Array

Value = Any  # an array, or one that autograd traces


def replace_slope(function: Callable[[Array], Array], back: Callable[[Array, Array, Array], Array]) -> Any:
    """The function with another derivative: `back` turns the cotangent of its value y(z), y and z into that of z."""
    changed = primitive(lambda z: function(z))
    defvjp(changed, lambda y, z: lambda d: back(d, y, z))
    return changed


sigmoid = replace_slope(equations.sigmoid, lambda d, s, z: d * s * (1 - s))


@primitive
def multiply_and_add(x: Value, W: Value, h: Value, U: Value, b: Value) -> Value:
    """x Wᵀ + h Uᵀ + b as one operation: the time that autograd takes depends on how many operations there are."""
    return np.dot(x, W.T) + np.dot(h, U.T) + b


defvjp(
    multiply_and_add,
    lambda z, x, W, h, U, b: lambda d: np.dot(d, W),
    lambda z, x, W, h, U, b: lambda d: np.dot(d.T, x),
    lambda z, x, W, h, U, b: lambda d: np.dot(d, U),
    lambda z, x, W, h, U, b: lambda d: np.dot(d.T, h),
    lambda z, x, W, h, U, b: lambda d: d.sum(axis=0),
)


def round_to(a: Value, dtype: Any) -> Value:
    """Rounded to a narrower dtype and back; its gradient passes straight through."""
    return replace_gradient(getval(a).astype(dtype).astype(a.dtype), a)


@primitive
def _select(valid: Value, a: Value, b: Value) -> Value:
    return np.where(valid, a, b)


defvjp(
    _select,
    lambda ans, valid, a, b: lambda d: np.where(valid, d, 0),
    lambda ans, valid, a, b: lambda d: np.where(valid, 0, d),
    argnums=(1, 2),
)


def select_where(valid: Any, a: Value, b: Value) -> Value:
    """a where valid, else b; a and b have one shape. The gradient is selected as well, for 0 times NaN is NaN."""
    return _select(np.broadcast_to(valid, getval(a).shape), a, b)


def make_zeros(a: Value) -> Array:
    """Zeros of the shape and dtype of a, without a gradient."""
    return np.zeros_like(getval(a))


def stop_gradient(a: Value) -> Value:
    """The value, cut off from the gradient."""
    return getval(a)


def replace_gradient(value: Value, like: Value) -> Value:
    """The value of the one, with the gradient of the other."""
    return _replace_gradient(getval(value), like)


@primitive
def _replace_gradient(value: Value, like: Value) -> Value:
    return value


defvjp(_replace_gradient, lambda ans, value, like: lambda d: d, argnums=(1,))


@primitive
def note_gradient(root: float, a: Value, found: dict[int, Value], k: int) -> Value:
    """a, for which differentiating with respect to the number `root` notes the gradient under k.

    autograd's way with a list of arrays takes time that grows with the square of their number.
    """
    return a


defvjp(note_gradient, lambda ans, root, a, found, k: lambda d: found.update({k: d}) or 0.0, argnums=(0,))
