"""How an isolated backend is made, and how it is refused."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.targets.isolated import start_isolated
from conformance.targets.lending import lend
from conformance.targets.resolve import TargetError, resolve
from lstm_spec import ErrorModel
from tests.helpers.isolation import (
    LONG,
    PLENTY,
    SHORT,
    SPECIMENS,
    alone,
    said,
)
from tests.helpers.root import ROOT


@pytest.mark.parametrize("target", ["numpy", f"{SPECIMENS}:measures_itself", f"{SPECIMENS}:in_blocks_of_8"])
def test_it_says_of_itself_what_it_says_in_this_process(target: str) -> None:
    here = resolve(target)
    with start_isolated(target, None, PLENTY, None) as it:
        assert (it.backend.name, it.backend.description) == (here.name, here.description)
        assert (it.backend.gradients is None) == (here.gradients is None)


def test_a_model_of_its_own_and_a_lack_of_gradients_arrive() -> None:
    with alone("tests.helpers.specimens:measures_itself") as it:
        assert it.backend.description.grades["float32"] == ErrorModel(1.0, 1.0, 1.0)
    with alone("echoes") as it:
        assert it.backend.gradients is None


@pytest.mark.parametrize(
    "target",
    [
        "nunpy",
        "tests.helpers.fragile:segfault",
        "tests.absent:BACKEND",
        "tests.helpers.fragile:unavailable",
        "tests.helpers.fragile:LONG",
    ],
)
def test_a_target_that_cannot_be_used_is_refused_in_the_same_words(target: str) -> None:
    with pytest.raises(TargetError) as here:
        resolve(target)
    with pytest.raises(TargetError, match=f"^{re.escape(str(here.value))}$"):
        start_isolated(target, None, PLENTY, None)


def test_the_device_is_handed_on() -> None:
    with pytest.raises(TargetError, match="there is no mars here; buy one"):
        start_isolated("tests.helpers.specimens:unavailable", "mars", PLENTY, None)


def test_a_crash_while_it_is_made_is_a_sentence() -> None:
    expected = r"fragile:dies_when_made': making the backend killed the process \(signal SIGSEGV\); import it"
    with pytest.raises(TargetError, match=expected):
        alone("dies_when_made")


def test_a_hang_while_it_is_made_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.targets.isolated.STARTING", 1.0)
    with pytest.raises(TargetError, match="making the backend did not end within 1 s; import it alone"):
        alone("hangs_when_made", timeout=0.5)


def test_a_module_beside_the_user_is_found_from_wherever_it_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("from tests.helpers.fragile import segfaults_on_long as BACKEND\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    with start_isolated("mine:BACKEND", None, PLENTY, None) as it:
        monkeypatch.chdir(ROOT)
        said(it.backend.forward, LONG)
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_a_module_on_the_path_of_this_process_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "on_the_path.py").write_text("from tests.helpers.fragile import echoes as BACKEND\n")
    monkeypatch.syspath_prepend(tmp_path)
    with start_isolated("on_the_path:BACKEND", None, PLENTY, None) as it:
        assert it.backend.name == "echoes"


@pytest.mark.parametrize("isolate", [True, False])
def test_a_working_folder_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolate: bool) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    with pytest.raises(TargetError, match="the working folder cannot be used .*; change to one that exists$"):
        lend("my_lstm.py", isolate=isolate).__enter__()
