"""The process of an isolated backend: when it starts, and that it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from tests.helpers.isolation import (
    LONG,
    PLENTY,
    SHORT,
    alone,
    child_of,
    ends,
    gone,
    process_of,
)
from tests.helpers.root import ROOT


def test_one_process_that_is_not_ours_answers_all_questions() -> None:
    with alone("shows_its_process") as it:
        assert process_of(it.backend) == process_of(it.backend) == child_of(it) != os.getpid()


def test_no_process_is_left_when_it_is_closed() -> None:
    it = alone("shows_its_process")
    process = process_of(it.backend)
    it.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    it.close()
    with pytest.raises(ValueError, match="fragile:shows_its_process is asked after it was closed; ask it before"):
        it.backend.forward(SHORT)


def test_no_process_is_left_when_it_is_forgotten() -> None:
    it = alone("shows_its_process")
    process = process_of(it.backend)
    del it
    assert gone(process)


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it
sys.path.insert(0, {root!r})
from conformance.targets.isolated import start_isolated
from tests.helpers.isolation import SHORT
it = start_isolated("tests.helpers.fragile:{name}", None, {timeout}, None)
print(it.pid, flush=True)
{then}
"""


def script(name: str, then: str, timeout: float = PLENTY) -> tuple["subprocess.Popen[str]", int]:
    """A judge in a process of its own, and the process of its backend."""
    text = SCRIPT.format(root=str(ROOT), name=name, then=then, timeout=timeout)
    command = [sys.executable, "-W", "error", "-c", text]
    pipe = subprocess.PIPE
    judge = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert judge.stdout is not None
    return judge, int(judge.stdout.readline())


def test_no_process_is_left_when_the_judge_ends_without_a_word() -> None:
    judge, child = script("echoes", "it.backend.forward(SHORT)")
    assert judge.communicate(timeout=60) == ("", "")
    assert judge.returncode == 0 and gone(child)


@pytest.mark.parametrize("name", ["echoes", "hangs"])
def test_no_process_is_left_when_the_judge_is_interrupted(name: str) -> None:
    judge, child = script(name, "it.backend.forward(SHORT)\nprint(flush=True)\nimport time; time.sleep(1000)")
    time.sleep(1)
    judge.send_signal(signal.SIGINT)
    _, errors = judge.communicate(timeout=60)
    assert errors.strip().splitlines()[-1] == "KeyboardInterrupt"
    assert errors.count("Traceback") == 1 and "Warning" not in errors
    assert gone(child)


@pytest.mark.parametrize(("name", "timeout"), [("echoes", PLENTY), ("hangs", 2.0)])
def test_the_process_ends_when_the_judge_is_killed(name: str, timeout: float) -> None:
    judge, child = script(name, "it.backend.forward(SHORT)\nimport time; time.sleep(1000)", timeout)
    time.sleep(timeout / 4 if name == "hangs" else 0)  # until it is asked
    judge.kill()
    judge.communicate(timeout=60)
    assert ends(child, within=3 * timeout)


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """What interrupts this process half a second later."""

    def raised(*about: object) -> None:
        raise KeyboardInterrupt

    def soon() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.5)

    before = signal.signal(signal.SIGALRM, raised)
    yield soon
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupted_question_does_not_disturb_the_next(interrupt: Callable[[], None]) -> None:
    with alone("hangs_on_long", timeout=10) as it:
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            it.backend.forward(LONG)
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_no_process_is_left_when_closing_it_is_interrupted(interrupt: Callable[[], None]) -> None:
    it = alone("lingers")
    it.backend.forward(SHORT)
    interrupt()
    with pytest.raises(KeyboardInterrupt):
        it.close()
    assert gone(child_of(it))


def test_a_process_that_does_not_want_to_end_is_killed() -> None:
    it = alone("lingers")
    it.backend.forward(SHORT)
    it.close()
    assert gone(child_of(it))


def test_what_the_backend_prints_is_no_part_of_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    with alone("talks") as it:
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)
    assert capfd.readouterr() == ("", "printed\ncomplained\nwritten\n")


def test_the_backend_does_not_read_what_is_typed_to_the_judge() -> None:
    judge, _ = script(
        "asks_the_user",
        "from tests.helpers.isolation import said; print(said(it.backend.forward, SHORT))",
        5,
    )
    assert judge.stdout is not None
    assert judge.stdout.readline() == "Errored: it raised EOFError: EOF when reading a line\n"
    assert judge.communicate(timeout=60) == ("", "")


def test_a_number_that_overflows_is_no_warning_as_in_a_run(capfd: pytest.CaptureFixture[str]) -> None:
    with alone("overflows") as it, np.errstate(all="ignore"):
        it.backend.forward(SHORT)
    assert capfd.readouterr() == ("", "")


def test_the_child_loads_no_large_library_of_its_own_accord() -> None:
    code = "import conformance.targets.isolated, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "conformance.targets.isolated" in loaded.split()
    assert not {"torch", "cupy", "hypothesis", "autograd", "click", "rich"} & set(loaded.split())
