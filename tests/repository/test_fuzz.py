"""That damaged inputs are refused or read, and that the tool sees a reader that does anything else."""

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.helpers.models import assert_models_are_refused_or_read
from tests.helpers.root import ROOT
from tools.checks import fuzz
from tools.checks.damage import damage_case, damage_deviations
from tools.checks.fuzz import Reader, find_reader, try_inputs

FEW = {"cases": 1000, "deviations": 1000, "frames": 1000}
HERE = (
    "safetensors",
    "npz",
    "npy",
    "torch",
    "torchscript",
)  # the libraries of other kinds have environments of their own


@pytest.mark.parametrize("kind", FEW)
def test_damaged_inputs_are_refused_or_read(kind: str, tmp_path: Path) -> None:
    found = try_inputs(kind, find_reader(kind, tmp_path), range(FEW[kind]), 1, lambda line: None)
    assert not found.findings
    assert found.counts["refused"] > FEW[kind] / 2 and found.counts["read"] > FEW[kind] / 100


@pytest.mark.parametrize("kind", HERE)
def test_damaged_files_of_models_are_refused_or_read(kind: str, tmp_path: Path) -> None:
    assert_models_are_refused_or_read(kind, tmp_path)


def test_kinds_of_models_whose_library_is_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.checks.models.find_spec", lambda name: None)
    result = CliRunner().invoke(fuzz.main, ["onnx", "--inputs", "1"])
    assert result.exit_code == 1
    assert result.output == "onnx: not read, for onnx and onnxruntime are not installed\n"


def hang_in_c() -> None:
    """Nothing that Python does on an alarm interrupts it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(1000)


ENDS: dict[str, tuple[Callable[[], Any], str]] = {
    "a crash": (lambda: os.kill(os.getpid(), signal.SIGKILL), "the process was killed by SIGKILL"),
    "an exit": (lambda: os._exit(3), "the process ended with 3"),
    "a hang in C": (hang_in_c, "no end within 2 s"),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_the_process_is_found_and_the_others_are_read(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (end, sentence), third = ENDS[what], random.Random("0 x 2").random()
    monkeypatch.setattr(fuzz, "ALARM", 1.0)
    reader = Reader(lambda rng: rng.random(), lambda made: end() if made == third else made, Refusal)
    monkeypatch.setattr(fuzz, "find_reader", lambda kind, folder: reader)
    found, _ = fuzz.try_apart("x", range(5), 0, lambda line: None)
    assert found.counts == {"not told": 2, "wrong": 1, "read": 2} and found.findings == {2: sentence}


def test_a_crash_of_a_library_is_not_wrong_if_the_command_survives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    third, read = random.Random("0 x 2").random(), ENDS["a crash"][0]
    reader = Reader(lambda rng: rng.random(), lambda made: read() if made == third else made, Refusal)
    survives = reader._replace(tell_apart=lambda made: "it crashed" if made == third else "")
    monkeypatch.setattr(fuzz, "find_reader", lambda kind, folder: survives)
    found, _ = fuzz.try_apart("x", range(5), 0, lambda line: None)
    assert found.counts == {"not told": 2, "crashed a library": 1, "read": 2} and not found.findings
    assert found.crashes == {2: "the process was killed by SIGKILL; the command says: it crashed"}


def raise_it(error: BaseException) -> Any:
    raise error


class Refusal(Exception):
    """What a reader may raise."""


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "another error": (lambda: raise_it(KeyError("name")), "KeyError: \"'name'\""),
    "an error of no kind": (lambda: raise_it(RecursionError("deep")), "RecursionError: 'deep'"),
    "a refusal that is no line": (lambda: raise_it(Refusal("\x1b[31m")), r"its refusal is no line: '\x1b[31m'"),
    "a refusal without words": (lambda: raise_it(Refusal()), "its refusal is no line: ''"),
    "an endless refusal": (lambda: raise_it(Refusal("x" * 3001)), "its refusal is no line: 'xxx"),
    "a wrong reading": (lambda: "wrong", "it was read wrongly: 'wrong'"),
    "a warning": (lambda: warnings.warn("careful", stacklevel=1), "it says 'UserWarning: careful'"),
    "a printed line": (lambda: os.write(2, b"careful\n"), "it says 'careful'"),
    "a hang": (lambda: time.sleep(1000), "Hung: 'no end within 0.1 s'"),
    "much time": (lambda: sum(range(10**6)), "it took 0."),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_neither_a_refusal_nor_a_right_reading_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, sentence = WRONG[what]
    monkeypatch.setattr(fuzz, "ALARM", 0.1 if what == "a hang" else 100)
    monkeypatch.setattr(fuzz, "SECONDS", 0.001 if what == "much time" else 100)
    reader = Reader(lambda rng: None, lambda made: wrong(), Refusal, lambda result: result != "wrong")
    found = try_inputs("cases", reader, range(7, 9), 0, lambda line: None)
    assert set(found.findings) == {7, 8} and all(finding.startswith(sentence) for finding in found.findings.values())


EATER = """
from tools.checks import fuzz
fuzz.MEMORY, fuzz.SECONDS = 64 << 20, 1000  # of a slow machine nothing is asked
reader = fuzz.Reader(lambda rng: None, lambda made: bytes(bytearray(b"x") * (300 << 20)), ValueError)
still = lambda line: None
print(fuzz.try_inputs("cases", reader, range(1), 0, still).findings)
fuzz.limit_addresses()
print(fuzz.try_inputs("cases", reader._replace(read=lambda made: bytearray(3 << 30)), range(1), 0, still).findings)
"""


def test_much_memory_is_found() -> None:
    """In a process of its own: a peak stays for good. That of the process that starts it is not counted."""
    held = bytearray(b"x") * (400 << 20)
    done = subprocess.run([sys.executable, "-c", EATER], capture_output=True, text=True, check=True, cwd=ROOT)
    del held
    first, second = done.stdout.splitlines()
    assert first == "{0: 'it took more than 64 MiB'}"
    assert second == "{0: \"MemoryError: ''\"}" or sys.platform != "linux"


def test_an_input_can_be_made_again_from_its_number(tmp_path: Path) -> None:
    for damage in (damage_case, damage_deviations):
        first, again, other = (damage(random.Random(f"0 x {k}")) for k in (1, 1, 2))
        assert first == again != other


def test_what_is_found_is_printed_with_the_command_that_makes_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_wrong(kind: str, folder: Path) -> Reader:
        return Reader(lambda rng: rng.random(), lambda made: raise_it(KeyError(made)), Refusal)

    monkeypatch.setattr(fuzz, "find_reader", find_wrong)
    monkeypatch.setattr(fuzz, "limit_addresses", lambda: None)
    result = CliRunner().invoke(fuzz.main, ["cases", "--inputs", "50", "--seed", "3"])
    assert result.exit_code == 1 and "10 wrong" in result.output
    assert "    python -m tools.checks.fuzz cases --seed 3 --first 9 --inputs 1\n" in result.output
