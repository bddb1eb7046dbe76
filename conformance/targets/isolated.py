"""A backend in a child process, so that a crash or a hang is a verdict and the judge goes on.

One process answers all questions; when it dies, the next question starts another. What the backend returns is never
unpickled, and what it prints passes through: questions and answers are safetensors files, sent over a socket.
"""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conformance.outcome import Errored, Refuted
from conformance.targets.child import KEPT, LEAVING, STARTING
from conformance.targets.link import asking, description, received, send
from conformance.targets.nouns import put_together
from conformance.targets.resolve import TargetError
from conformance.targets.wire import About, Tensors, unpacked
from lstm_spec import Backend


@dataclass(frozen=True)
class Isolated:
    """A backend that lives in a child process, and how to end that."""

    backend: Backend
    close: Callable[[], None]

    def __enter__(self) -> "Isolated":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def isolated(target: str, device: str | None, timeout: float, folder: Path | None) -> Isolated:
    """The backend that a target names, in a child process that has `timeout` seconds for each question.

    A crash and a hang are Errored. A question lies in `folder` before it is asked; one that killed the process stays
    there, and is not asked again. Raises TargetError, and OSError where the folder cannot be written.
    """
    child = _Child(target, device, timeout, folder)
    try:
        said = child.start()
    except BaseException:
        child.close()
        raise
    gradients = partial(child.ask, "gradients") if "gradients" in said else None
    backend = Backend(said["name"], partial(child.ask, "forward"), gradients, description(said["description"]))
    return Isolated(backend, child.close)


class _Child:
    """The process that holds the backend, and the next one when it died."""

    def __init__(self, target: str, device: str | None, timeout: float, folder: Path | None) -> None:
        self.target, self.device, self.timeout = target, device, timeout
        self.home, self.path = os.getcwd(), [entry for entry in sys.path if isinstance(entry, str)]
        self.deadly: dict[bytes, str] = {}  # what came of the questions that killed it
        self.notes = _Notes(folder)
        self.end: weakref.finalize[..., Any] | None = None  # of the process, if there is one
        self.closed = False

    def start(self) -> About:
        """Make the process, and the backend in it; what that says of itself. Raises TargetError."""
        limit = max(self.timeout, STARTING)
        self._spawn()
        try:
            said = unpacked(self._exchanged(b"", limit))[1]
        except ConnectionError as death:
            what = f"killed the process ({death}); import it alone to see where"
            raise TargetError(f"target {self.target!r}: making the backend {what}") from None
        except TimeoutError:
            what = f"did not end within {limit:g} s; import it alone to see why, or give it more time"
            raise TargetError(f"target {self.target!r}: making the backend {what}") from None
        if "refused" in said:
            self._killed(LEAVING)
            raise TargetError(said["refused"])
        return said

    def _spawn(self) -> None:
        self.link, theirs = socket.socketpair()
        self.handed: deque[Tensors] = deque(maxlen=KEPT)
        serving = f"serve({theirs.fileno()}, {self.target!r}, {self.device!r}, {self.timeout!r})"
        code = f"import sys; sys.path[:] = {self.path!r}; from conformance.targets.child import serve; {serving}"
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[theirs.fileno()],
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt from the keyboard is for the parent alone
            )
        self.end = weakref.finalize(self, _ended, self.process, self.link, LEAVING)

    def ask(self, call: str, *arguments: Any) -> Any:
        """What the backend's function `call` returns. Raises Errored and Refuted in the words of conformance.border."""
        arrays, question = asking(call, arguments, {"target": self.target, "device": self.device or ""})
        reply = None if self.deadly and _key(question) in self.deadly else self._reply(question)
        if reply is None:  # the only place: Hypothesis takes what is raised on another line for another error
            raise Errored(self.deadly[_key(question)])
        return self._answer(reply, arrays)

    def _reply(self, question: bytes) -> memoryview | None:
        """The reply; None, and the reason among `deadly`, where it killed the process."""
        self._revive()
        self.notes.write(question)
        try:
            return self._exchanged(question, self.timeout)
        except ConnectionError as death:
            what = f"it crashed ({death})"
        except TimeoutError:
            what = f"it did not answer within {self.timeout:g} s"
        self.deadly[_key(question)] = what + self.notes.keep(question)
        return None

    def close(self) -> None:
        """End the process for good."""
        self.closed = True
        self.notes.close()
        if self.end:
            self.end()

    def _revive(self) -> None:
        if self.closed:
            raise ValueError(f"{self.target} is asked after it was closed; ask it before")
        if self.end is None:
            try:
                self.start()
            except TargetError as error:
                raise Errored(f"it could not be made again: {error}") from None

    def _exchanged(self, question: bytes, limit: float) -> memoryview:
        """The reply; after TimeoutError and ConnectionError (which says how it died) the process is no more."""
        deadline = time.monotonic() + limit

        def waited() -> None:
            if time.monotonic() >= deadline:
                raise TimeoutError
            if self.process.poll() is not None:
                raise ConnectionResetError  # a process that it forked holds on to the socket

        try:
            self.link.settimeout(limit)
            if question:
                send(self.link, question)
            self.link.settimeout(min(limit, LEAVING))
            return received(self.link, waited)
        except ConnectionError:
            status = self._killed(LEAVING)
            raise ConnectionError(_death(status)) from None
        except BaseException:
            self._killed(0)
            raise

    def _killed(self, patience: float) -> int | None:
        end, self.end = self.end, None
        status = _ended(self.process, self.link, patience)
        if end:
            end.detach()
        return status

    def _answer(self, reply: memoryview, inputs: Tensors) -> Any:
        """What the reply says, once what the call changed is changed here, too."""
        tensors, told = unpacked(reply)
        answer: Tensors = {}
        known = {"input": inputs} | {f"earlier{k}": arrays for k, arrays in enumerate(self.handed)}
        for name, a in tensors.items():
            where, _, rest = name.partition(".")
            if where == "answer":
                answer[name] = a
            else:
                np.copyto(known[where][rest], a)
        if "errored" in told:
            raise Errored(told["errored"])
        if "refuted" in told:
            raise Refuted(told["refuted"], clause=told["clause"])
        self.handed.append(answer)
        return put_together(json.loads(told["form"]), {name: a.view() for name, a in answer.items()})


def _ended(process: "subprocess.Popen[bytes]", link: socket.socket, patience: float) -> int | None:
    """Let the process end by itself, or kill it with what it started; its exit status, None if it had to be killed."""
    link.close()
    status = None
    try:
        with suppress(subprocess.TimeoutExpired):
            status = process.wait(patience)
    finally:
        if status != 0:
            with suppress(ProcessLookupError, PermissionError):  # nothing is left of its group; macOS says the latter
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return status


def _death(status: int | None) -> str:
    if status is None:
        return "it closed its connection to the judge"
    names = {number.value: number.name for number in signal.Signals}
    return f"exit status {status}" if status >= 0 else f"signal {names.get(-status, -status)}"


class _Notes:
    """The question that is being asked, on disk: it outlives the process, and the judge, too."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.file = folder, None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = (folder / "asked.safetensors").open("wb", buffering=0)
            weakref.finalize(self, self.file.close)

    def write(self, question: bytes) -> None:
        if self.file:
            with suppress(OSError):  # a full disk is not the backend's mistake
                os.pwrite(self.file.fileno(), question, 0)
                self.file.truncate(len(question))

    def keep(self, question: bytes) -> str:
        """Write it where no later one goes; where that is, as the end of a sentence."""
        if not self.folder:
            return ""
        path = self.folder / f"crash-{hashlib.blake2b(question, digest_size=2).hexdigest()}.safetensors"
        try:
            path.write_bytes(question)
        except OSError as error:
            return f"; the question could not be written to {path} ({error.strerror})"
        return f"; the question is in {path}"

    def close(self) -> None:
        if self.folder and self.file and not self.file.closed:
            self.file.close()
            (self.folder / "asked.safetensors").unlink(missing_ok=True)


def _key(question: bytes) -> bytes:
    return hashlib.blake2b(question, digest_size=16).digest()
