"""The functions that can be configured, for autograd."""

from collections.abc import Callable

import autograd.numpy as anp

from conformance.faults.primitives import Value
from lstm_spec import Activations

Function = Callable[[Value], Value]


def open_as_configured(a: Activations | None, sigmoid: Function) -> Function:
    """The function of the gates: the hard sigmoid if that is configured, else the given one in place of σ."""
    if a is None or a.gate == "sigmoid":
        return sigmoid
    return lambda z: anp.clip(a.alpha * z + a.beta, 0, 1)


def squash_as_configured(a: Activations | None, of: str, tanh: Function = anp.tanh) -> Function:
    """The function of the candidate or the output, with the given one in place of tanh."""
    return {"relu": lambda z: anp.maximum(z, 0), "identity": lambda z: z}.get(getattr(a, of, "tanh"), tanh)
