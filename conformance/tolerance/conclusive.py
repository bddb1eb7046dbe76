"""When a bound has grown too wide to say anything."""

import numpy as np

from conformance.tolerance.rounding import Bounded
from lstm_spec import ErrorModel
from lstm_spec.types import Array

CONCLUSIVE = 1e-2  # a free-running error above this says nothing, unless so much is lost in a few roundings
ROUNDINGS = 2.0**6  # so many
OPEN = 0.25  # with 16 bits, this share of what is judged may stay open: one cancellation loses all digits of a gate


def largest_conclusive_error(model: ErrorModel) -> float:
    """The largest error of h in a free run that still says something."""
    return max(CONCLUSIVE, ROUNDINGS * largest_roundoff(model))


def measure_width(q: Bounded) -> Array:
    """How wide the bound of a number is, relative to its size if that is above 1, as it may be without tanh."""
    return np.asarray(q.error / np.maximum(1, np.abs(q.value)))


def is_conclusive(opened: Array, model: ErrorModel) -> bool:
    """Whether what stays open is nothing, or with 16 bits a small share."""
    few = OPEN if ROUNDINGS * largest_roundoff(model) > CONCLUSIVE else 0.0
    return bool(opened.sum() <= few * opened.size)


def largest_roundoff(model: ErrorModel) -> float:
    """The largest relative error of a single rounding."""
    return max(model.u, model.u_h, model.u_c)
