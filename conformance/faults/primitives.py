"""Operations that autograd differentiates, from which faulty LSTMs are built."""

from typing import Any

import numpy as np
from autograd.extend import defvjp, primitive
from autograd.tracer import getval

Value = Any  # an array, or one that autograd traces
GATES = "ifgo"


@primitive
def sigmoid(z: Value) -> Value:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


defvjp(sigmoid, lambda s, z: lambda d: d * s * (1 - s))


@primitive
def rounded(a: Value, dtype: Any) -> Value:
    """Rounded to a narrower dtype and back; its gradient passes straight through."""
    return a.astype(dtype).astype(a.dtype)


defvjp(rounded, lambda ans, a, dtype: lambda d: d, argnums=(0,))


@primitive
def selected(valid: Value, a: Value, b: Value) -> Value:
    """a where it is valid, b elsewhere: of one shape; so is the gradient, for 0 times NaN is NaN."""
    return np.where(valid, a, b)


defvjp(
    selected,
    lambda ans, valid, a, b: lambda d: np.where(valid, d, 0),
    lambda ans, valid, a, b: lambda d: np.where(valid, 0, d),
    argnums=(1, 2),
)


def stop(a: Value) -> Value:
    """The value, cut off from the gradient."""
    return getval(a)


def graded(value: Value, like: Value) -> Value:
    """The value of the one, with the gradient of the other."""
    return _graded(getval(value), like)


@primitive
def _graded(value: Value, like: Value) -> Value:
    return value


defvjp(_graded, lambda ans, value, like: lambda d: d, argnums=(1,))


@primitive
def noted(root: float, a: Value, found: dict[int, Value], k: int) -> Value:
    """a, for which differentiating with respect to the number `root` notes the gradient under k.

    autograd's own way, a list of arrays, takes time that grows with the square of their number.
    """
    return a


defvjp(noted, lambda ans, root, a, found, k: lambda d: found.update({k: d}) or 0.0, argnums=(0,))
