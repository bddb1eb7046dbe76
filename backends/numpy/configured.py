"""The functions of a cell whose functions are configured, in place, and their derivatives."""

import numpy as np

from lstm_spec.types import Activations, Array


def open_gates(a: Activations, z: Array) -> None:
    """Turn what gates receive into gates."""
    if a.gate == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        np.add(z, z.dtype.type(1), out=z)
        np.reciprocal(z, out=z)
    else:
        np.multiply(z, z.dtype.type(a.alpha), out=z)
        np.add(z, z.dtype.type(a.beta), out=z)
        np.clip(z, 0, 1, out=z)


def squash(name: str, z: Array, out: Array) -> None:
    """Write the function of that name to `out`."""
    if name == "tanh":
        np.tanh(z, out=out)
    elif name == "relu":
        np.maximum(z, 0, out=out)
    elif out is not z:
        np.copyto(out, z)


def write_gate_slopes(a: Activations, gates: Array, out: Array) -> None:
    """Write the derivatives of the gates, which have these values."""
    if a.gate == "sigmoid":
        np.subtract(1, gates, out=out)
        out *= gates
    else:
        np.multiply((gates > 0) & (gates < 1), out.dtype.type(a.alpha), out=out)


def write_slope(name: str, y: Array, out: Array) -> None:
    """Write the derivative of the function of that name, which has the value y."""
    if name == "tanh":
        np.multiply(y, y, out=out)
        np.subtract(1, out, out=out)
    else:
        np.copyto(out, (y > 0) if name == "relu" else 1)
