"""A backend in a child process, so that a crash or a hang is a verdict and the judge goes on.

One process answers all questions; when it dies, the next question starts another. What the backend returns is never
unpickled, and what it prints passes through: questions and answers are safetensors files, sent over a socket.
"""

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conformance.nouns import put_together
from conformance.outcome import Errored, Refuted
from conformance.targets.child import LEAVING, STARTING
from conformance.targets.link import pack_question, restore_permissions, unpack_description
from conformance.targets.notes import Notes
from conformance.targets.process import Process
from conformance.targets.resolve import TargetError
from conformance.targets.wire import About, Tensors, unpack_tensors
from lstm_spec import Backend


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
        return self.child.process.popen.pid if self.child.process else None

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
        about = child.start()
    except BaseException:
        child.close()
        raise
    gradients = partial(child.ask, "gradients") if "gradients" in about else None
    backend = Backend(about["name"], partial(child.ask, "forward"), gradients, unpack_description(about["description"]))
    return Isolated(backend, child)


class Child:
    """The process that holds the backend, and the next one after it died."""

    def __init__(self, target: str, device: str | None, timeout: float, folder: Path | None) -> None:
        self.target, self.device, self.timeout = target, device, timeout
        self.home, self.path = os.getcwd(), [entry for entry in sys.path if isinstance(entry, str)]
        self.deadly: dict[bytes, str] = {}  # what came of the questions that killed it
        self.notes = Notes(folder)
        self.process: Process | None = None
        self.closed = False

    def start(self) -> About:
        """Start a process that makes the backend; returns what the backend says of itself. Raises TargetError."""
        limit = max(self.timeout, STARTING)
        self.process = Process(self.target, self.device, self.timeout, self.home, self.path)
        try:
            about = unpack_tensors(self.process.exchange(b"", limit))[1]
        except ConnectionError as death:
            what = f"killed the process ({death}); import it alone to see where"
            raise TargetError(f"target {self.target!r}: making the backend {what}") from None
        except TimeoutError:
            what = f"did not end within {limit:g} s; import it alone to see why, or give it more time"
            raise TargetError(f"target {self.target!r}: making the backend {what}") from None
        if "refused" in about:
            self.process.kill(LEAVING)
            raise TargetError(about["refused"])
        return about

    def ask(self, call: str, *arguments: Any) -> Any:
        """What the backend's function `call` returns. Raises Errored and Refuted with the messages of `border`."""
        arrays, question = pack_question(call, arguments, {"target": self.target, "device": self.device or ""})
        reply = None if self.deadly and _hash_question(question) in self.deadly else self._ask_process(arrays, question)
        if reply is None:  # the only place: Hypothesis takes what is raised on another line for another error
            raise Errored(self.deadly[_hash_question(question)])
        return self._read_answer(reply)

    def _ask_process(self, arrays: Tensors, question: bytes) -> memoryview | None:
        """The reply; None if the question killed the process, with the reason among `deadly`."""
        process = self._find_process()
        self.notes.write_question(question)
        try:
            return process.exchange(process.shared.enclose(arrays, question, errstate=np.geterr()), self.timeout)
        except ConnectionError as death:
            what = f"it crashed ({death})"
        except TimeoutError:
            what = f"it did not answer within {self.timeout:g} s"
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

    def _read_answer(self, reply: memoryview) -> Any:
        """What the reply says, once what the call changed is changed here as well."""
        assert self.process is not None
        opened, call = self.process.shared.open(reply), np.geterrcall()
        result = opened.about
        for what in opened.header["raised"]:
            if callable(call):
                call(*what)
        if "errored" in result:
            raise Errored(result["errored"], is_exception="exception" in result, message=result["message"])
        if "refuted" in result:
            raise Refuted(result["refuted"], clause=result["clause"])
        restore_permissions(opened.tensors, result)
        return put_together(json.loads(result["form"]), opened.tensors)


def _hash_question(question: bytes) -> bytes:
    return hashlib.blake2b(question, digest_size=16).digest()
