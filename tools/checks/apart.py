"""Inputs that are read in a process of its own: what kills it, or never returns, is a finding as well."""

import mmap
import os
import pickle
import signal
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FORM = struct.Struct("q")
POLL = 0.05  # seconds
KILLED = "the process was killed by"  # and by which signal


def run_apart(work: Callable[[Callable[[int], None]], Any], patience: float) -> tuple[Any, int, str]:
    """What the work returns, the number that it told last, and how its process ended if it did not return.

    It is killed if it tells no other number for so many seconds.
    """
    place = mmap.mmap(-1, FORM.size)
    place[:] = FORM.pack(-1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result"
        child = os.fork()
        if not child:
            _work(work, place, path)
        status, why = _wait(child, place, patience)
        (number,) = FORM.unpack(place[:])
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            return pickle.loads(path.read_bytes()), number, ""
    if os.WIFSIGNALED(status):
        return None, number, why or f"{KILLED} {signal.Signals(os.WTERMSIG(status)).name}"
    return None, number, f"the process ended with {os.WEXITSTATUS(status)}"


def _work(work: Callable[[Callable[[int], None]], Any], place: mmap.mmap, path: Path) -> None:
    """In the child, which ends here."""
    status = 1
    try:
        path.write_bytes(pickle.dumps(work(lambda number: place.__setitem__(slice(None), FORM.pack(number)))))
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _wait(child: int, place: mmap.mmap, patience: float) -> tuple[int, str]:
    """How it ended, and why if it was killed here."""
    last, since = b"", time.monotonic()
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status, ""
        if place[:] != last:
            last, since = place[:], time.monotonic()
        if time.monotonic() - since > patience:
            os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1], f"no end within {patience:g} s"
        time.sleep(POLL)
