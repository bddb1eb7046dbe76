"""What Windows lacks is missing here: the command runs without it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.program import DEADLINE

AS_ON_WINDOWS = """
import concurrent.futures.process, ctypes, multiprocessing, os, platform, select, signal, subprocess, sys
import autograd, click.testing, hypothesis.strategies, junitparser, rich.progress, rich.table, safetensors.numpy
platform.uname()
sys.modules["fcntl"] = sys.modules["resource"] = None
for module, names in {
    os: "O_NONBLOCK O_NOCTTY fork killpg setsid getuid sched_getaffinity",
    signal: "pthread_sigmask SIGKILL SIGHUP SIGALRM SIGCHLD SIG_BLOCK SIG_SETMASK",
    select: "PIPE_BUF poll",
}.items():
    for name in names.split():
        vars(module).pop(name, None)
sys.platform = "win32"
import lstm_conform
lstm_conform.main()
"""
MINE = "tests.helpers.specimens:returns_nan"
FEW = ("--profile", "quick", "-k", "the answer is that of the equations", "--jobs", "1")


def run_as_on_windows(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    path = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": ""}
    command = [sys.executable, "-c", AS_ON_WINDOWS, *arguments]
    return subprocess.run(command, cwd=folder, env=path, capture_output=True, encoding="utf-8", timeout=DEADLINE)


@pytest.mark.parametrize(("target", "status"), [("numpy", 0), (MINE, 1)])
def test_a_target_in_this_process_is_judged(tmp_path: Path, target: str, status: int) -> None:
    done = run_as_on_windows(tmp_path, "run", target, *FEW, "--no-isolate", "--json", "r.json")
    assert done.returncode == status, done.stderr
    assert "suite error" not in f"{done.stdout}{done.stderr}"
    assert (tmp_path / "r.json").is_file()
    assert not list(tmp_path.glob(".lstm-conform/journal*"))
    for case in tmp_path.glob(".lstm-conform/*.safetensors"):
        assert run_as_on_windows(tmp_path, "reproduce", str(case), MINE, "--no-isolate").returncode == 1


def test_what_cannot_be_isolated_is_said_with_the_remedy(tmp_path: Path) -> None:
    done = run_as_on_windows(tmp_path, "run", MINE, *FEW)
    assert done.returncode == 3
    assert f"target {MINE!r} cannot be isolated on Windows; run it in this process: --no-isolate" in done.stderr
