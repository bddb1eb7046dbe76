"""What a stream cannot take ends in a sentence and an exit status of its own, which says nothing about a target."""

import io
import os
import threading
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.cli.streams import SPELLED, Outlet, open_text
from conformance.report.status import MEANINGS, PASSED, UNUSABLE, UNWRITTEN, WRONG_OPTION
from conformance.targets.keeper import SHOWN
from tests.helpers.messages import EQUATIONS, assert_one_sentence
from tests.helpers.program import run_program
from tests.helpers.root import ROOT
from tests.helpers.specimens import said

CELL_1 = ("explain", "CELL-1")
UNREADABLE = {
    "a closed stdout": (("--help",), ">&-", "Bad file descriptor"),
    "a full disk": (("run", "numpy", *EQUATIONS), ">/dev/full", "No space left on device"),
    "a stdout that is for reading": (("gates",), "1</dev/null", "Bad file descriptor"),
    "a refutation on a full disk": (
        ("run", "fault:never_forgets", *EQUATIONS, "--no-isolate"),
        ">/dev/full",
        "No space left on device",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE.values(), ids=UNREADABLE)
def test_a_report_that_cannot_be_printed_has_a_sentence_and_an_exit_status(
    case: tuple[tuple[str, ...], str, str], tmp_path: Path
) -> None:
    arguments, shell, reason = case
    done = run_program(*arguments, folder=tmp_path, shell=shell)
    assert done.returncode == UNWRITTEN
    assert_one_sentence(done.stderr, f"stdout cannot be written ({reason})", "send it to another place")


def test_a_reader_that_leaves_gets_a_sentence(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run_program("list", "faults", folder=tmp_path, stdout=writer)
    os.close(writer)
    assert done.returncode == UNWRITTEN
    assert_one_sentence(done.stderr, "stdout cannot be written (Broken pipe)")


QUIET = {  # what stderr cannot take is dropped
    "conforms": (("run", "numpy", *EQUATIONS), "2>&-", PASSED),
    "cannot be used": (("run", "nump"), "2>/dev/full", UNUSABLE),
    "a wrong option": (("run", "numpy", "--seed", "x"), "0<&- >&- 2>&-", WRONG_OPTION),
}


@pytest.mark.parametrize("case", QUIET.values(), ids=QUIET)
def test_a_closed_or_full_stderr_changes_no_exit_status(case: tuple[tuple[str, ...], str, int], tmp_path: Path) -> None:
    arguments, shell, status = case
    done = run_program(*arguments, folder=tmp_path, shell=shell)
    assert (done.returncode, done.stderr) == (status, "")
    assert ("holds on this selection" in done.stdout) == (status == PASSED)


# ---------------------------------------------------------------- letters


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_console_of_few_letters_shows_the_others_in_plain_ones(encoding: str, tmp_path: Path) -> None:
    done = run_program(*CELL_1, folder=tmp_path, env={"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert done.returncode == PASSED
    assert "i = sigma(W_i x + U_i h + b_i)" in done.stdout and "?" not in done.stdout


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("ascii", "±2⁻⁸ × ∞ …", "+-2^-8 x inf ..."),
        ("latin-1", "±2 × ∞", "±2 × inf"),
        ("cp1252", "naïve … σ", "naïve … sigma"),
        ("ascii", "naïve LSTMs of Gödel", "naive LSTMs of Godel"),
        ("ascii", "門", "?"),
        ("utf-8", "a lone \ud800", "a lone ?"),
    ],
)
def test_what_cannot_be_encoded_is_spelled(encoding: str, text: str, shown: str) -> None:
    reader, writer = os.pipe()
    stream = open_text(Outlet(writer), io.TextIOWrapper(io.BytesIO(), encoding))
    stream.write(text)
    stream.flush()
    assert os.read(reader, 100).decode(encoding) == shown
    os.close(reader)
    os.close(writer)


def test_every_letter_that_the_suite_prints_is_spelled() -> None:
    sources = [*(ROOT / "conformance").rglob("*.py"), *(ROOT / "lstm_spec").rglob("*.py")]
    letters = {letter for path in sources for letter in path.read_text(encoding="utf-8") if not letter.isascii()}
    spelled = {letter: letter.encode("ascii", "lstm_conform.spell").decode() for letter in letters - {*SPELLED}}
    assert not [letter for letter, text in spelled.items() if text == "?"]


def test_a_slow_reader_of_a_stream_that_does_not_wait_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream, text = open_text(Outlet(writer), None), "x" * 300_000
    found: list[int] = []

    def read_slowly() -> None:
        while piece := os.read(reader, 30_000):
            found.append(len(piece))

    thread = threading.Thread(target=read_slowly)
    thread.start()
    stream.write(text)
    stream.flush()
    os.close(writer)
    thread.join()
    os.close(reader)
    assert sum(found) == len(text)


# ---------------------------------------------------------------- what a target prints

TALKATIVE = """
import ctypes, os, sys
from dataclasses import replace
from lstm_spec import REFERENCE
print("loaded")
C = ctypes.CDLL(None)
def forward(problem):
    print("asked")
    os.write(1, b"by its number\\n")
    print("by its first name", file=sys.__stdout__, flush=True)
    C.puts(b"in C")
    return REFERENCE.forward(problem)
BACKEND = replace(REFERENCE, name="talkative", forward=forward, gradients=None)
"""


@pytest.mark.parametrize("command", [("gates",), ("run", *EQUATIONS, "--no-isolate")], ids=" ".join)
def test_what_a_target_prints_is_no_part_of_the_report(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "talkative.py").write_text(TALKATIVE, encoding="utf-8")
    name, *options = command
    done = run_program(name, "talkative:BACKEND", *options, folder=tmp_path)
    for words in ("loaded", "asked", "by its number", "by its first name", "in C"):
        assert f"{words}\n" not in done.stdout
        assert f"{words}\n" in done.stderr
    assert done.returncode == PASSED, done.stderr


def test_what_a_target_prints_while_a_case_is_asked_again_is_not_on_stdout(tmp_path: Path) -> None:
    (tmp_path / "talkative.py").write_text(TALKATIVE, encoding="utf-8")
    said("run", "fault:never_forgets", *EQUATIONS, "--out", str(tmp_path))
    (case,) = tmp_path.glob("*.safetensors")
    asked = ("reproduce", str(case), "talkative:BACKEND", "--no-isolate")
    done = run_program(*asked, folder=tmp_path, env={"PYTHONIOENCODING": "ascii"}, encoding="ascii")
    first, *steps, last = done.stdout.splitlines()
    assert first.startswith("CELL-") and last.startswith("holds") and all(" x allowed" in step for step in steps)
    assert "loaded\n" in done.stderr and "in C\n" in done.stderr


FLOODING = """
import os, sys
from dataclasses import replace
from lstm_spec import REFERENCE
text = "x" * 1_000_000
def forward(problem):
    print(text)
    print(text, file=sys.stderr)
    os.write(2, text.encode())
    os.system("head -c 1000000 /dev/zero | tr '\\\\0' x")
    {then}
    return REFERENCE.forward(problem)
BACKEND = replace(REFERENCE, name="flooding", forward=forward, gradients=None)
"""


@pytest.mark.parametrize(
    ("then", "jobs"),
    [("sys.stdout = sys.stderr = None", "1"), ("sys.stderr.close()", "1"), ("os.closerange(0, 3)", "2")],
    ids=["no streams", "closed streams", "closed descriptors"],
)
def test_what_a_target_prints_here_has_an_end_and_the_sentences_are_there(then: str, jobs: str, tmp_path: Path) -> None:
    (tmp_path / "flooding.py").write_text(FLOODING.format(then=then), encoding="utf-8")
    asked = ("run", "flooding:BACKEND", "nump", *EQUATIONS, "--no-isolate", "--jobs", jobs)
    done = run_program(*asked, folder=tmp_path)
    assert SHOWN // 2 < done.stderr.count("x") < 2 * SHOWN
    assert " bytes more that the target printed are left out\n" in done.stderr
    assert "lstm-conform: target 'nump' is not an installed backend" in done.stderr.splitlines()[-1]
    assert done.returncode in (PASSED, 1, UNUSABLE) and "of the equations" not in done.stderr


# ---------------------------------------------------------------- exit statuses


def test_exit_statuses_mean_the_same_everywhere() -> None:
    page, shown = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8"), main.help or ""
    for status, meaning in MEANINGS.items():
        assert f"\n| {status} | {meaning}" in page
        assert f" {status}  {meaning}\n" in shown
