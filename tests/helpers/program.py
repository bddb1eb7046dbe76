"""The command as users start it: a process of its own, with the streams that it is given."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-m", "lstm_conform"]
DEADLINE = 120  # seconds, on a machine that is busy


@contextmanager
def start_program(*arguments: str, folder: Path, shell: str = "", **how: Any) -> Iterator["subprocess.Popen[str]"]:
    """The command, started in that folder. `shell` is what a shell does with its streams, e.g. ">&-"."""
    given = [*PROGRAM, *arguments]
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", *given] if shell else given
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **how.pop("env", {})}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", **how}
    with subprocess.Popen(command, cwd=folder, env=environment, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def run_program(*arguments: str, folder: Path, shell: str = "", **how: Any) -> "subprocess.CompletedProcess[str]":
    """What came of the command."""
    with start_program(*arguments, folder=folder, shell=shell, **how) as process:
        out, err = process.communicate(timeout=DEADLINE)
    assert "Traceback" not in f"{out}{err}" and "Exception ignored" not in f"{out}{err}", err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for(condition: Callable[[], Any], process: "subprocess.Popen[str]") -> None:
    """Wait until it is true; fails if the process ends before that."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def count_left(mark: str) -> int:
    """How many processes are left, after a while, that were started with that text in their environment."""
    deadline = time.monotonic() + 5
    while (left := sum(map(partial(_has_mark, mark.encode()), Path("/proc").glob("[0-9]*/environ")))) > 0:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left


def _has_mark(mark: bytes, environment: Path) -> bool:
    try:
        return mark in environment.read_bytes()
    except OSError:  # it ended, or belongs to somebody else
        return False
