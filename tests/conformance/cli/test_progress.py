"""Without a terminal there is a line of progress now and then, on stderr alone; on a terminal there is a bar."""

import os
import pty
import re
import time
from collections.abc import Iterator
from threading import Event

import pytest
from click.testing import CliRunner

from conformance.cli import progress
from conformance.cli.main import main
from conformance.cli.progress import show_progress
from conformance.selftest import look
from conformance.selftest.look import Sight
from tests.helpers.messages import EQUATIONS

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.001)


def wait_for_line(capsys: pytest.CaptureFixture[str], pattern: str) -> None:
    """Wait until a line like that is printed on stderr."""
    text, deadline = "", time.monotonic() + 60
    while not re.search(pattern, text):
        assert time.monotonic() < deadline, text[-1000:]
        time.sleep(0.01)
        printed = capsys.readouterr()
        assert not printed.out
        text += printed.err


@pytest.mark.usefixtures("often")
def test_a_line_says_how_far_it_is_and_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("mine", "verdicts", 118, quiet=False) as advance:
        wait_for_line(capsys, r"^lstm-conform: mine: 0 of 118 verdicts in \d+ s, none failed\n")
        for failed in ("", "CELL-1", "", "SEQ-1", "CELL-1"):
            advance("float32", failed)
        wait_for_line(capsys, r"\nlstm-conform: mine: 5 of 118 verdicts in \d+ s, 3 failed \(CELL-1, SEQ-1\)\n")
        for number in range(20):
            advance("float32", f"GRAD-{number}")
        wait_for_line(capsys, r", 23 failed \(CELL-1, SEQ-1, GRAD-0, GRAD-1, GRAD-2, …\)\n")
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("quiet", [(), ("--quiet",)], ids=["", "quiet"])
def test_a_run_prints_progress_on_stderr_unless_it_is_to_be_quiet(quiet: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["run", "numpy", *EQUATIONS, *quiet])
    assert done.exit_code == 0
    line = re.compile(r"^lstm-conform: numpy: 0 of 1 verdicts in \d+ s, none failed$", re.MULTILINE)
    assert not line.search(done.stdout) and bool(line.search(done.stderr)) == (not quiet)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("quiet", [(), ("-q",)], ids=["", "quiet"])
def test_the_selftest_prints_progress(quiet: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    lines, printed = list[str](), Event()

    def complain(line: str) -> None:
        lines.append(line)
        if " 1 of 2 " in line:
            printed.set()

    def judge_faults(dtype: str, profile: str, compiles: bool) -> Iterator[Sight]:
        yield Sight("is_missed", "one", dtype, "", 1.0, 3.0, True)
        assert quiet or printed.wait(60)
        yield Sight("is_seen", "one", dtype, "a property", 1.0, 3.0, True)

    monkeypatch.setattr(progress, "complain", complain)
    monkeypatch.setattr(look, "judge_faults", judge_faults)
    monkeypatch.setattr("conformance.faults.catalogue.FAULTS", {"is_missed": None, "is_seen": None})
    done = CliRunner().invoke(main, ["selftest", *quiet])
    assert done.exit_code == 4 and "missed  is_missed" in done.stdout
    assert bool(lines) == (not quiet)
    assert quiet or re.fullmatch(r"selftest: 1 of 2 known faults in \d+ s, 1 failed \(is_missed\)", lines[-1])


def test_a_terminal_shows_a_bar_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with show_progress("mine", "verdicts", 118, quiet=False) as advance:
            advance("float32", "CELL-1")
        shown = ""
        while "1/118" not in shown:
            shown += os.read(ours, 10_000).decode(errors="replace")
    os.close(ours)
    assert "━" in shown and "failed" not in shown
