"""No process of ours is left, nor one that a target started, however the judge or the target ends."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.targets.keeper import MARK, kill_marked, list_descendants
from tests.helpers.isolation import PLENTY, SHORT, alone, child_of, ends, said
from tests.helpers.program import count_left
from tests.helpers.root import ROOT

SOON = 5.0  # seconds
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder for what a target notes. No helper outlives the test, whatever comes of it."""
    monkeypatch.setenv("FRAGILE_FOLDER", str(tmp_path))
    yield tmp_path
    for note in tmp_path.glob("helper?"):
        subprocess.run(["kill", "-9", note.read_text()], capture_output=True)


def assert_ended(processes: list[int]) -> None:
    left = [pid for pid in processes if not ends(pid, SOON)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert processes and left == []


def read_helpers(folder: Path) -> list[int]:
    return [int(note.read_text()) for note in folder.glob("helper?")]


@ON_LINUX
def test_helpers_in_any_session_end_with_the_target(folder: Path) -> None:
    with alone("starts_helpers") as it:
        it.backend.forward(SHORT)
        helpers = read_helpers(folder)
        assert len(helpers) == 3
    assert_ended(helpers)


@ON_LINUX
def test_helpers_in_any_session_end_after_a_hang(folder: Path) -> None:
    with alone("hangs_with_helpers", timeout=3) as it:
        assert said(it.backend.forward, SHORT) == "Errored: it did not answer within 3 s"
        assert_ended(read_helpers(folder))


@ON_LINUX
def test_a_target_that_kills_its_keeper_ends_with_it() -> None:
    with alone("kills_its_keeper") as it:
        target = child_of(it)
        assert said(it.backend.forward, SHORT) == "Errored: it crashed (it closed its connection to the judge)"
        assert_ended([target])


@ON_LINUX
def test_helpers_in_any_session_end_though_their_keeper_was_killed(folder: Path) -> None:
    with alone("kills_its_keeper_with_helpers", timeout=3) as it:  # they hold the connection to the judge
        assert said(it.backend.forward, SHORT) == "Errored: it did not answer within 3 s"
        helpers = read_helpers(folder)
        assert len(helpers) == 3
        assert_ended(helpers)


@ON_LINUX
@pytest.mark.parametrize("name", ["stops_its_keeper", "stops_its_keeper_and_hangs"])
def test_a_keeper_that_the_target_stopped_goes_on_and_ends_the_helpers(name: str, folder: Path) -> None:
    with alone(name, timeout=3) as it:
        assert it.child.process
        keeper = it.child.process.popen
        if name == "stops_its_keeper":
            it.backend.forward(SHORT)
        else:
            assert said(it.backend.forward, SHORT) == "Errored: it did not answer within 3 s"
        helpers = read_helpers(folder)
    assert keeper.returncode == 0  # else it was killed
    assert_ended(helpers)


@ON_LINUX
def test_only_what_has_the_mark_is_killed() -> None:
    program = [sys.executable, "-c", "print(flush=True); import time; time.sleep(1000)"]
    marks = ("this", "that", "")
    started = [subprocess.Popen(program, env={MARK: mark}, stdout=subprocess.PIPE) for mark in marks]
    for each in started:
        assert each.stdout and each.stdout.read(1)
    assert kill_marked("this") == 1 and started[0].wait(SOON) == -signal.SIGKILL
    assert [each.poll() for each in started[1:]] == [None, None]
    for each in started:
        each.kill()
        each.communicate()


def wait_for(folder: Path, pattern: str, count: int) -> None:
    deadline = time.monotonic() + PLENTY
    while len(list(folder.glob(pattern))) < count:
        assert time.monotonic() < deadline, f"no {pattern}"
        time.sleep(0.05)


@ON_LINUX
@pytest.mark.parametrize(
    ("name", "notes", "options"),
    [
        ("keeps_the_lock", "asked*", ("--jobs", "1", "--isolate")),
        ("keeps_the_lock", "asked*", ("--jobs", "2", "--isolate")),
        ("keeps_the_lock", "asked*", ("--jobs", "2", "--no-isolate")),
        ("hangs_with_helpers", "helper?", ("--jobs", "1", "--isolate")),
        ("hangs_with_helpers", "helper?", ("--jobs", "1", "--no-isolate")),
        ("stops_its_keeper_and_hangs", "stopped", ("--jobs", "1", "--isolate")),
        ("hangs_with_a_program", "helper0", ("--jobs", "2", "--no-isolate")),
    ],
)
def test_nothing_is_left_when_the_judge_is_killed(
    name: str, notes: str, options: tuple[str, ...], folder: Path
) -> None:
    asked = ["run", f"tests.helpers.fragile:{name}", "--profile", "quick", "-k", "every_output", *options]
    command = [sys.executable, "-m", "lstm_conform", *asked, "--out", str(folder / "out")]
    mark, nowhere = uuid.uuid4().hex, subprocess.DEVNULL
    judge = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "MARK": mark}, stdout=nowhere, stderr=nowhere)
    wait_for(folder, notes, 3 if notes == "helper?" else 1)
    ours = [*list_descendants(judge.pid), *read_helpers(folder)]
    judge.kill()
    judge.wait()
    assert_ended(ours)
    assert os.getpid() not in ours and count_left(mark) == 0
