"""A backend in a child process, so that a crash or a hang is a verdict and the judge goes on.

One process answers all questions; when it dies, the next question starts another, until the backend has not answered
HANGS questions in a row. What the backend returns is never unpickled: questions and answers are safetensors files, sent
over a socket. What it prints goes to the standard error.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conformance.outcome import Errored, Refuted
from conformance.targets.child import STARTING
from conformance.targets.keeper import END
from conformance.targets.link import ROOM, Reply, bound_reply, pack_question, read_reply, unpack_description
from conformance.targets.locate import find_home
from conformance.targets.notes import Notes
from conformance.targets.process import Process
from conformance.targets.raised import KEPT
from conformance.targets.resolve import TargetError
from conformance.targets.wire import About, FrameError, Tensors, read_strictly, unpack_tensors
from conformance.text import clean_line
from lstm_spec import Backend
from lstm_spec.claims import check_backend

HANGS = 3  # in a row: then the backend is not asked any more


@dataclass(frozen=True)
class Isolated:
    """A backend that lives in a child process."""

    backend: Backend
    child: "Child"

    def __enter__(self) -> "Isolated":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The number of the process; None if there is none."""
        return self.child.process.pid if self.child.process else None

    def close(self) -> None:
        """End the process for good."""
        self.child.close()


def start_isolated(target: str, device: str | None, timeout: float, folder: Path | None) -> Isolated:
    """The backend that a target names, in a child process that has `timeout` seconds for each question.

    A crash and a hang are Errored. A question lies in `folder` before it is asked; one that killed the process stays
    there, and is not asked again. Raises TargetError, and OSError if the folder cannot be written.
    """
    child = Child(target, device, timeout, folder)
    try:
        backend = _make_backend(child, child.start())
    except BaseException:
        child.close()
        raise
    return Isolated(backend, child)


def _make_backend(child: "Child", about: About) -> Backend:
    """The backend that says this of itself. Raises TargetError if that makes no sense."""
    more = {name: partial(child.ask, name) for name in ("gradients", "converse") if name in about}
    try:
        with read_strictly():
            name, description = about["name"], unpack_description(about["description"])
            backend = Backend(name, partial(child.ask, "forward"), description=description, **more)
            check_backend(backend)
    except FrameError as error:
        raise TargetError(f"target {child.target!r}: its description cannot be read: {error}") from None
    return backend


class Child:
    """The process that holds the backend, and the next one after it died."""

    def __init__(self, target: str, device: str | None, timeout: float, folder: Path | None) -> None:
        self.target, self.device, self.timeout = target, device, timeout
        self.home, self.path = find_home(target), [entry for entry in sys.path if isinstance(entry, str)]
        self.deadly: dict[bytes, str] = {}  # what came of the questions that killed it
        self.notes = Notes(folder)
        self.process: Process | None = None
        self.closed = False
        self.hangs = 0  # in a row

    def start(self) -> About:
        """Start a process that makes the backend; returns what the backend says of itself. Raises TargetError."""
        limit = max(self.timeout, STARTING)
        self.process = Process(self.home, self.path)
        named = json.dumps({"target": self.target, "device": self.device}).encode()
        try:
            with read_strictly():
                about = unpack_tensors(self.process.exchange(named, limit, ROOM))[1]
        except ConnectionError as death:
            what = f"killed the process ({death}); import it alone to see where"
        except TimeoutError:
            self.hangs += 1
            what = f"did not end within {limit:g} s; import it alone to see why, or give it more time"
        except FrameError as error:
            self.process.kill()
            what = f"wrote into the connection to the judge ({error}); leave open files alone that it did not open"
        else:
            if "refused" not in about:
                return about
            self.process.kill(END)
            raise TargetError(clean_line(about["refused"]))
        raise TargetError(f"target {self.target!r}: making the backend {what}")

    def ask(self, call: str, *arguments: Any) -> Any:
        """What the backend's function `call` returns. Raises Errored and Refuted with the messages of `border`."""
        arrays, question = pack_question(call, arguments, {"target": self.target, "device": self.device or ""})
        reply = None if self._list_reasons(question) else self._ask_process(arrays, question, arguments[0])
        if reply is None:  # the only place: Hypothesis takes what is raised on another line for another error
            raise Errored(self._list_reasons(question)[0], is_final=_hash_question(question) not in self.deadly)
        return self._take_answer(reply)

    def _list_reasons(self, question: bytes) -> list[str]:
        """Why the question is not asked: what came of it before, or of others."""
        if not (self.deadly or self.hangs):
            return []
        times = f"it did not answer {HANGS} times in a row, with {self.timeout:g} s each time"
        given_up = f"it is given up: {times}; mend that, or give it more time"
        known = self.deadly.get(_hash_question(question))
        return [reason for reason in (known, given_up if self.hangs >= HANGS else None) if reason]

    def _ask_process(self, arrays: Tensors, question: bytes, problem: Any) -> Reply | None:
        """The reply; None if the question killed the process, with the reason among `deadly`."""
        process = self._find_process()
        self.notes.write_question(question)
        shared = process.shared
        message = shared.enclose(arrays, question, errstate=np.geterr())
        try:
            reply = read_reply(
                process.exchange(message, self.timeout, bound_reply(message, problem, shared.count_bytes())), shared
            )
        except ConnectionError as death:
            what = f"it crashed ({death})"
        except TimeoutError:
            self.hangs += 1
            what = f"it did not answer within {self.timeout:g} s"
        except FrameError as error:
            process.kill()
            what = f"its reply cannot be read: {error}"
        else:
            self.hangs = 0
            return reply
        self.deadly[_hash_question(question)] = what + self.notes.keep_question(question)
        return None

    def _find_process(self) -> Process:
        """The process; a new one if the last one died. Raises Errored if the backend cannot be made again."""
        if self.closed:
            raise ValueError(f"{self.target} is asked after it was closed; ask it before")
        if self.process is None or not self.process.is_running:
            try:
                self.start()
            except TargetError as error:
                raise Errored(f"it could not be made again: {error}") from None
        assert self.process is not None
        return self.process

    def close(self) -> None:
        """End the process for good."""
        self.closed = True
        self.notes.close()
        if self.process:
            self.process.close()

    def _take_answer(self, reply: Reply) -> Any:
        """The answer of a reply, once what happened there has happened here. Raises Errored and Refuted."""
        call, about = np.geterrcall(), reply.about
        for what in reply.raised:
            if callable(call):
                call(*what)
        if "errored" in about:
            reason, message = clean_line(about["errored"]), about.get("message", "")
            raise Errored(reason, is_exception="exception" in about, message=message[:KEPT])
        if "refuted" in about:
            raise Refuted(clean_line(about["refuted"]), clause=about.get("clause", ""))
        return reply.answer


def _hash_question(question: bytes) -> bytes:
    return hashlib.blake2b(question, digest_size=16).digest()
