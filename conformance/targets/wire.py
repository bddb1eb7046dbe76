"""Arrays as bytes: a safetensors file, to the last bit and with their strides.

Written by hand, because each question waits for it, and `safetensors.numpy.save` takes three times as long. The tests
read the files with the library.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from conformance.arrays import CODES
from conformance.nouns import Tensors as Tensors
from conformance.text import clean_line
from lstm_spec.types import Array

About = dict[str, str]

# ---------------------------------------------------------------- what others wrote is read strictly


class FrameError(ValueError):
    """Bytes that are no message, no question or no reply: what is wrong with them."""


LONGEST_HEADER = 1 << 21  # bytes
DTYPE = re.compile(r"[<>|=]?[A-Za-z][A-Za-z0-9_]{0,31}(\[[0-9a-zA-Z]{1,8}\])?")
MALFORMED = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


@contextmanager
def read_strictly() -> Iterator[None]:
    """Raise FrameError in place of whatever comes of reading data of another form."""
    try:
        yield
    except FrameError:
        raise
    except MALFORMED as error:
        raise FrameError(f"it has not the form of one ({clean_line(str(error), 200)})") from error


def split_header(raw: bytes | memoryview) -> tuple[bytes, int]:
    """The header, which begins with its length, and where the rest begins. Raises FrameError."""
    size = int.from_bytes(raw[:8], "little")
    if not 8 + size <= len(raw) or size > LONGEST_HEADER:
        raise FrameError(f"its header has {size:,} bytes, more than there are or may be")
    return bytes(raw[8 : 8 + size]), 8 + size


def read_json(text: str | bytes) -> Any:
    """What is written in JSON, without NaN and infinities. Raises ValueError or RecursionError."""
    return STRICT.decode(text if isinstance(text, str) else str(text, "utf-8"))


def _refuse_constant(name: str) -> None:
    raise FrameError(f"it has the number {name}")


STRICT = json.JSONDecoder(parse_constant=_refuse_constant)


def read_number(value: Any) -> int:
    """The number, if it is one that fits into 64 bits. Raises FrameError."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise FrameError("it has something else in place of an integer")
    return value


def read_size(value: Any) -> int:
    """The number, if it is none below 0. Raises FrameError."""
    if type(value) is int and 0 <= value < 2**63:  # first, for it is asked of every size of every array
        return value
    read_number(value)
    raise FrameError("it has a size or a place below 0")


def read_shape(value: Any) -> tuple[int, ...]:
    """The shape of an array. Raises FrameError."""
    if not isinstance(value, list | tuple):
        raise FrameError("it has something else in place of a shape")
    return tuple(map(read_size, value))


def read_dtype(text: Any) -> np.dtype[Any]:
    """A dtype without objects, by its name. Raises FrameError or TypeError."""
    if not isinstance(text, str) or not DTYPE.fullmatch(text):
        raise FrameError("it has something else in place of a dtype")
    dtype = np.dtype(text)
    if dtype.hasobject or not dtype.itemsize:
        raise FrameError("it has arrays of Python objects, or of nothing")
    return dtype


# ---------------------------------------------------------------- arrays to bytes, and back

CODE_OF = {dtype: code for code, dtype in CODES.items()}


SPARE = 1 << 16  # bytes; much more memory around an array than that, and than its own, stays where it is


class Laid(NamedTuple):
    """How an array lies in memory."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int  # in the file, in bytes
    block: str = ""  # the array that its memory belongs to, if that is another one
    offset: int = 0  # in the block, in bytes
    strides: tuple[int, ...] = ()


def find_owner(a: Array) -> Array:
    """The array that owns the memory in which this one lies."""
    owner = a
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return a if owner.dtype.hasobject or owner.nbytes > SPARE + 4 * a.nbytes else owner


def find_blocks(tensors: Tensors) -> dict[str, Array]:
    """By name, the arrays whose memory is that of all others; one that is not among these is called `memory.NAME`.

    An array without elements, and one of Python objects, has memory of its own.
    """
    blocks, names = dict[str, Array](), dict[int, str]()
    for name, a in tensors.items():
        if _is_plain(a) and names.setdefault(id(a), name) == name:
            blocks[name] = a
    for name, a in tensors.items():
        if name not in blocks:
            owner = find_owner(a)
            blocks.setdefault(names.setdefault(id(owner), f"memory.{name}"), owner)
    return blocks


def _is_plain(a: Array) -> bool:
    return a.dtype.hasobject or a.size == 0 or (a.flags.c_contiguous and not isinstance(a.base, np.ndarray))


def pack_tensors(tensors: Tensors, about: About, blocks: Tensors | None = None) -> bytes:
    """A safetensors file that holds these arrays to the last bit, their strides, and which of them share memory.

    An array of another dtype is a row of bytes. One that shares its memory, or does not lie there in C order, is there
    twice: its numbers, and as `memory.NAME` everything in the array that owns the memory.
    """
    blocks = find_blocks(tensors) if blocks is None else blocks
    rows = {name: show_memory(a) for name, a in blocks.items() if name not in tensors}
    blobs = [b"" if a.dtype.hasobject else a.tobytes() for a in (*tensors.values(), *rows.values())]
    homes = {id(a): name for name, a in blocks.items()}
    laid = [
        Laid(name, a.dtype, a.shape, len(blob), *(() if name in blocks else _describe_place(a, homes, blocks)))
        for (name, a), blob in zip((tensors | rows).items(), blobs, strict=True)
    ]
    return b"".join((_make_header(tuple(laid), tuple(about.items())), *blobs))


def _describe_place(a: Array, homes: dict[int, str], blocks: Tensors) -> tuple[str, int, tuple[int, ...]]:
    block = homes.get(id(a)) or homes[id(find_owner(a))]
    return block, find_address(a) - find_address(show_memory(blocks[block])), a.strides


def find_address(a: Array) -> int:
    return int(a.__array_interface__["data"][0])


def unpack_tensors(
    raw: bytes | memoryview, place: Callable[[str, Array], Array] = lambda name, sent: sent.copy()
) -> tuple[Tensors, About]:
    """The arrays, with the bits, strides and shared memory of those that were packed, and the text packed with them.

    `place` says where a block of memory is kept, given its name and an array that lies in `raw`. Raises FrameError, and
    what `read_strictly` makes one.
    """
    header, start = split_header(raw)
    parse = _parse_header if len(header) <= SPARE else _parse_header.__wrapped__  # a long one is not worth keeping
    straight, odd, about = parse(header, len(raw) - start)
    tensors = {name: place(name, np.ndarray(shape, dtype, raw, start + at)) for name, dtype, shape, at in straight}
    for name, dtype, shape, block, *strided in odd:
        tensors[name] = np.ndarray(shape, dtype, show_memory(tensors[block]), *strided)
    return {name: a for name, a in tensors.items() if not name.startswith("memory.")}, about


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
def _parse_header(header: bytes, size: int) -> tuple[list[Any], list[Any], About]:
    """Name, dtype, shape and place of every block; of the other arrays the block and the strides; the text."""
    entries = read_json(header)
    about = {str(key): str(text) for key, text in entries.pop("__metadata__").items()}
    layout = read_json(about.get("layout", "{}"))
    straight, odd, end = list[Any](), list[Any](), 0
    for name, entry in entries.items():
        form = layout.get(name)
        code, shape, *strided = form or (entry["dtype"], entry["shape"])
        dtype, shape = read_dtype(code) if form else CODES[code], read_shape(shape)
        start, end = end, end + prod(shape) * dtype.itemsize
        if entry["data_offsets"] != [start, end]:
            raise FrameError(f"the bytes of {name!r} are not where they should be")
        if strided:
            block, offset, strides = strided
            odd.append((name, dtype, shape, block, read_size(offset), tuple(map(read_number, strides))))
        else:
            straight.append((name, dtype, shape, start))
    if end != size:
        raise FrameError("its arrays are not as long as it is")
    return straight, odd, about


def _describe_layout(a: Laid) -> list[Any] | None:
    """What the format cannot say: another dtype; in which block the array lies, where its first element, and how."""
    if a.dtype in CODE_OF and not a.block:
        return None
    named = a.dtype.kind == "V" and a.dtype.type is not np.void
    form = [a.dtype.name if named else a.dtype.str, a.shape]
    return [*form, a.block, a.offset, a.strides] if a.block else form


def show_memory(a: Array) -> Array:
    """The memory of an array from its first byte to its last, in one row; of its dtype if the strides allow it."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return a.ravel("K")  # no copy
    last = sum((n - 1) * abs(s) for n, s in zip(a.shape, a.strides, strict=True))
    lowest = a[tuple(slice(-1, None) if s < 0 else slice(1) for s in a.strides)].reshape(1).view(np.uint8)
    row = as_strided(lowest, (last + a.itemsize,), (1,), writeable=bool(a.flags.writeable))
    return row.view(a.dtype) if all(s % a.itemsize == 0 for s in a.strides) else row
