"""The question that is asked lies on disk."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors import deserialize
from safetensors.numpy import load_file

from backends.numpy.backend import BACKEND as NUMPY
from conformance.targets.link import FORMAT, pack_question, unpack_question
from conformance.targets.notes import Notes
from conformance.targets.wire import unpack_tensors
from lstm_spec import Problem
from tests.helpers.isolation import (
    LONG,
    PLENTY,
    SHORT,
    alone,
    bits,
    cotangents,
    drawn,
    odd_problems,
    random_bits,
    said,
    strided,
)


def test_the_question_is_whole_on_disk_when_it_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRAGILE_FOLDER", str(tmp_path))
    with alone("reads_the_file", folder=tmp_path) as it:
        for problem in (LONG, SHORT, drawn(7)):
            answer = it.backend.forward(problem)
            assert bits(answer.y) == bits(problem.x) and bits(answer.state.c) == bits(problem.state.c)
        assert [path.name for path in tmp_path.iterdir()] == [f"asked-{os.getpid()}.safetensors"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "timeout"), [("segfaults_on_long", PLENTY), ("hangs_on_long", 1.5)])
def test_the_question_that_killed_it_stays(name: str, timeout: float, tmp_path: Path) -> None:
    with alone(name, timeout, tmp_path / "new" / "folder") as it:
        text = said(it.backend.forward, LONG)
        it.backend.forward(SHORT)
    found = re.fullmatch(r"Errored: it .*; the question is in (.*/new/folder/crash-[0-9a-f]{4}\.safetensors)", text)
    assert found
    assert_holds(Path(found[1]), LONG)


def assert_holds(path: Path, problem: Problem) -> None:
    """The names are those of a case, and everything is put together again."""
    tensors = load_file(path)
    expected = {f"asked.{k}.{part}": getattr(getattr(problem.layer, k), part) for k in "ifgo" for part in "WUb"}
    expected |= {"asked.x": problem.x, "asked.state.h": problem.state.h, "asked.state.c": problem.state.c}
    assert {name: bits(a) for name, a in tensors.items()} == {name: bits(a) for name, a in expected.items()}
    call, (found,) = unpack_question(path.read_bytes())
    assert call == "forward" and bits(found.x) == bits(problem.x) and bits(found.layer.o.U) == bits(problem.layer.o.U)


def test_the_question_of_a_gradient_names_its_cotangents(tmp_path: Path) -> None:
    d = cotangents(SHORT)
    with alone("segfaults_in_the_gradient_pass", folder=tmp_path) as it:
        said(it.backend.differentiate, SHORT, d)
    (path,) = tmp_path.glob("crash-*.safetensors")
    tensors = load_file(path)
    assert bits(tensors["asked.d.y"]) == bits(d.y)
    assert bits(tensors["asked.d.h"]) == bits(d.state.h) and bits(tensors["asked.d.c"]) == bits(d.state.c)
    call, (problem, found) = unpack_question(path.read_bytes())
    assert call == "gradients" and bits(problem.x) == bits(SHORT.x) and bits(found.state.c) == bits(d.state.c)


def test_the_file_says_whose_question_it_is(tmp_path: Path) -> None:
    with alone("segfaults", folder=tmp_path) as it:
        said(it.backend.forward, SHORT)
    (path,) = tmp_path.glob("crash-*.safetensors")
    _, about = unpack_tensors(path.read_bytes())
    assert about["format"] == FORMAT and about["target"] == "tests.helpers.fragile:segfaults"
    assert about["call"] == "forward" and about["device"] == ""


@pytest.mark.parametrize("problem", odd_problems(), ids=range(11))
def test_every_question_is_a_safetensors_file(problem: Problem) -> None:
    strange = replace(problem, x=strided(random_bits(np.dtype(ml_dtypes.bfloat16), (2, 3, 4)))[2])
    _, raw = pack_question("forward", (strange,), {})
    names = {name for name, _ in deserialize(raw)}  # type: ignore[no-untyped-call]
    assert {"asked.x", "memory.asked.x", "asked.state.h"} <= names


def test_a_folder_that_cannot_be_written_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        alone("echoes", folder=tmp_path / "file" / "below")


def test_a_folder_that_vanishes_changes_no_verdict(tmp_path: Path) -> None:
    with alone("segfaults_on_long", folder=tmp_path / "gone") as it:
        (tmp_path / "gone").rmdir()
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)
        text = said(it.backend.forward, LONG)
    assert re.fullmatch(r"Errored: it crashed \(signal SIGSEGV\); the question could not be written to .*", text)


def test_a_folder_that_becomes_a_file_changes_no_verdict(tmp_path: Path) -> None:
    with alone("segfaults_on_long", folder=tmp_path / "gone") as it:
        (tmp_path / "gone").rmdir()
        (tmp_path / "gone").write_text("no folder")
        text = said(it.backend.forward, LONG)
    assert "; the question could not be written to " in text


def test_the_half_of_a_question_goes_once_its_process_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    names = [f"asked-{ended.pid}.part", f"asked-{os.getppid()}.part", f"asked-{'9' * 30}.part", "asked-.part"]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    Notes(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_processes_that_ask_at_once_write_files_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = Notes(tmp_path)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    theirs = Notes(tmp_path)
    for notes, problem in ((ours, SHORT), (theirs, LONG), (ours, SHORT)):
        notes.write_question(pack_question("forward", (problem,), {})[1])
    found = {path: unpack_question(path.read_bytes()).arguments[0].x for path in tmp_path.iterdir()}
    assert bits(found[ours.asked]) == bits(SHORT.x) and bits(found[theirs.asked]) == bits(LONG.x)


def test_a_question_is_written_over_the_last_one(tmp_path: Path) -> None:
    notes, questions = Notes(tmp_path), [bytes(range(n)) for n in (9, 200, 8, 40)]
    notes.write_question(b"the first")
    file = notes.asked.stat().st_ino
    for question in questions:
        notes.write_question(question)
        assert notes.asked.read_bytes() == question
        assert notes.asked.stat().st_ino == file
    notes.close()


def test_a_file_that_the_target_removed_or_replaced_is_written_again(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    for question in (b"the first", b"the second", b"the third"):
        notes.write_question(question)
        assert notes.asked.read_bytes() == question
        notes.asked.unlink()
        if question == b"the second":
            notes.asked.write_bytes(b"something else")
    notes.close()
