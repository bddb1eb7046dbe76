"""The command as users start it: a process of its own, with the streams that it is given."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-m", "lstm_conform"]
DEADLINE = 120  # seconds, on a machine that is busy


def start_program(*arguments: str, folder: Path, shell: str = "", **how: Any) -> "subprocess.Popen[str]":
    """The command, started in that folder. `shell` is what a shell does with its streams, e.g. ">&-"."""
    given = [*PROGRAM, *arguments]
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", *given] if shell else given
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **how.pop("env", {})}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", **how}
    return subprocess.Popen(command, cwd=folder, env=environment, **streams)


def run_program(*arguments: str, folder: Path, shell: str = "", **how: Any) -> "subprocess.CompletedProcess[str]":
    """What came of the command."""
    with start_program(*arguments, folder=folder, shell=shell, **how) as process:
        out, err = process.communicate(timeout=DEADLINE)
    assert "Traceback" not in f"{out}{err}" and "Exception ignored" not in f"{out}{err}", err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
