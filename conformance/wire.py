"""Questions and answers as bytes: a safetensors file of their arrays, to the last bit and with their strides.

Written by hand, for each question waits for it: `safetensors.numpy.save` takes three times as long. The tests read the
files with the library.
"""

import json
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from conformance.dtypes import CODES
from lstm_spec import (
    Answer,
    Cotangents,
    Description,
    ErrorModel,
    Feature,
    Gate,
    Gradients,
    Parameters,
    Problem,
    Shapes,
    State,
)
from lstm_spec.types import Array, Variant

FORMAT = "lstm-spec question 1"

Tensors = dict[str, Array]
About = dict[str, str]
Form = Any  # JSON: the name of a tensor, null, [noun, part, ...], {"plain": value}, {"module": ..., "name": ...}

# ---------------------------------------------------------------- arrays to bytes, and back

CODE_OF = {dtype: code for code, dtype in CODES.items()}


class Laid(NamedTuple):
    """How an array lies in memory."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    size: int  # in the file, in bytes


def packed(tensors: Tensors, about: About) -> bytes:
    """A safetensors file that holds these arrays to the last bit, and their strides.

    An array of another dtype is a row of bytes; one that does not lie in memory in C order is there twice: its numbers,
    and as `memory.NAME` everything from its first byte in memory to its last.
    """
    everything = tensors | {f"memory.{name}": _memory(a) for name, a in tensors.items() if not a.flags.c_contiguous}
    blobs = [b"" if a.dtype.hasobject else a.tobytes() for a in everything.values()]
    laid = (
        Laid(name, a.dtype, a.shape, a.strides, len(blob))
        for (name, a), blob in zip(everything.items(), blobs, strict=True)
    )
    return b"".join((_header(tuple(laid), tuple(about.items())), *blobs))


def unpacked(raw: bytes | memoryview) -> tuple[Tensors, About]:
    """The arrays, in memory and strides like those that were packed, and what was said about them."""
    start = 8 + int.from_bytes(raw[:8], "little")
    straight, odd, about = _read(bytes(raw[8:start]))
    tensors = {
        name: np.ndarray(shape, dtype, raw, start + at).copy() if at >= 0 else np.ndarray(shape, dtype)
        for name, dtype, shape, at in straight
    }
    for name, dtype, shape, *strided in odd:
        tensors[name] = np.ndarray(shape, dtype, tensors.pop(f"memory.{name}", tensors[name]), *strided)
    return tensors, about


@lru_cache(256)  # one property asks much alike, and JSON is most of the time
def _header(arrays: tuple[Laid, ...], about: tuple[tuple[str, str], ...]) -> bytes:
    layout = {a.name: form for a in arrays if (form := _layout(a))}
    header: dict[str, Any] = {"__metadata__": dict(about) | ({"layout": json.dumps(layout)} if layout else {})}
    end = 0
    for a in arrays:
        start, end, code = end, end + a.size, CODE_OF.get(a.dtype)
        header[a.name] = {"dtype": code or "U8", "shape": a.shape if code else [a.size], "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


@lru_cache(256)
def _read(header: bytes) -> tuple[list[Any], list[Any], About]:
    """Name, dtype, shape and place of every array; the same of those in odd strides, and strides; what was said."""
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


def _layout(a: Laid) -> list[Any] | None:
    """What the format has no place for: another dtype; where in memory the first element lies, and the strides."""
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


def _memory(a: Array) -> Array:
    """From its first byte in memory to its last, in one row; of the same dtype where the strides allow it."""
    last = sum((n - 1) * abs(s) for n, s in zip(a.shape, a.strides, strict=True))
    lowest = a[tuple(slice(-1, None) if s < 0 else slice(1) for s in a.strides)].reshape(1).view(np.uint8)
    row = as_strided(lowest, (last + a.itemsize,), (1,), writeable=False)
    return row.view(a.dtype) if all(s % a.itemsize == 0 for s in a.strides) else row


# ---------------------------------------------------------------- nouns to arrays, and back

NOUNS = {noun.__name__: noun for noun in (Problem, Variant, Parameters, Gate, State, Cotangents, Answer, Gradients)}
UNNAMED = {(Problem, "parameters"), (Gradients, "parameters"), (Cotangents, "state")}  # i.W, not parameters.i.W
OTHERS: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "list": list, "scalar": lambda parts: parts[0][()]}
LABELS: dict[Any, list[tuple[str, str]]] = {
    noun: [(part, "" if (noun, part) in UNNAMED else f".{part}") for part in noun.__match_args__]
    for noun in NOUNS.values()
}


def taken_apart(value: Any, name: str, tensors: Tensors) -> Form:
    """How a noun is made of arrays, which go into `tensors`; of what is none of ours, its type alone."""
    if isinstance(value, np.ndarray):
        tensors[name] = np.asarray(value)
        return name
    if value is None:
        return None
    if noun := _noun(value.__class__):
        parts = [taken_apart(getattr(value, part), name + label, tensors) for part, label in LABELS[noun]]
        return [noun.__name__, *parts]
    if isinstance(value, tuple | list):
        parts = [taken_apart(part, f"{name}.{k}" if len(value) > 1 else name, tensors) for k, part in enumerate(value)]
        return ["list" if isinstance(value, list) else "tuple", *parts]
    if isinstance(value, np.generic):
        return ["scalar", taken_apart(np.asarray(value), name, tensors)]
    if type(value) in (str, int, float, bool):
        return {"plain": value}
    return {"module": type(value).__module__, "name": type(value).__name__}


@lru_cache(256)
def _noun(kind: type) -> Any:
    """The noun of ours that a type is, or is made from."""
    return next((noun for noun in LABELS if issubclass(kind, noun)), None)


def put_together(form: Form, tensors: Tensors) -> Any:
    """The noun again; in place of what is none of ours an object whose type has the same name."""
    if form is None:
        return None
    if isinstance(form, str):
        return tensors[form]
    if isinstance(form, dict):
        return form["plain"] if "plain" in form else type(form["name"], (), {"__module__": form["module"]})()
    parts = [put_together(part, tensors) for part in form[1:]]
    return OTHERS[form[0]](parts) if form[0] in OTHERS else NOUNS[form[0]](*parts)


class Asked(NamedTuple):
    """A question: which of the backend's functions is asked, and about what."""

    call: str
    arguments: list[Any]  # a Problem, and Cotangents
    writable: Tensors


def asked(raw: bytes | memoryview) -> Asked:
    """The question in a file, its arrays as they were handed over: the same bits, strides and permission to write."""
    arrays, about = unpacked(raw)
    writable = json.loads(about["writable"])
    for name, a in arrays.items():
        a.flags.writeable = name in writable
    arguments = [put_together(form, arrays) for form in json.loads(about["form"])]
    return Asked(about["call"], arguments, {name: arrays[name] for name in writable})


def asking(call: str, arguments: tuple[Any, ...], about: About) -> tuple[Tensors, bytes]:
    """The arrays of a question by the names that they have in its file, and the file."""
    arrays: Tensors = {}
    form = [taken_apart(a, name, arrays) for a, name in zip(arguments, ("asked", "asked.d"), strict=False)]
    writable = [name for name, a in arrays.items() if a.flags.writeable]
    about = about | {"format": FORMAT, "call": call, "form": json.dumps(form), "writable": json.dumps(writable)}
    return arrays, packed(arrays, about)


def described(about: Description) -> str:
    """What a backend says of itself, as JSON."""
    shapes = {k: (sizes.start, sizes.stop, sizes.step) for k, sizes in vars(about.shapes).items()}
    grades = {dtype: vars(g) if isinstance(g, ErrorModel) else g for dtype, g in about.grades.items()}
    lists = {"dtypes": list(about.dtypes), "features": list(about.features)}
    return json.dumps(vars(about) | lists | {"shapes": shapes, "grades": grades}, default=float)


def description(said: str) -> Description:
    """What `described` wrote down."""
    about = json.loads(said)
    about["dtypes"], about["features"] = tuple(about["dtypes"]), frozenset(map(Feature, about["features"]))
    about["shapes"] = Shapes(**{k: range(*sizes) for k, sizes in about["shapes"].items()})
    about["grades"] = {dtype: g if isinstance(g, str) else ErrorModel(**g) for dtype, g in about["grades"].items()}
    return Description(**about)
