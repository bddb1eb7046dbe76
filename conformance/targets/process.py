"""A process that answers questions over a socket: it holds a backend, or reads files."""

import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from functools import partial

from conformance.targets import keeper
from conformance.targets.keeper import END, GRACE, KILL, KILLING, MARK, kill_marked
from conformance.targets.link import receive_message, send_message
from conformance.targets.shared import JUDGE, Shared

SERVE = "conformance.targets.child:serve_questions"  # what the process does: a function of the number of its socket
LATE = GRACE + KILLING + 5.0  # seconds until the keeper is no longer waited for


class Process:
    """A running process; it ends when it is killed, closed, or no longer used, or when this process ends."""

    def __init__(self, home: str, path: list[str], serve: str = SERVE) -> None:
        self.link, theirs = socket.socketpair()
        self.shared = Shared(JUDGE)
        mark = os.urandom(16).hex()
        module, _, function = serve.partition(":")
        serving = f"from {module} import {function}; {function}({theirs.fileno()})"
        code = f"import sys; sys.path[:] = {path!r}; {serving}"
        with theirs:
            self.popen = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(theirs.fileno()), code],
                pass_fds=[theirs.fileno()],
                cwd=home,
                env={**os.environ, MARK: mark},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,  # only the judge hears an interrupt from the keyboard
            )
        self.is_running = True
        self.pid = _read_number(self.popen, b"pid")  # None if the keeper could not start it
        self._end = partial(_end_process, self.popen, self.pid, self.link, mark)
        self.close = weakref.finalize(self, self._end, END)

    def exchange(self, question: bytes, limit: float, longest: int) -> memoryview:
        """The reply to a question, of at most `longest` bytes.

        Raises TimeoutError; FrameError for what is no reply to this question; and ConnectionError, which says how the
        process died. After each of them it does not run any more.
        """
        number, deadline = os.urandom(16), time.monotonic() + limit
        try:
            send_message(self.link, number, question, deadline)
            return receive_message(self.link, longest, deadline, number)[1]
        except ConnectionError:
            status = self.kill(END)
            raise ConnectionError(_describe_death(status)) from None
        except BaseException:
            self.kill(KILL)
            raise

    def kill(self, how: bytes = KILL) -> int | None:
        """End the process with all that it started; its exit status, None if it had to be killed."""
        if not self.is_running:
            return None
        self.is_running = False
        status = self._end(how)
        self.close.detach()
        return status


def _end_process(
    process: "subprocess.Popen[bytes]", pid: int | None, link: socket.socket, mark: str, how: bytes
) -> int | None:
    """Have the keeper end the target at once, or in a while; its exit status, None if it had to be killed."""
    link.close()
    assert process.stdin and process.stdout
    try:
        _ask_keeper(process, how)
    except BaseException:
        _ask_keeper(process, KILL)
        raise
    finally:
        if process.poll() != 0:  # the keeper was killed, or is stuck
            process.kill()
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid or process.pid, signal.SIGKILL)
            kill_marked(mark)
        process.wait()
        status = _read_number(process, b"status")
        process.stdin.close()
        process.stdout.close()
    return status


def _ask_keeper(process: "subprocess.Popen[bytes]", how: bytes) -> None:
    assert process.stdin
    with suppress(OSError):  # it ended already
        process.send_signal(signal.SIGCONT)  # the target may have stopped it
        process.stdin.write(how)
    with suppress(subprocess.TimeoutExpired):
        process.wait(LATE)


def _read_number(process: "subprocess.Popen[bytes]", what: bytes) -> int | None:
    """The number that the keeper prints next; None if that is nothing, or another one."""
    assert process.stdout
    name, _, number = process.stdout.readline().partition(b" ")
    return int(number) if name == what else None


def _describe_death(status: int | None) -> str:
    if status is None:
        return "it closed its connection to the judge"
    names = {number.value: number.name for number in signal.Signals}
    return f"exit status {status}" if status >= 0 else f"signal {names.get(-status, -status)}"
