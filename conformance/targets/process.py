"""A process that holds a backend and answers questions over a socket."""

import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from contextlib import suppress

from conformance.targets.child import LEAVING
from conformance.targets.link import receive_message, send_message
from conformance.targets.shared import Shared


class Process:
    """A running process; it ends when it is killed, closed, or no longer used."""

    def __init__(self, target: str, device: str | None, timeout: float, home: str, path: list[str]) -> None:
        self.link, theirs = socket.socketpair()
        self.shared = Shared(1, weakref.ref)
        serving = f"serve_questions({theirs.fileno()}, {target!r}, {device!r}, {timeout!r})"
        code = f"import sys; sys.path[:] = {path!r}; from conformance.targets.child import serve_questions; {serving}"
        with theirs:
            self.popen = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[theirs.fileno()],
                cwd=home,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # only the parent hears an interrupt from the keyboard
            )
        self.is_running = True
        self.close = weakref.finalize(self, _end_process, self.popen, self.link, LEAVING)

    def exchange(self, question: bytes, limit: float) -> memoryview:
        """The reply to a question; an empty one only waits.

        Raises TimeoutError, and ConnectionError, which says how the process died; after both it does not run any more.
        """
        deadline = time.monotonic() + limit

        def check_on_process() -> None:
            if time.monotonic() >= deadline:
                raise TimeoutError
            if self.popen.poll() is not None:
                raise ConnectionResetError  # a process that it forked holds on to the socket

        try:
            self.link.settimeout(limit)
            if question:
                send_message(self.link, question)
            self.link.settimeout(min(limit, LEAVING))
            return receive_message(self.link, check_on_process)
        except ConnectionError:
            status = self.kill(LEAVING)
            raise ConnectionError(_describe_death(status)) from None
        except BaseException:
            self.kill(0)
            raise

    def kill(self, patience: float) -> int | None:
        """End the process after that number of seconds; its exit status, None if it had to be killed."""
        self.is_running = False
        status = _end_process(self.popen, self.link, patience)
        self.close.detach()
        return status


def _end_process(process: "subprocess.Popen[bytes]", link: socket.socket, patience: float) -> int | None:
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


def _describe_death(status: int | None) -> str:
    if status is None:
        return "it closed its connection to the judge"
    names = {number.value: number.name for number in signal.Signals}
    return f"exit status {status}" if status >= 0 else f"signal {names.get(-status, -status)}"
