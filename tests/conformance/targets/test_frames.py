"""What comes over the socket is data: whatever the bytes are, they are a reply or a FrameError, at once."""

import json
import random
import re
import resource
import sys
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.targets.link import bound_reply, pack_description, unpack_description, unpack_question
from conformance.targets.wire import FrameError, pack_tensors, read_strictly, unpack_tensors
from lstm_spec import Answer
from tests.helpers.frames import damage, list_replies, read_by_hand
from tests.helpers.isolation import SHORT, drawn

MANY = 10_000
LONG = 1.0  # seconds
LARGE = 64 << 20  # bytes


def test_real_replies_are_read() -> None:
    for call, arguments, raw in list_replies():
        reply = read_by_hand(call, arguments, raw)
        assert (reply.answer is None) == ("errored" in reply.about)
    assert np.array_equal(read_by_hand(*list_replies()[1]).answer.y, NUMPY.forward(SHORT).y[::-1])


def test_damaged_replies_are_read_or_refused() -> None:
    replies, rng, refused, slowest, before = list_replies(), random.Random(0), 0, 0.0, measure_peak()
    for _ in range(MANY):
        call, arguments, raw = rng.choice(replies)
        raw, started = damage(raw, rng), time.process_time()
        try:
            read_by_hand(call, arguments, raw)
        except FrameError as error:
            refused += 1
            assert str(error).isprintable()
        slowest = max(slowest, time.process_time() - started)
    assert refused > MANY / 2 and slowest < LONG and measure_peak() - before < LARGE


def measure_peak() -> int:
    """The most memory that this process ever had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


# ---------------------------------------------------------------- one kind after another


def pack_by_hand(entries: dict[str, Any], data: bytes, **about: str) -> bytes:
    text = json.dumps({"__metadata__": about, **entries}).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(start: int, stop: int, shape: Any = (4,), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def layout(**forms: Any) -> str:
    return json.dumps(forms)


FILES: dict[str, bytes] = {
    "objects": pack_by_hand({"a": entry(0, 16, dtype="U8")}, bytes(16), layout=layout(a=["|O", [2]])),
    "objects in a record": pack_by_hand({"a": entry(0, 16, dtype="U8")}, bytes(16), layout=layout(a=["O,f8", [1]])),
    "text of any length": pack_by_hand({"a": entry(0, 0, dtype="U8")}, b"", layout=layout(a=["<U0", [2**40]])),
    "a size below 0": pack_by_hand({"a": entry(0, 16, (-2, -2))}, bytes(16)),
    "a place below 0": pack_by_hand({"a": entry(-16, 0)}, bytes(16)),
    "a hole": pack_by_hand({"a": entry(4, 20)}, bytes(20)),
    "overlapping places": pack_by_hand({"a": entry(0, 16), "b": entry(8, 24)}, bytes(24)),
    "a place beyond the end": pack_by_hand({"a": entry(0, 16)}, bytes(8)),
    "more than it says": pack_by_hand({"a": entry(0, 16)}, bytes(80)),
    "a shape of another size": pack_by_hand({"a": entry(0, 16, (2**40,))}, bytes(16)),
    "a shape that overflows": pack_by_hand({"a": entry(0, 0, (0, 2**62, 2**62))}, b""),
    "too many axes": pack_by_hand({"a": entry(0, 4, [1] * 100)}, bytes(4)),
    "a shape that is a word": pack_by_hand({"a": entry(0, 16, "4")}, bytes(16)),
    "a number that is none": pack_by_hand({"a": entry(0, 16, (4.0,))}, bytes(16)),
    "a number that is true": pack_by_hand({"a": entry(0, 4, (True,))}, bytes(4)),
    "an unknown dtype": pack_by_hand({"a": entry(0, 16, dtype="F7")}, bytes(16)),
    "strides beyond the block": pack_by_hand(
        {"a": entry(0, 16), "b": entry(16, 32)}, bytes(32), layout=layout(b=["<f4", [4], "a", 0, [16]])
    ),
    "strides before the block": pack_by_hand(
        {"a": entry(0, 16), "b": entry(16, 32)}, bytes(32), layout=layout(b=["<f4", [4], "a", 8, [-4]])
    ),
    "a block that is not there": pack_by_hand(
        {"b": entry(0, 16)}, bytes(16), layout=layout(b=["<f4", [4], "a", 0, [4]])
    ),
    "deep data": (10**6).to_bytes(8, "little") + b"[" * 10**6,
    "not a number": b"\x0d\0\0\0\0\0\0\0" + b'{"a": NaN}   ',
    "a list": b"\x02\0\0\0\0\0\0\0[]",
    "a header without an end": (2**62).to_bytes(8, "little") + bytes(100),
    "nothing": b"",
    "half a length": b"\x01\0",
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_of_another_form_is_refused_at_once(what: str) -> None:
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(FrameError) as refused, read_strictly():
        unpack_tensors(FILES[what])
    assert time.process_time() - started < LONG and tracemalloc.get_traced_memory()[1] < LARGE
    tracemalloc.stop()
    assert str(refused.value).isprintable() and len(str(refused.value)) < 400
    with pytest.raises(FrameError, match=f"^{re.escape(str(refused.value))}$"):
        unpack_question(FILES[what])


def test_the_files_are_refused_for_what_is_wrong_with_them() -> None:
    """The same file without the damage is read."""
    whole = pack_by_hand(
        {"a": entry(0, 16), "b": entry(16, 32)}, bytes(32), layout=layout(b=["<f4", [4], "a", 12, [-4]])
    )
    assert unpack_tensors(whole)[0]["b"].strides == (-4,)
    assert unpack_tensors(pack_tensors({"a": np.arange(3.0)}, {}))[0]["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("grow", [-8, 8, 1 << 20])
def test_memory_of_another_size_is_not_written(grow: int) -> None:
    """A reply that says it changed an array of the question, and brings more or fewer bytes than that has."""
    call, arguments, raw = list_replies()[2]
    head = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:head])
    (number, size), *rest = header["changed"]
    text = json.dumps(header | {"changed": [(number, size + grow), *rest]}).encode()
    end = head + header["file"]
    body = raw[end : end + size + min(grow, 0)] + bytes(max(grow, 0)) + raw[end + size :]
    with pytest.raises(FrameError, match="it changes memory of another size"):
        read_by_hand(call, arguments, len(text).to_bytes(8, "little") + text + raw[head:end] + body)


@pytest.mark.parametrize("packed", ["[]", "{}", '{"dtypes": 5}', "[" * 10**5, '{"version": NaN}', "nothing"])
def test_a_description_of_another_form_is_refused(packed: str) -> None:
    with pytest.raises(FrameError):
        unpack_description(packed)
    assert unpack_description(pack_description(NUMPY.description)) == NUMPY.description


def test_the_bound_leaves_room_for_any_answer_to_the_question() -> None:
    for problem in (SHORT, drawn(0), drawn(500, I=1, H=1)):
        answer = NUMPY.forward(problem)
        wide = Answer(answer.y.astype(np.longdouble), answer.state)
        assert bound_reply(b"", problem, 0) > 2 * wide.y.nbytes
    assert bound_reply(b"", drawn(1000, B=100, I=1, H=64), 0) > 2 * 1000 * 100 * 64 * 16
    assert bound_reply(b"", None, 0) < 2**30
