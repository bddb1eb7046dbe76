"""The child process: it makes the backend, and answers questions until the parent closes the socket."""

import json
import math
import signal
import socket
from contextlib import suppress

import numpy as np

from conformance.nouns import Known, forget_nouns, take_apart
from conformance.outcome import Errored, Refuted
from conformance.targets.border import call_target, describe_exception, make_plain_answer, make_plain_pair
from conformance.targets.link import (
    Question,
    list_writable,
    make_question,
    pack_description,
    receive_message,
    send_message,
)
from conformance.targets.raised import describe_raised
from conformance.targets.resolve import TargetError, resolve
from conformance.targets.shared import Shared, hold_for_good
from conformance.targets.wire import About, Tensors, pack_tensors
from lstm_spec import Backend

STARTING = 60.0  # seconds at least: making a backend may import a large library
LEAVING = 1.0  # seconds


def serve_questions(descriptor: int, target: str, device: str | None, timeout: float) -> None:
    """Make the backend, then answer questions until the parent closes the socket."""
    with socket.socket(fileno=descriptor) as link, suppress(ConnectionError):
        _set_alarm(max(timeout, STARTING))
        try:
            backend = resolve(target, device)
        except TargetError as error:
            return send_message(link, pack_tensors({}, {"refused": str(error)}))
        except KeyboardInterrupt as error:  # no user can interrupt this process: it is in a session of its own
            reason = f"target {target!r}: making the backend raised {describe_raised(error)}; mend that"
            return send_message(link, pack_tensors({}, {"refused": reason}))
        about = {"name": str(backend.name), "description": pack_description(backend.description)}
        send_message(link, pack_tensors({}, about if backend.gradients is None else about | {"gradients": "yes"}))
        child = Child(backend)
        while True:
            _set_alarm(0)
            question = receive_message(link)
            _set_alarm(timeout)
            send_message(link, child.reply(question))


def _set_alarm(seconds: float) -> None:
    """Have the system end this process a little later, if the parent does not; 0 switches that off."""
    signal.alarm(math.ceil(seconds + 2 * LEAVING) if seconds else 0)


class Child:
    """The backend, and the memory that it shares with the judge."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.shared = backend, Shared(-1, hold_for_good)
        self.nouns: Known = {}

    def reply(self, message: memoryview) -> bytes:
        """The answer, with all memory that the call changed."""
        opened = self.shared.open(message)
        forget_nouns(self.nouns, opened.forgotten)
        question = make_question(opened.tensors, opened.about, self.nouns)
        raised: list[tuple[str, int]] = []
        with np.errstate(**opened.header["errstate"], call=lambda *what: raised.append(what)):
            result, answer = _call_backend(self.backend, question)
        raw = pack_tensors(answer, result | {"writable": list_writable(answer)})
        return self.shared.enclose(answer, raw, raised=raised)


def _call_backend(backend: Backend, question: Question) -> tuple[About, Tensors]:
    """What the call returned or raised, with the messages of `border`, and the arrays of the answer."""
    answer: Tensors = {}
    plain = make_plain_pair if question.call == "gradients" else make_plain_answer
    try:
        result = call_target(getattr(backend, question.call), question.arguments, plain)
    except Refuted as refuted:
        return {"refuted": refuted.reason, "clause": refuted.clause}, answer
    except KeyboardInterrupt as error:  # nor is this the user's
        result = describe_exception(error)
    if isinstance(result, Errored):
        about = {"errored": str(result), "message": result.message}
        return about | ({"exception": "yes"} if result.is_exception else {}), answer
    return {"form": json.dumps(take_apart(result, "answer", answer))}, answer
