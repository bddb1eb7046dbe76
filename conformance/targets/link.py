"""What goes between the judge and a child process: questions, descriptions, and messages over a socket."""

import json
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from conformance.nouns import Known, put_together, take_apart
from conformance.targets.wire import About, Tensors, pack_tensors, unpack_tensors
from lstm_spec import (
    Description,
    ErrorModel,
    Feature,
    Shapes,
)

FORMAT = "lstm-spec question 1"


class Question(NamedTuple):
    """A question: the function of the backend that is called, and its arguments."""

    call: str
    arguments: list[Any]  # a Problem, and Cotangents


def unpack_question(raw: bytes | memoryview) -> Question:
    """The question in a file. Its arrays have the bits, strides and permission to write that they had before."""
    return make_question(*unpack_tensors(raw), {})


def make_question(arrays: Tensors, about: About, known: Known) -> Question:
    """The question of these arrays; nouns that are known are the same objects as before."""
    restore_permissions(arrays, about)
    arguments = [put_together(form, arrays, known) for form in json.loads(about["form"])]
    return Question(about["call"], arguments)


def list_writable(arrays: Tensors) -> str:
    """The names of the arrays that may be written, as JSON."""
    return json.dumps([name for name, a in arrays.items() if a.flags.writeable])


def restore_permissions(arrays: Tensors, about: About) -> None:
    """Let the arrays be written or not, as it was where they were packed."""
    writable = json.loads(about["writable"])
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
    """The Description that `pack_description` wrote."""
    about = json.loads(packed)
    about["dtypes"], about["features"] = tuple(about["dtypes"]), frozenset(map(Feature, about["features"]))
    about["shapes"] = Shapes(**{k: range(*sizes) for k, sizes in about["shapes"].items()})
    about["grades"] = {dtype: g if isinstance(g, str) else ErrorModel(**g) for dtype, g in about["grades"].items()}
    return Description(**about)


# ---------------------------------------------------------------- the socket between parent and child


def send_message(link: socket.socket, message: bytes) -> None:
    """Send the message, with its length before it."""
    link.sendall(len(message).to_bytes(8, "little") + message)


def receive_message(link: socket.socket, on_timeout: Callable[[], None] = lambda: None) -> memoryview:
    """The next message. Whenever the socket's timeout is over, `on_timeout` is called, and may raise.

    Raises ConnectionError if the other side is gone.
    """
    message = bytearray()
    while len(message) < 8 or len(message) < 8 + int.from_bytes(message[:8], "little"):
        try:
            part = link.recv(1 << 16)
        except TimeoutError:
            on_timeout()
            continue
        if not part:
            raise ConnectionResetError
        message += part
    return memoryview(message)[8:]
