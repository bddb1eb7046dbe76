"""The functions of a cell, as they are configured or not, and the way back through them."""

import numpy as np

from lstm_spec import Activations, Array
from tools.checks.right.arithmetic import Arithmetic


def open_gate(a: Arithmetic, functions: Activations | None, z: Array) -> Array:
    """σ, or the hard sigmoid; that of Keras 3 as torch has it, min(max(z + 3, 0), 6) / 6."""
    if functions is None or functions.gate == "sigmoid":
        return a.sigmoid(z)
    number = z.dtype.type
    if functions.alpha == 1 / 6 and functions.beta == 0.5 and a.fused:
        return np.asarray(np.minimum(np.maximum(z + number(3), number(0)), number(6)) / number(6))
    line = number(functions.alpha) * z + number(functions.beta)
    return np.asarray(np.minimum(np.maximum(line, number(0)), number(1)))


def through_gate(functions: Activations | None, d: Array, v: Array) -> Array:
    """The gradient d of a gate of value v, times the derivative there."""
    one = v.dtype.type(1)
    if functions is None or functions.gate == "sigmoid":
        return np.asarray(d * v * (one - v))
    return np.where((v > 0) & (v < one), d * v.dtype.type(functions.alpha), np.zeros_like(d))


def squash(functions: Activations | None, of: str, z: Array) -> Array:
    """The function of the candidate or the output; tanh if nothing is configured."""
    name = getattr(functions, of, "tanh")
    return np.maximum(z, z.dtype.type(0)) if name == "relu" else z if name == "identity" else np.tanh(z)


def squashing_slope(a: Arithmetic, functions: Activations | None, of: str, y: Array) -> Array:
    """Its derivative, from its value."""
    name = getattr(functions, of, "tanh")
    if name == "relu":
        return np.asarray(y > 0, y.dtype)
    return np.ones_like(y) if name == "identity" else a.tanh_slope(y)
