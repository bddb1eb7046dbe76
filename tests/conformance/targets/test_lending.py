"""A target is lent in this process or in one of its own, from Python as from the command line."""

import os
from pathlib import Path
from typing import Any

import pytest

from conformance import check, lend
from conformance.outcome import Errored
from conformance.targets.lending import ENDS
from conformance.targets.resolve import TargetError
from tests.helpers.isolation import SHORT, gone, process_of

FRAGILE = "tests.helpers.fragile"


@pytest.mark.parametrize("isolate, is_here", [(None, False), (True, False), (False, True)])
def test_a_target_that_is_not_ours_runs_in_a_process_of_its_own(isolate: bool | None, is_here: bool) -> None:
    with lend(f"{FRAGILE}:shows_its_process", isolate=isolate) as backend:
        process = process_of(backend)
    assert (process == os.getpid()) is is_here
    assert is_here or gone(process)


def test_a_target_that_is_lent_here_cannot_end_the_process_as_if_all_were_well() -> None:
    former = {name: vars(os)[name] for name in ENDS}
    with lend(f"{FRAGILE}:exits_as_if_well", isolate=False) as backend:
        with pytest.raises(SystemExit, match="os._exit, which would have ended"):
            backend.forward(SHORT)
        if (forked := os.fork()) == 0:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 7
    assert {name: vars(os)[name] for name in ENDS} == former


def test_what_is_ours_is_made_here() -> None:
    with lend("numpy") as backend:
        assert backend.forward(SHORT).y.shape[0] == len(SHORT.x)


def test_a_crash_and_a_hang_are_verdicts_of_check(tmp_path: Path) -> None:
    how: Any = {"profile": "quick", "clauses": ("CELL-1",), "examples": 1, "diagnose": False, "shrink": False}
    for name, expected in (("segfaults", "it crashed (signal SIGSEGV)"), ("hangs", "it did not answer within 0.2 s")):
        with lend(f"{FRAGILE}:{name}", timeout=0.2, out=tmp_path) as backend:
            report = check(backend, name="a_step", **how)
        assert report.status == 1 and {v.detail.partition(";")[0] for v in report.failures} == {expected}
    assert list(tmp_path.glob("crash-*.safetensors"))


def test_a_folder_that_cannot_be_written_is_a_warning_and_the_target_is_lent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.warns(UserWarning, match="file cannot be written .*, so no question is kept there; choose another"),
        lend(f"{FRAGILE}:segfaults", out=tmp_path / "file") as backend,
        pytest.raises(Errored, match="it crashed"),
    ):
        backend.forward(SHORT)


def test_a_target_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(TargetError, match="did you mean 'numpy'"):
        lend("nump")


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), 1e300])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout is .* s, expected more than 0"):
        lend("numpy", timeout=seconds)
