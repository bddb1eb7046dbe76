"""What goes between the judge and a child process: questions, descriptions, and messages over a socket."""

import json
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from conformance.targets.nouns import put_together, taken_apart
from conformance.targets.wire import About, Tensors, packed, unpacked
from lstm_spec import (
    Description,
    ErrorModel,
    Feature,
    Shapes,
)

FORMAT = "lstm-spec question 1"


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


# ---------------------------------------------------------------- the socket between parent and child


def send(link: socket.socket, message: bytes) -> None:
    link.sendall(len(message).to_bytes(8, "little") + message)


def received(link: socket.socket, waited: Callable[[], None] = lambda: None) -> memoryview:
    """The next message; whenever the socket's own timeout is over, `waited` is called, and may raise.

    Raises ConnectionError where the other side is gone.
    """
    message = bytearray()
    while len(message) < 8 or len(message) < 8 + int.from_bytes(message[:8], "little"):
        try:
            part = link.recv(1 << 16)
        except TimeoutError:
            waited()
            continue
        if not part:
            raise ConnectionResetError
        message += part
    return memoryview(message)[8:]
