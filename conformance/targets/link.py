"""What goes between the judge and a child process: questions, descriptions, and messages over a socket."""

import json
import math
import socket
import time
from typing import Any, NamedTuple

from conformance.nouns import Known, put_together, take_apart
from conformance.targets.notes import FORMAT as FORMAT
from conformance.targets.shared import Shared
from conformance.targets.wire import (
    About,
    FrameError,
    Tensors,
    pack_tensors,
    read_json,
    read_number,
    read_strictly,
    unpack_tensors,
)
from lstm_spec import (
    Description,
    ErrorModel,
    Feature,
    Shapes,
)


class Question(NamedTuple):
    """A question: the function of the backend that is called, and its arguments."""

    call: str
    arguments: list[Any]  # a Problem, and Cotangents


def unpack_question(raw: bytes | memoryview) -> Question:
    """The question in a file. Its arrays have the bits, strides and permission to write that they had before.

    Raises FrameError, whatever the bytes are.
    """
    with read_strictly():
        return make_question(*unpack_tensors(raw), {})


def make_question(arrays: Tensors, about: About, known: Known) -> Question:
    """The question of these arrays; nouns that are known are the same objects as before."""
    restore_permissions(arrays, about)
    arguments = [put_together(form, arrays, known) for form in read_json(about["form"])]
    return Question(about["call"], arguments)


def list_writable(arrays: Tensors) -> str:
    """The names of the arrays that may be written, as JSON."""
    return json.dumps([name for name, a in arrays.items() if a.flags.writeable])


def restore_permissions(arrays: Tensors, about: About) -> None:
    """Let the arrays be written or not, as it was where they were packed."""
    writable = read_json(about["writable"])
    for name, a in arrays.items():
        if a.flags.writeable != (name in writable):
            a.flags.writeable = name in writable


def pack_question(call: str, arguments: tuple[Any, ...], about: About) -> tuple[Tensors, bytes]:
    """The arrays of a question, by their names in its file, and the file."""
    arrays: Tensors = {}
    form = [take_apart(a, name, arrays) for a, name in zip(arguments, ("asked", "asked.d"), strict=False)]
    about = about | {"format": FORMAT, "call": call, "form": json.dumps(form), "writable": list_writable(arrays)}
    return arrays, pack_tensors(arrays, about)


def pack_description(about: Description) -> str:
    """The description of a backend as JSON."""
    shapes = {k: (sizes.start, sizes.stop, sizes.step) for k, sizes in vars(about.shapes).items()}
    grades = {dtype: vars(g) if isinstance(g, ErrorModel) else g for dtype, g in about.grades.items()}
    lists = {"dtypes": list(about.dtypes), "features": list(about.features)}
    return json.dumps(vars(about) | lists | {"shapes": shapes, "grades": grades}, default=float)


def unpack_description(packed: str) -> Description:
    """The Description that `pack_description` wrote. Raises FrameError for anything else."""
    with read_strictly():
        return _make_description(read_json(packed))


def _make_description(about: dict[str, Any]) -> Description:
    about["dtypes"], about["features"] = tuple(about["dtypes"]), frozenset(map(Feature, about["features"]))
    about["shapes"] = Shapes(**{k: range(*sizes) for k, sizes in about["shapes"].items()})
    about["grades"] = {dtype: g if isinstance(g, str) else ErrorModel(**g) for dtype, g in about["grades"].items()}
    return Description(**about)


# ---------------------------------------------------------------- the socket between parent and child

NUMBER = 16  # bytes: each question has a random number, which its reply repeats
ROOM, TIMES = 1 << 24, 16  # bytes of a reply to any question; and times what the question and a right answer have


def bound_reply(question: bytes, problem: Any, shared: int) -> int:
    """The most bytes that a reply to a question may have, when `shared` bytes of memory may have changed.

    An answer of another dtype is up to 8 times as long, and one that is not in C order is there twice.
    """
    try:
        T, B, *_ = problem.x.shape
        y = T * B * problem.state.h.shape[-1] * len(problem.directions) * 8
    except (AttributeError, LookupError, TypeError, ValueError):  # malformed, and to be refused
        y = 0
    return ROOM + TIMES * (len(question) + y + shared)


def send_message(link: socket.socket, number: bytes, message: bytes, deadline: float = math.inf) -> None:
    """Send the message, with its number and its length before it. Raises TimeoutError when the time is over."""
    _set_timeout(link, deadline)
    link.sendall(number + len(message).to_bytes(8, "little") + message)


def receive_message(
    link: socket.socket, longest: float = math.inf, deadline: float = math.inf, expected: bytes = b""
) -> tuple[bytes, memoryview]:
    """The number of the next message, and the message.

    Raises TimeoutError when the time is over, also while bytes arrive; FrameError for a message that is longer than
    allowed, or has another number than expected; and ConnectionError if the other side is gone.
    """
    head = _receive_bytes(link, NUMBER + 8, deadline)
    number, size = bytes(head[:NUMBER]), int.from_bytes(head[NUMBER:], "little")
    if expected not in (b"", number):
        raise FrameError("it has the number of no question or of an earlier one")
    if size > longest:
        raise FrameError(f"it announces {size:,} bytes, expected at most {longest:,}")
    return number, _receive_bytes(link, size, deadline)


def _receive_bytes(link: socket.socket, size: int, deadline: float) -> memoryview:
    received = bytearray()  # grows with what is there, whatever was announced
    while len(received) < size:
        _set_timeout(link, deadline)
        part = link.recv(min(size - len(received), 1 << 20))
        if not part:
            raise ConnectionResetError
        received += part
    return memoryview(received)


def _set_timeout(link: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    link.settimeout(None if left == math.inf else left)


# ---------------------------------------------------------------- replies


class Reply(NamedTuple):
    """What a child process said: the answer if there is one, or else why not; and the floating-point events."""

    answer: Any
    about: About
    raised: list[tuple[str, int]]


REFUSED = ("errored", "refuted")  # why there is no answer
CLAUSES = ("SHAPE-1", "SHAPE-3")  # that may be broken by what is no answer


def read_reply(message: bytes | memoryview, shared: Shared) -> Reply:
    """The reply, once what the call changed is changed here as well. Raises FrameError, whatever the bytes are."""
    opened = shared.open(memoryview(message))
    with read_strictly():
        about, raised = opened.about, [(str(kind), read_number(flag)) for kind, flag in opened.header["raised"]]
        if about.get("clause", CLAUSES[0]) not in CLAUSES:
            raise FrameError("it names a clause that does not exist")
        if any(key in about for key in REFUSED):
            return Reply(None, about, raised)
        restore_permissions(opened.tensors, about)
        return Reply(put_together(read_json(about["form"]), opened.tensors), about, raised)
