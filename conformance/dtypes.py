"""The limits of the dtypes that a problem may have; importing it makes NumPy know bfloat16 by name."""

from functools import cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np


class Limits(NamedTuple):
    """What a dtype can hold."""

    largest: float
    tiny: float  # the smallest normal number
    eps: float


@cache
def limits(dtype: np.dtype[Any]) -> Limits:
    about = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    return Limits(float(about.max), float(about.tiny), float(about.eps))
