"""The child process: it makes the backend, and answers questions until the parent closes the socket."""

import gc
import json
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from conformance.arrays import keep_freed_memory
from conformance.nouns import Known, forget_nouns, take_apart
from conformance.outcome import Errored, Refuted
from conformance.targets.border import (
    call_target,
    make_plain_answer,
    make_plain_pair,
    make_plain_replies,
)
from conformance.targets.link import (
    Question,
    list_writable,
    make_question,
    pack_description,
    receive_message,
    send_message,
)
from conformance.targets.raised import MAY_BE_INTERRUPTED, describe_raised
from conformance.targets.resolve import TargetError, resolve
from conformance.targets.shared import CHILD, Shared
from conformance.targets.wire import About, Tensors, pack_tensors
from lstm_spec import Backend

PLAIN: dict[str, Callable[[Any], Any]] = {
    "forward": make_plain_answer,
    "gradients": make_plain_pair,
    "converse": make_plain_replies,
}
STARTING = 60.0  # seconds at least: making a backend may import a large library


def serve_questions(descriptor: int) -> None:
    """Make the backend that the first message names, then answer questions until the parent closes the socket."""
    serve_link(descriptor, _serve_backend)


def serve_link(descriptor: int, serve: Callable[[socket.socket], None]) -> None:
    """Have a function answer what comes over the socket, until the parent closes it."""
    MAY_BE_INTERRUPTED.set(lambda: False)  # no user can interrupt a process in a session of its own
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what it prints is not lost when it dies
    with socket.socket(fileno=descriptor) as link, suppress(ConnectionError):
        try:
            serve(link)
        except ConnectionError:
            raise
        except Exception as error:  # the target closed the connection, or changed a module
            link.detach()
            sys.exit(f"lstm-conform: the process of the target cannot go on ({_describe_end(error)})")


def _serve_backend(link: socket.socket) -> None:
    number, named = receive_message(link)
    keep_freed_memory()
    gc.disable()  # what a library makes while it is imported stays
    backend, about = _introduce_backend(**json.loads(bytes(named)))
    gc.freeze()
    gc.enable()
    send_message(link, number, pack_tensors({}, about))
    if backend is None:
        return
    child = Child(backend)
    while True:
        number, question = receive_message(link)
        send_message(link, number, child.reply(question))


def _describe_end(error: Exception) -> str:
    try:
        return describe_raised(error)
    except Exception:  # the target changed what a message is made with
        return f"{type(error).__name__}: its message cannot be read"


def _introduce_backend(target: str, device: str | None) -> tuple[Backend | None, About]:
    """The backend, and what it says of itself; None, and why it cannot be used."""
    try:
        backend = resolve(target, device)
        about = {"name": str(backend.name), "description": pack_description(backend.description)}
    except TargetError as error:
        return None, {"refused": str(error)}
    except BaseException as error:
        return None, {"refused": f"target {target!r}: making the backend raised {describe_raised(error)}; mend that"}
    return backend, about | {name: "yes" for name in ("gradients", "converse") if getattr(backend, name) is not None}


class Child:
    """The backend, and the memory that it shares with the judge."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.shared = backend, Shared(CHILD)
        self.nouns: Known = {}

    def reply(self, message: memoryview) -> bytes:
        """The answer, with all memory that the call changed."""
        opened = self.shared.open(message)
        forget_nouns(self.nouns, opened.forgotten)
        question = make_question(opened.tensors, opened.about, self.nouns)
        raised: list[tuple[str, int]] = []
        with np.errstate(**opened.header["errstate"], call=lambda *what: raised.append(what)):
            result, answer = _call_backend(self.backend, question)
        try:
            raw = pack_tensors(answer, result | {"writable": list_writable(answer)})
        except Exception as error:  # it does not fit into the memory twice
            answer, result = {}, {"errored": f"its answer cannot be sent: {describe_raised(error)}", "message": ""}
            raw = pack_tensors(answer, result | {"writable": "[]"})
        return self.shared.enclose(answer, raw, raised=raised)


def _call_backend(backend: Backend, question: Question) -> tuple[About, Tensors]:
    """What the call returned or raised, with the messages of `border`, and the arrays of the answer."""
    answer: Tensors = {}
    try:
        result = call_target(getattr(backend, question.call), question.arguments, PLAIN[question.call])
    except Refuted as refuted:
        return {"refuted": refuted.reason, "clause": refuted.clause}, answer
    if isinstance(result, Errored):
        about = {"errored": str(result), "message": result.message}
        return about | ({"exception": "yes"} if result.is_exception else {}), answer
    return {"form": json.dumps(take_apart(result, "answer", answer))}, answer
