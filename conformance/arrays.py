"""Arrays: dtypes, their limits and codes, their bits. Importing this module makes bfloat16 a name."""

import ctypes
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from lstm_spec.layouts.foreign import to_array
from lstm_spec.types import Array

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


def read_tensor(name: str, value: Any) -> Array:
    """The numbers of an array of any framework; torch's bfloat16 as NumPy's. Raises TypeError if it has none."""
    found = to_array(name, value)
    return found.astype(ml_dtypes.bfloat16) if str(value.dtype) == "torch.bfloat16" else found


def frozen(a: Array) -> Array:
    a.flags.writeable = False
    return a


SUBNORMAL64 = 2.0**-1074


def subnormals_are_kept() -> bool:
    """Whether float64 here is IEEE's; a library may have switched subnormal numbers off for the whole process."""
    return bool(np.full(1, SUBNORMAL64) * np.ones(1) != 0)


def fingerprint(example: Any) -> bytes:
    """The same for examples that hold the same bits."""
    digest = hashlib.blake2b(digest_size=16)
    for leaf in _leaves(example):
        digest.update(leaf)
    return digest.digest()


def _leaves(example: Any) -> Iterator[bytes]:
    if isinstance(example, np.ndarray):
        yield repr((example.shape, example.dtype.name)).encode() + np.ascontiguousarray(example).tobytes()
    elif is_dataclass(example):
        for field in fields(example):
            yield from _leaves(getattr(example, field.name))
    elif isinstance(example, tuple | list):
        for part in example:
            yield from _leaves(part)
    else:
        yield repr(example).encode()


TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # of mallopt(3), in bytes
KEPT = {TRIM_THRESHOLD: 2**28, TOP_PAD: 2**24, MMAP_THRESHOLD: 2**25}


def keep_freed_memory() -> None:
    """Have glibc keep what an array leaves for the next one, and not give it back in between."""
    with suppress(AttributeError, OSError, TypeError):  # another C library
        for option, size in KEPT.items():
            ctypes.CDLL(None).mallopt(option, size)
