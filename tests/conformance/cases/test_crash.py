"""The file of a question that killed a target is a case: it is asked again, in a process of its own."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as packed

from backends.numpy.backend import BACKEND as NUMPY
from conformance.cases.case import CaseError
from conformance.cases.crash import ask_crash, describe_crash, is_crash, load_crash
from conformance.cases.load import load_case
from conformance.outcome import Outcome
from conformance.targets import notes
from conformance.targets.isolated import start_isolated
from conformance.targets.link import FORMAT, pack_question
from conformance.targets.notes import Notes
from lstm_spec import Description
from tests.helpers.cases import ANSWER, write_case
from tests.helpers.isolation import LONG, PLENTY, SHORT, alone, cotangents, odd_problems, said
from tests.helpers.odd_files import make_odd_file
from tests.helpers.specimens import said as told

FRAGILE = "tests.helpers.fragile"


def keep(folder: Path, *arguments: Any, call: str = "forward", **about: str) -> Path:
    _, raw = pack_question(call, arguments, {"target": "numpy", "device": ""} | about)
    path = folder / "crash-0000.safetensors"
    path.write_bytes(raw)
    return path


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crash")
    with alone("segfaults_on_long", PLENTY, folder) as it:
        said(it.backend.forward, LONG)
    (path,) = folder.glob("crash-*.safetensors")
    return path


def test_a_crash_is_asked_again_and_crashes_again(crash: Path) -> None:
    status, text = told("reproduce", str(crash), f"{FRAGILE}:segfaults_on_long")
    first, second = text.splitlines()
    assert status == 1 and first.startswith("no answer to forward of T = ") and "(float32)" in first
    assert second == "errored: it crashed (signal SIGSEGV)"


def test_what_does_not_crash_any_more_holds(crash: Path) -> None:
    status, text = told("reproduce", str(crash), "numpy")
    assert status == 0 and text.endswith("\nholds: it answers this question\n")


def test_a_hang_takes_as_long_as_it_is_given(crash: Path) -> None:
    status, text = told("reproduce", str(crash), f"{FRAGILE}:hangs", "--timeout", "0.5")
    assert status == 1 and text.endswith("\nerrored: it did not answer within 0.5 s\n")


def test_its_target_is_asked_if_it_may_be_imported(crash: Path, tmp_path: Path) -> None:
    status, text = told("reproduce", str(crash))
    assert status == 3 and f"names '{FRAGILE}:segfaults_on_long', and a file must not decide" in text
    status, text = told("reproduce", str(keep(tmp_path, SHORT)))
    assert status == 0 and "holds: it answers this question" in text


def test_nothing_is_written_when_it_is_asked_again(
    crash: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told("reproduce", str(crash), f"{FRAGILE}:segfaults_on_long")
    assert list(tmp_path.iterdir()) == [] and len(list(crash.parent.iterdir())) == 1


def test_any_case_is_asked_in_a_process_of_its_own_unless_the_target_is_ours(tmp_path: Path) -> None:
    path = write_case(tmp_path, "fault:swaps_input_and_forget_gates", ANSWER)
    status, text = told("reproduce", str(path), f"{FRAGILE}:segfaults")
    assert status == 1 and text.endswith("errored: it crashed (signal SIGSEGV)\n")
    status, text = told("reproduce", str(path), f"{FRAGILE}:hangs", "--timeout", "0.5")
    assert status == 1 and text.endswith("errored: it did not answer within 0.5 s\n")
    status, text = told("reproduce", str(path), f"{FRAGILE}:fails", "--no-isolate")
    assert status == 1 and text.endswith("errored: it raised ValueError: the first line\n")


def test_the_question_of_a_gradient_is_asked_as_one(tmp_path: Path) -> None:
    path = keep(tmp_path, SHORT, cotangents(SHORT), call="gradients")
    found = load_crash(path)
    assert describe_crash(found).startswith("gradients of T = 2, B = 2, I = 3, H = 4")
    assert ask_crash(found, NUMPY).outcome is Outcome.HOLDS
    with start_isolated(f"{FRAGILE}:segfaults_in_the_gradient_pass", None, PLENTY, None) as it:
        assert ask_crash(found, it.backend) == (Outcome.ERRORED, "it crashed (signal SIGSEGV)")


@pytest.mark.parametrize("k", range(len(odd_problems())))
def test_a_malformed_question_may_be_refused(k: int, tmp_path: Path) -> None:
    found = load_crash(keep(tmp_path, odd_problems()[k]))
    assert "a malformed problem" in describe_crash(found) or found.is_well_formed
    assert ask_crash(found, NUMPY) == (Outcome.HOLDS, "it refuses the malformed problem") or found.is_well_formed


def test_who_does_not_claim_it_is_not_asked(tmp_path: Path) -> None:
    found = load_crash(keep(tmp_path, SHORT))
    other = replace(NUMPY, description=Description(dtypes=("float64",)))
    assert ask_crash(found, other) == (Outcome.NOT_CLAIMED, "it does not claim float32")


# ---------------------------------------------------------------- files that are none


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "another call": ({"call": "__init__"}, "it calls '__init__', expected one of forward, gradients, converse"),
    "a call without its arguments": ({"call": "gradients"}, "it calls 'gradients', expected"),
    "a target with colours": (
        {"target": "\x1b[31m"},
        r"its target is '\x1b[31m', expected some characters that can be",
    ),
    "an endless target": ({"target": "x" * 5000}, "its target is 'xxx"),
    "a device on two lines": ({"device": "a\nb"}, r"its device is 'a\nb', expected some characters"),
    "no form": ({"form": "[" * 100_000}, "is no question of this suite ("),
    "a form of another thing": ({"form": '["asked.x"]'}, "it calls 'forward', expected"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_was_made_by_hand_and_is_wrong_is_refused(what: str, tmp_path: Path) -> None:
    about, sentence = WRONG[what]
    path = keep(tmp_path, SHORT)
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header: dict[str, Any] = json.loads(raw[8 : 8 + size])
    header["__metadata__"] |= about
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])
    with pytest.raises(CaseError) as refused:
        load_crash(path)
    assert sentence in str(refused.value) and str(refused.value).isprintable()
    status, output = told("reproduce", str(path))
    assert status == 3 and output == f"lstm-conform: {refused.value}\n"


@pytest.mark.parametrize("what", ["a pipe", "a folder", "5 GB of nothing", "nothing"])
def test_what_is_no_small_regular_file_is_refused(what: str, tmp_path: Path) -> None:
    path = make_odd_file(tmp_path, what)
    assert not is_crash(path)
    with pytest.raises(CaseError, match="cannot be read"):
        load_crash(path)


def test_a_question_is_no_case_and_a_case_is_no_question(crash: Path, case: Path) -> None:
    assert is_crash(crash) and not is_crash(case)
    with pytest.raises(CaseError, match="is not a case of this suite"):
        load_case(crash)
    with pytest.raises(CaseError, match="is no question of this suite"):
        load_crash(case)


# ---------------------------------------------------------------- how many there are


def test_the_oldest_questions_of_earlier_runs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST_QUESTIONS", 2)
    yours = tmp_path / "crash-ffff.safetensors"
    yours.write_bytes(packed({"x": np.ones(3)}))
    for k, path in enumerate(
        [yours, *(Path(keep(tmp_path, SHORT).rename(tmp_path / f"crash-a00{k}.safetensors")) for k in range(3))]
    ):
        os.utime(path, (k, k))
    (tmp_path / "crash-a000.safetensors").rename(
        left_behind := tmp_path / "asked-4711.safetensors"
    )  # by a killed judge
    mine = Notes(tmp_path)
    assert not left_behind.exists()
    for k in range(3):
        mine.keep_question(pack_question("forward", (SHORT,), {"target": str(k), "device": ""})[1])
    left = {path.name for path in tmp_path.glob("crash-*")}
    assert (
        yours.name in left
        and len(left - {yours.name}) == 3
        and not left & {f"crash-a00{k}.safetensors" for k in range(3)}
    )
    assert notes.FORMAT == FORMAT
