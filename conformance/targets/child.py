"""The child process: it makes the backend, and answers questions until the parent closes the socket."""

import json
import math
import signal
import socket
from collections import deque
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from conformance.outcome import Refuted
from conformance.targets.border import describe_exception, require_answer, require_pair
from conformance.targets.link import pack_description, receive_message, send_message, unpack_question
from conformance.targets.nouns import take_apart
from conformance.targets.resolve import TargetError, resolve
from conformance.targets.wire import About, Tensors, pack_tensors
from lstm_spec import Backend

STARTING = 60.0  # seconds at least: making a backend may import a large library
LEAVING = 1.0  # seconds
KEPT = 4  # earlier answers that are watched


class Watched(NamedTuple):
    """Arrays of the child, and the bytes of them that the parent knows."""

    arrays: Tensors
    bits: dict[str, bytes]

    def find_changes(self) -> Tensors:
        """The arrays that were changed since."""
        return {name: a for name, a in self.arrays.items() if a.tobytes() != self.bits[name]}


def watch_arrays(arrays: Tensors) -> Watched:
    """The arrays, and a copy of their bytes."""
    return Watched(arrays, {name: a.tobytes() for name, a in arrays.items()})


def serve_questions(descriptor: int, target: str, device: str | None, timeout: float) -> None:
    """Make the backend, then answer questions until the parent closes the socket."""
    earlier: deque[Watched] = deque(maxlen=KEPT)
    with socket.socket(fileno=descriptor) as link, suppress(ConnectionError):
        _set_alarm(max(timeout, STARTING))
        try:
            backend = resolve(target, device)
        except TargetError as error:
            return send_message(link, pack_tensors({}, {"refused": str(error)}))
        about = {"name": str(backend.name), "description": pack_description(backend.description)}
        send_message(link, pack_tensors({}, about if backend.gradients is None else about | {"gradients": "yes"}))
        while True:
            _set_alarm(0)
            question = receive_message(link)
            _set_alarm(timeout)
            send_message(link, _make_reply(backend, question, earlier))


def _set_alarm(seconds: float) -> None:
    """Have the system end this process a little later, if the parent does not; 0 switches that off."""
    signal.alarm(math.ceil(seconds + 2 * LEAVING) if seconds else 0)


def _make_reply(backend: Backend, question: memoryview, earlier: deque[Watched]) -> bytes:
    """The answer, with all inputs and earlier answers that the call changed."""
    call, arguments, writable = unpack_question(question)
    inputs = watch_arrays(writable)
    result, answer = _call_backend(backend, call, arguments)
    tensors = dict(answer)
    for prefix, known in (("input", inputs), *((f"earlier{k}", one) for k, one in enumerate(earlier))):
        changed = known.find_changes()
        known.bits.update((name, a.tobytes()) for name, a in changed.items())
        tensors |= {f"{prefix}.{name}": a for name, a in changed.items()}
    if "form" in result:
        earlier.append(watch_arrays(answer))
    return pack_tensors({name: np.asarray(a, order="C") for name, a in tensors.items()}, result)


def _call_backend(backend: Backend, call: str, arguments: list[Any]) -> tuple[About, Tensors]:
    """What the call returned or raised, with the messages of `border`, and the arrays of the answer."""
    answer: Tensors = {}
    try:
        with np.errstate(all="ignore"):  # as the runner does
            result = getattr(backend, call)(*arguments)
    except (Exception, SystemExit) as error:
        errored = describe_exception(error)
        return {"errored": str(errored)} | ({"exception": "yes"} if errored.is_exception else {}), answer
    try:
        (require_pair if call == "gradients" else require_answer)(result)
    except Refuted as refuted:
        return {"refuted": refuted.reason, "clause": refuted.clause}, answer
    return {"form": json.dumps(take_apart(result, "answer", answer))}, answer
