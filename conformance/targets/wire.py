"""Arrays as bytes: a safetensors file, to the last bit and with their strides.

Written by hand, because each question waits for it, and `safetensors.numpy.save` takes three times as long. The tests
read the files with the library.
"""

import json
import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from conformance.arrays import CODES
from conformance.targets.nouns import Tensors as Tensors
from lstm_spec.types import Array

About = dict[str, str]

# ---------------------------------------------------------------- arrays to bytes, and back

CODE_OF = {dtype: code for code, dtype in CODES.items()}


class Laid(NamedTuple):
    """How an array lies in memory."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    size: int  # in the file, in bytes


def pack_tensors(tensors: Tensors, about: About) -> bytes:
    """A safetensors file that holds these arrays to the last bit, and their strides.

    An array of another dtype is a row of bytes; one that does not lie in memory in C order is there twice: its numbers,
    and as `memory.NAME` everything from its first byte in memory to its last.
    """
    everything = tensors | {
        f"memory.{name}": _read_memory(a) for name, a in tensors.items() if not a.flags.c_contiguous
    }
    blobs = [b"" if a.dtype.hasobject else a.tobytes() for a in everything.values()]
    laid = (
        Laid(name, a.dtype, a.shape, a.strides, len(blob))
        for (name, a), blob in zip(everything.items(), blobs, strict=True)
    )
    return b"".join((_make_header(tuple(laid), tuple(about.items())), *blobs))


def unpack_tensors(raw: bytes | memoryview) -> tuple[Tensors, About]:
    """The arrays, with the same bits and strides as those that were packed, and the text that was packed with them."""
    start = 8 + int.from_bytes(raw[:8], "little")
    straight, odd, about = _parse_header(bytes(raw[8:start]))
    tensors = {
        name: np.ndarray(shape, dtype, raw, start + at).copy() if at >= 0 else np.ndarray(shape, dtype)
        for name, dtype, shape, at in straight
    }
    for name, dtype, shape, *strided in odd:
        tensors[name] = np.ndarray(shape, dtype, tensors.pop(f"memory.{name}", tensors[name]), *strided)
    return tensors, about


@lru_cache(256)  # the questions of one property are similar, and JSON takes most of the time
def _make_header(arrays: tuple[Laid, ...], about: tuple[tuple[str, str], ...]) -> bytes:
    layout = {a.name: form for a in arrays if (form := _describe_layout(a))}
    header: dict[str, Any] = {"__metadata__": dict(about) | ({"layout": json.dumps(layout)} if layout else {})}
    end = 0
    for a in arrays:
        start, end, code = end, end + a.size, CODE_OF.get(a.dtype)
        header[a.name] = {"dtype": code or "U8", "shape": a.shape if code else [a.size], "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


@lru_cache(256)
def _parse_header(header: bytes) -> tuple[list[Any], list[Any], About]:
    """Name, dtype, shape and place of every array; the same and the strides of those with odd strides; the text."""
    entries = json.loads(header)
    about = entries.pop("__metadata__")
    layout = json.loads(about.get("layout", "{}"))
    straight, odd = [], []
    for name, entry in entries.items():
        dtype, shape, *strided = layout.get(name) or (CODES[entry["dtype"]], entry["shape"])
        dtype = np.dtype(dtype)
        straight.append((name, dtype, shape, -1 if dtype.hasobject else entry["data_offsets"][0]))
        if strided:
            odd.append((name, dtype, shape, *strided))
    return straight, odd, about


def _describe_layout(a: Laid) -> list[Any] | None:
    """What the format cannot say: another dtype; the strides, and where in memory the first element lies."""
    plain = a.size == 0 or a.strides == tuple(
        a.dtype.itemsize * math.prod(a.shape[k + 1 :]) for k in range(len(a.shape))
    )
    if a.dtype in CODE_OF and plain:
        return None
    named = a.dtype.kind == "V" and a.dtype.type is not np.void
    form = [a.dtype.name if named else a.dtype.str, a.shape]
    return (
        form
        if plain
        else [*form, -sum((n - 1) * min(s, 0) for n, s in zip(a.shape, a.strides, strict=True)), a.strides]
    )


def _read_memory(a: Array) -> Array:
    """From its first byte in memory to its last, in one row; of the same dtype if the strides allow it."""
    last = sum((n - 1) * abs(s) for n, s in zip(a.shape, a.strides, strict=True))
    lowest = a[tuple(slice(-1, None) if s < 0 else slice(1) for s in a.strides)].reshape(1).view(np.uint8)
    row = as_strided(lowest, (last + a.itemsize,), (1,), writeable=False)
    return row.view(a.dtype) if all(s % a.itemsize == 0 for s in a.strides) else row
