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
from conformance.targets.border import is_answer, is_pair, line
from conformance.targets.link import asked, described, received, send
from conformance.targets.nouns import taken_apart
from conformance.targets.resolve import TargetError, resolve
from conformance.targets.wire import About, Tensors, packed
from lstm_spec import Backend

STARTING = 60.0  # seconds at least: making a backend may import a large library
LEAVING = 1.0  # seconds
KEPT = 4  # earlier answers that are watched


# ---------------------------------------------------------------- the child


class Given(NamedTuple):
    """Arrays as they are in the child, and the bytes of them that the parent has."""

    arrays: Tensors
    bits: dict[str, bytes]

    def changes(self) -> Tensors:
        """Those that are not what they were."""
        return {name: a for name, a in self.arrays.items() if a.tobytes() != self.bits[name]}


def given(arrays: Tensors) -> Given:
    return Given(arrays, {name: a.tobytes() for name, a in arrays.items()})


def serve(descriptor: int, target: str, device: str | None, timeout: float) -> None:
    """Make the backend, then answer questions until the parent closes the socket."""
    earlier: deque[Given] = deque(maxlen=KEPT)
    with socket.socket(fileno=descriptor) as link, suppress(ConnectionError):
        _die_in(max(timeout, STARTING))
        try:
            backend = resolve(target, device)
        except TargetError as error:
            return send(link, packed({}, {"refused": str(error)}))
        about = {"name": str(backend.name), "description": described(backend.description)}
        send(link, packed({}, about if backend.gradients is None else about | {"gradients": "yes"}))
        while True:
            _die_in(0)
            question = received(link)
            _die_in(timeout)
            send(link, _reply(backend, question, earlier))


def _die_in(seconds: float) -> None:
    """Have the system end this process a little later, should the parent not be there to do it; 0: not at all."""
    signal.alarm(math.ceil(seconds + 2 * LEAVING) if seconds else 0)


def _reply(backend: Backend, question: memoryview, earlier: deque[Given]) -> bytes:
    """The answer, and whatever the call changed of its inputs and of earlier answers."""
    call, arguments, writable = asked(question)
    inputs = given(writable)
    told, answer = _told(backend, call, arguments)
    tensors = dict(answer)
    for prefix, known in (("input", inputs), *((f"earlier{k}", one) for k, one in enumerate(earlier))):
        changed = known.changes()
        known.bits.update((name, a.tobytes()) for name, a in changed.items())
        tensors |= {f"{prefix}.{name}": a for name, a in changed.items()}
    if "form" in told:
        earlier.append(given(answer))
    return packed({name: np.asarray(a, order="C") for name, a in tensors.items()}, told)


def _told(backend: Backend, call: str, arguments: list[Any]) -> tuple[About, Tensors]:
    """What came of a call, in the words of conformance.border, and the arrays of the answer."""
    answer: Tensors = {}
    try:
        with np.errstate(all="ignore"):  # as the runner does
            result = getattr(backend, call)(*arguments)
    except (Exception, SystemExit) as error:
        return {"errored": f"it raised {type(error).__name__}: {line(error)}"}, answer
    try:
        (is_pair if call == "gradients" else is_answer)(result)
    except Refuted as refuted:
        return {"refuted": refuted.reason, "clause": refuted.clause}, answer
    return {"form": json.dumps(taken_apart(result, "answer", answer))}, answer
