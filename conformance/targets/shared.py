"""Memory that two processes both have: what one of them writes is sent with its next message."""

import ctypes
import json
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

from conformance.targets.wire import (
    About,
    FrameError,
    Tensors,
    find_address,
    find_blocks,
    read_json,
    read_number,
    read_shape,
    read_size,
    read_strictly,
    show_memory,
    split_header,
    unpack_tensors,
)
from lstm_spec.types import Array

Held = Callable[[], Array | None]


class Opened(NamedTuple):
    """A message: its arrays, the text beside them, what else it says, and the arrays that the other side forgot."""

    tensors: Tensors
    about: About
    header: dict[str, Any]
    forgotten: list[Array]


def hold_for_good(a: Array, _: Any) -> Held:
    """The array until the other side has forgotten it."""
    return lambda: a


class Shared:
    """Arrays by number, and their memory. The other side has them too, at the same numbers.

    An array that is sent again is the same object there, and arrays that share memory here share it there.
    """

    def __init__(self, step: int, hold: Callable[[Array, Callable[[Any], object]], Held]) -> None:
        self.count, self.hold = count(step, step), hold
        self.arrays: dict[int, Held] = {}
        self.numbers: dict[int, int] = {}  # by id
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.bits: dict[int, bytes] = {}  # what both sides know of each block of memory
        self.forgotten: list[int] = []

    def find(self, number: int) -> Array | None:
        """The array of that number, if it is still there."""
        held = self.arrays.get(number)
        return held() if held else None

    def keep(self, number: int, a: Array) -> Array:
        """The array, from now on known by that number."""
        self.arrays[number] = self.hold(a, lambda _: self.forgotten.append(number))
        self.numbers[id(a)], self.shapes[number] = number, a.shape
        return a

    def _find_number(self, a: Array) -> int:
        number = self.numbers.get(id(a), 0)
        if self.find(number) is not a:
            number = next(self.count)
            self.keep(number, a)
        return number

    def count_bytes(self) -> int:
        """How much memory both sides have."""
        return sum(map(len, self.bits.values()))

    def _forget(self, numbers: list[int]) -> None:
        for number in numbers:
            for known in (self.arrays, self.shapes, self.bits):
                known.pop(number, None)
        self.numbers = {key: number for key, number in self.numbers.items() if number in self.arrays}

    def enclose(self, tensors: Tensors, raw: bytes, **more: Any) -> bytes:
        """A message: the file of these arrays, and all memory that changed since the last one, on either side."""
        gone, self.forgotten = self.forgotten, []
        self._forget(gone)
        blocks = find_blocks(tensors)
        header = more | {
            "file": len(raw),
            "gone": gone,
            "arrays": {name: self._find_number(a) for name, a in tensors.items()},
            "blocks": {name: self._find_number(a) for name, a in blocks.items()},
        }
        self.bits |= {header["blocks"][name]: _read_memory(a) for name, a in blocks.items()}
        changed = {number: bits for number in self.bits if (bits := self._find_change(number)) is not None}
        shapes = {n: a.shape for n in self.arrays if (a := self.find(n)) is not None and a.shape != self.shapes[n]}
        self.shapes |= shapes
        header |= {"changed": [(n, len(bits)) for n, bits in changed.items()], "shapes": list(shapes.items())}
        text = json.dumps(header).encode()
        return b"".join((len(text).to_bytes(8, "little"), text, raw, *changed.values()))

    def _find_change(self, number: int) -> bytes | None:
        """The memory of the array, if it changed."""
        a = self.find(number)
        if a is None or (bits := _read_memory(a)) == self.bits[number]:
            return None
        self.bits[number] = bits
        return bits

    def open(self, message: memoryview) -> Opened:
        """What the other side enclosed; its memory and its arrays are written here. Raises FrameError."""
        with read_strictly():
            return self._open(message)

    def _open(self, message: memoryview) -> Opened:
        text, start = split_header(message)
        header = read_json(text)
        forgotten = [a for number in header["gone"] if (a := self.find(number)) is not None]
        self._forget(header["gone"])

        def place(name: str, fresh: Array) -> Array:
            number = read_number(header["blocks"][name])
            known = self.find(number)
            if known is None or known.nbytes != fresh.nbytes:
                known = self.keep(number, fresh)
            self._write(number, known, _read_memory(fresh))
            return known

        end = start + read_size(header["file"])
        if end + sum(read_size(size) for _, size in header["changed"]) != len(message):
            raise FrameError("its parts are not as long as it says")
        tensors, about = unpack_tensors(message[start:end], place)
        for name, a in tensors.items():
            number = read_number(header["arrays"][name])
            before = self.find(number)
            tensors[name] = self.keep(number, a) if before is None or not _lies_like(before, a) else before
        for number, size in header["changed"]:
            if (known := self.find(number)) is not None:
                self._write(number, known, bytes(message[end : end + size]))
            end += size
        for number, shape in header["shapes"]:
            if (known := self.find(number)) is not None:
                known.shape = self.shapes[number] = read_shape(shape)
        return Opened(tensors, about, header, forgotten)

    def _write(self, number: int, a: Array, bits: bytes) -> None:
        """Write the memory of the array, whether it may be written or not. Raises FrameError if it is not as large."""
        memory = show_memory(a)
        if memory.nbytes != len(bits) or a.dtype.hasobject:
            raise FrameError("it changes memory of another size")
        ctypes.memmove(find_address(memory), bits, len(bits))
        self.bits[number] = bits


def _read_memory(a: Array) -> bytes:
    return b"" if a.dtype.hasobject else show_memory(a).tobytes()


def _lies_like(a: Array, other: Array) -> bool:
    return (a.shape, a.dtype, a.strides, find_address(a)) == (
        other.shape,
        other.dtype,
        other.strides,
        find_address(other),
    )
