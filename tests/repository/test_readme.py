"""What the README shows is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.environment import TORCH
from tests.helpers.pages import assert_shown as assert_lines_shown
from tests.helpers.root import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
MODULE, BACKEND, USE = (text for kind, text in BLOCKS if kind == "python")
COMMANDS = [line[2:].split("#")[0].strip() for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_lstm.py").write_text(BACKEND, encoding="utf-8")
    (tmp_path / "my_model.py").write_text(MODULE, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_backend_is_shorter_than_forty_lines() -> None:
    assert len(BACKEND.splitlines()) < 40


def test_no_fault_of_the_backend_is_found_by_quick(folder: Path) -> None:
    done = run(folder, "lstm-conform", "run", "my_lstm.py", "--profile", "quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no fault found by quick (forward only)" in " ".join(done.stdout.split())


@pytest.mark.soak
@pytest.mark.parametrize("options", [(), ("--dtype", "float32")], ids=" ".join)
def test_the_backend_conforms_forward_only(folder: Path, options: tuple[str, ...]) -> None:
    done = run(folder, "lstm-conform", "run", "my_lstm:BACKEND", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "conforms to LSTM Specification 1.0 (forward only)" in done.stdout


def test_the_check_in_python_passes(folder: Path) -> None:
    done = run(folder, sys.executable, "-c", USE)
    assert done.returncode == 0, done.stderr


def test_the_line_for_pytest_runs(folder: Path) -> None:
    done = run(folder, *next(c for c in COMMANDS if c.startswith("pytest")).split(), "-q")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


def test_every_command_line_is_one_that_exists(folder: Path) -> None:
    for command in COMMANDS:
        program, *words = command.split()
        assert program in ("make", "pip", "lstm-conform", "pytest"), command
        if program == "make":
            assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), command
        if program == "lstm-conform":
            help_text = run(folder, program, words[0], "--help").stdout
            assert all(word in help_text for word in words if word.startswith("--")), command


def test_the_equations_are_those_of_the_clauses() -> None:
    from lstm_spec import CLAUSES

    for k in range(1, 5):
        assert CLAUSES[f"CELL-{k}"].equation in README


def test_the_refutation_shown_is_the_one_that_is_printed(folder: Path) -> None:
    target = "fault:swaps_input_and_forget_gates"
    done = run(folder, "lstm-conform", "run", target, "--profile", "quick", "--maxfail", "1")
    assert_shown(target, done)


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_the_mistake_in_the_module_of_torch_is_the_one_that_is_printed(folder: Path) -> None:
    line = next(command for command in COMMANDS if "torch:" in command)
    done = run(folder, *line.split(), "--profile", "quick", "--maxfail", "1", "--jobs", "1")
    assert_shown("MyLSTM", done)


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_without_its_mistake_the_module_of_torch_holds(folder: Path) -> None:
    mended = MODULE.replace("h = o.sigmoid() * c\n", "h = o.sigmoid() * c.tanh()\n")
    assert mended != MODULE
    (folder / "my_model.py").write_text(mended, encoding="utf-8")
    asked = ("--profile", "quick", "--examples", "1", "--clause", "CELL-1", "--clause", "MOD-*")
    done = run(folder, "lstm-conform", "run", "torch:my_model.py:MyLSTM", *asked)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_shown(target: str, done: subprocess.CompletedProcess[str]) -> None:
    """The report says what the README shows of that target."""
    assert done.returncode == 1, done.stdout + done.stderr
    shown = next(text for kind, text in BLOCKS if kind == "text" and text.startswith("REFUTED") and target in text)
    assert_lines_shown(shown, done.stdout)  # the figures depend on how far shrinking came in its time


def test_the_statement_shown_for_numpy_names_its_dtypes_and_grades() -> None:
    from conformance.targets.resolve import resolve
    from lstm_spec.accuracy import DEFAULT_GRADES

    about = resolve("numpy").description
    grades = DEFAULT_GRADES | dict(about.grades)
    assert f"1.0 at {', '.join(f'{dtype} ({grades[dtype]})' for dtype in about.dtypes)}\n" in README
