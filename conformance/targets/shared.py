"""Memory that two processes both have: what one of them writes is sent with its next message."""

import ctypes
import json
import weakref
from collections.abc import Callable
from contextlib import suppress
from itertools import count, repeat
from operator import call
from typing import Any, NamedTuple

import numpy as np

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
Watched = Callable[[], Any]  # the memory of a block as it is now, in one row of bytes
PLAIN = "biufc"  # the kinds of dtypes whose memory can be read as it is


class Opened(NamedTuple):
    """A message: its arrays, the text beside them, what else it says, and the arrays that the other side forgot."""

    tensors: Tensors
    about: About
    header: dict[str, Any]
    forgotten: list[Array]


class Side(NamedTuple):
    """Which of the two processes this is: how it holds arrays, and looks at memory that may change."""

    step: int  # from one number to the next; the two sides never give the same one
    hold: Callable[[Array, Callable[[Any], object]], Held]
    watch: Callable[[Held], Watched | None]
    reshapes: bool  # whether code that runs here may give any array another shape


def hold_for_good(a: Array, _: Any) -> Held:
    """The array until the other side has forgotten it."""
    return repeat(a).__next__  # all are called at every message, and nothing is called faster


def watch_for_good(held: Held) -> Watched:
    """The memory of an array that is held for good; for a target, what may not be written is no less than the rest."""
    return repeat(show_bytes(held()).data).__next__


def watch_writable(held: Held) -> Watched | None:
    """The memory of an array as long as there is one; nobody writes here into what may not be written."""
    a = held()
    if a is None or not a.flags.writeable:
        return None
    return held if a.flags.c_contiguous and a.dtype.kind in PLAIN else lambda: show_bytes(held())


def show_bytes(a: Array | None) -> Array:
    """The memory of an array in one row of bytes; nothing of an array that is gone, or of Python objects."""
    return np.zeros(0, np.uint8) if a is None or a.dtype.hasobject else show_memory(a).view(np.uint8)


JUDGE = Side(1, weakref.ref, watch_writable, False)
CHILD = Side(-1, hold_for_good, watch_for_good, True)


class Shared:
    """Arrays by number, and their memory. The other side has them too, at the same numbers.

    An array that is sent again is the same object there, and arrays that share memory here share it there.
    """

    def __init__(self, side: Side) -> None:
        self.side, self.count = side, count(side.step, side.step)
        self.arrays: dict[int, Held] = {}
        self.numbers: dict[int, int] = {}  # by id
        self.ids: dict[int, int] = {}
        self.shapes: dict[int, tuple[int, ...]] = {}  # of the arrays that may have another one by now
        self.sizes: dict[int, int] = {}  # of the blocks of memory, in bytes
        self.bits: dict[int, bytes] = {}  # what both sides know of each block that is watched
        self.rows: dict[int, Watched] = {}  # the same blocks in the same order, as they are now
        self.forgotten: list[int] = []

    def find(self, number: int) -> Array | None:
        """The array of that number, if it is still there."""
        held = self.arrays.get(number)
        return held() if held else None

    def keep(self, number: int, a: Array) -> Array:
        """The array, from now on known by that number."""
        self.arrays[number] = self.side.hold(a, lambda _: self.forgotten.append(number))
        self.numbers[id(a)], self.ids[number] = number, id(a)
        if self.side.reshapes or number in self.shapes:
            self.shapes[number] = a.shape
        if number in self.rows:
            self._watch(number)
        return a

    def _find_number(self, a: Array) -> int:
        number = self.numbers.get(id(a), 0)
        if self.find(number) is not a:
            number = next(self.count)
            self.keep(number, a)
        return number

    def count_bytes(self) -> int:
        """How much memory both sides have."""
        return sum(self.sizes.values())

    def _forget(self, numbers: list[int]) -> None:
        for number in numbers:
            for known in (self.arrays, self.shapes, self.sizes, self.bits, self.rows):
                known.pop(number, None)
            key = self.ids.pop(number, 0)
            if self.numbers.get(key) == number:  # no other array has its place by now
                del self.numbers[key]

    def enclose(self, tensors: Tensors, raw: bytes, **more: Any) -> bytes:
        """A message: the file of these arrays, and all memory that changed since the last one, on either side."""
        gone, self.forgotten = self.forgotten, []
        self._forget(gone)
        blocks = find_blocks(tensors)
        header = more | {
            "file": len(raw),
            "gone": gone,
            "blocks": {name: self._find_number(a) for name, a in blocks.items()},
            "arrays": {name: self._find_number(a) for name, a in tensors.items() if name not in blocks},
        }
        for name, a in blocks.items():
            self._note_bits(header["blocks"][name], _read_memory(a))
        shapes = self._find_shapes()
        for number in shapes.keys() & self.rows.keys():
            self._watch(number)  # it may have other memory by now
        changed = self._find_changes()
        header |= {"changed": [(n, len(bits)) for n, bits in changed.items()], "shapes": list(shapes.items())}
        text = json.dumps(header).encode()
        return b"".join((len(text).to_bytes(8, "little"), text, raw, *changed.values()))

    def _note_bits(self, number: int, bits: bytes) -> None:
        """Both sides know from now on that these are the bits of a block."""
        self.sizes[number] = len(bits)
        if number in self.rows or self._watch(number):
            self.bits[number] = bits

    def _watch(self, number: int) -> bool:
        """Look at the memory of a block from now on, if it may change; whether it may."""
        row = self.side.watch(self.arrays[number])
        if row is not None:
            self.rows[number] = row
        return row is not None

    def _find_changes(self) -> dict[int, bytes]:
        """The memory of the blocks that changed. That nothing changed is the rule, and is found out quickly."""
        with suppress(BufferError, TypeError, ValueError):  # one is gone, or has other strides now
            if b"".join(map(call, self.rows.values())) == b"".join(self.bits.values()):
                return {}
        arrays = ((number, self.find(number), before) for number, before in self.bits.items())
        read = ((number, _read_memory(a), before) for number, a, before in arrays if a is not None)
        changed = {number: bits for number, bits, before in read if bits != before}
        self.bits |= changed
        return changed

    def _find_shapes(self) -> dict[int, tuple[int, ...]]:
        """The shapes of the arrays that have another one by now."""
        held = self.arrays.values() if self.side.reshapes else map(self.arrays.__getitem__, self.shapes)
        arrays = [*map(call, held)]
        with suppress(AttributeError):  # one is gone
            if [a.shape for a in arrays] == [*self.shapes.values()]:  # type: ignore[union-attr]
                return {}
        known = zip(self.shapes.items(), arrays, strict=True)
        shapes = {number: a.shape for (number, before), a in known if a is not None and a.shape != before}
        self.shapes |= shapes
        return shapes

    def open(self, message: memoryview) -> Opened:
        """What the other side enclosed; its memory and its arrays are written here. Raises FrameError."""
        with read_strictly():
            return self._open(message)

    def _open(self, message: memoryview) -> Opened:
        text, start = split_header(message)
        header = read_json(text)
        forgotten = [a for number in header["gone"] if (a := self.find(number)) is not None]
        self._forget(header["gone"])

        def place(name: str, sent: Array) -> Array:
            number, bits = read_number(header["blocks"][name]), _read_memory(sent)
            known = self.find(number)
            if known is None or known.nbytes != sent.nbytes:
                known = self.keep(number, sent.copy())
                self._note_bits(number, bits)
            elif bits != self.bits.get(number):
                self._write(number, known, bits)
            return known

        end = start + read_size(header["file"])
        if end + sum(read_size(size) for _, size in header["changed"]) != len(message):
            raise FrameError("its parts are not as long as it says")
        tensors, about = unpack_tensors(message[start:end], place)
        numbers = header["arrays"] | header["blocks"]
        for name, a in tensors.items():
            number = read_number(numbers[name])
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
        self._note_bits(number, bits)


def _read_memory(a: Array) -> bytes:
    return b"" if a.dtype.hasobject else a.tobytes() if a.flags.c_contiguous else show_memory(a).tobytes()


def _lies_like(a: Array, other: Array) -> bool:
    return a is other or (a.shape, a.dtype, a.strides, find_address(a)) == (
        other.shape,
        other.dtype,
        other.strides,
        find_address(other),
    )
