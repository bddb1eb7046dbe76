"""The dtypes of the arrays of a problem, their codes in a file, their limits; importing it makes bfloat16 a name."""

from functools import cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

# as safetensors names them:
CODES = {
    "F64": np.dtype("f8"),
    "F32": np.dtype("f4"),
    "F16": np.dtype("f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("i8"),  # lengths
}


class Limits(NamedTuple):
    """What a dtype can hold."""

    largest: float
    tiny: float  # the smallest normal number
    eps: float


@cache
def limits(dtype: np.dtype[Any]) -> Limits:
    about = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    return Limits(float(about.max), float(about.tiny), float(about.eps))
