"""After a signal there is a report on what was judged, an exit status that tells the signal, and no process left."""

import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import lstm_conform
from conformance.cli.main import main
from conformance.cli.stop import heed_signals
from conformance.faults.catalogue import FAULTS
from conformance.journal import read_journal
from conformance.report.status import INTERRUPTED, TERMINATED
from conformance.selftest import look
from conformance.selftest.look import Sight
from tests.helpers.program import count_left, run_program, start_program, wait_for

WAITING = """
import time
from dataclasses import replace
from pathlib import Path
from lstm_spec import REFERENCE

calls = iter(range(10**9))

def forward(problem):
    if next(calls) == 30:
        Path("waits").touch()
        while True:
            try:
                time.sleep(600)
            except BaseException:
                Path("heard").touch()
                {then}
    return REFERENCE.forward(problem)

BACKEND = replace(REFERENCE, name="waiting", forward=forward, gradients=None)
"""
ASKED = ("run", "waiting:BACKEND", "numpy", "--profile", "quick", "--json", "report.json")


def make_target(folder: Path, then: str) -> None:
    (folder / "waiting.py").write_text(WAITING.format(then=then), encoding="utf-8")
    (folder / "report.json").write_text('{"an old report": "that is green"}', encoding="utf-8")


SIGNALS = {  # how it is judged, the signal, and what the target does with an exception
    "in this process": (("--no-isolate",), signal.SIGINT, "raise"),
    "in this process, and it swallows the exception": (("--no-isolate",), signal.SIGTERM, "break"),
    "in another process": (("--isolate",), signal.SIGTERM, "raise"),
    "in many processes": (("--isolate", "--jobs", "2"), signal.SIGINT, "raise"),
}


@pytest.mark.parametrize("case", SIGNALS.values(), ids=SIGNALS)
def test_a_signal_leaves_a_report_on_what_was_judged(
    case: tuple[tuple[str, ...], signal.Signals, str], tmp_path: Path
) -> None:
    how, number, then = case
    status, word = (INTERRUPTED, "interrupted") if number == signal.SIGINT else (TERMINATED, "terminated")
    make_target(tmp_path, then)
    mark = uuid.uuid4().hex
    with start_program(*ASKED, *how, folder=tmp_path, env={"MARK": mark}) as process:
        wait_for((tmp_path / "waits").exists, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    assert "Traceback" not in err
    report, journal = json.loads((tmp_path / "report.json").read_text()), tmp_path / ".lstm-conform" / "journal.jsonl"
    (target,) = report["targets"]
    count = len(target["verdicts"])
    assert report["exit_status"] == target["exit_status"] == status
    assert target["statement"].startswith(f"{word} after {count} of ") and target["statement"] in out
    assert report["unavailable"] == [{"name": "numpy", "reason": f"numpy is not judged: {word}"}]
    assert err.splitlines()[-1] == "lstm-conform: the verdicts are in .lstm-conform/journal.jsonl, one a line"
    about, *judged = read_journal(journal)
    assert about["target"] == "waiting:BACKEND" and about["planned"] > count == len(judged)
    assert {v["property"] for v in judged} == {v["property"] for v in target["verdicts"]}
    assert count_left(mark) == 0


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    make_target(tmp_path, "continue")
    with start_program(*ASKED, "--no-isolate", folder=tmp_path) as process:
        wait_for((tmp_path / "waits").exists, process)
        process.send_signal(signal.SIGINT)
        wait_for((tmp_path / "heard").exists, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED and "Traceback" not in err


def test_what_was_judged_before_a_kill_can_be_read_and_no_old_report_is_there(tmp_path: Path) -> None:
    make_target(tmp_path, "raise")
    with start_program(*ASKED, "--no-isolate", folder=tmp_path) as process:
        wait_for((tmp_path / "waits").exists, process)
        about, *judged = read_journal(tmp_path / ".lstm-conform" / "journal.jsonl")
        process.kill()
    assert not (tmp_path / "report.json").exists()
    assert read_journal(tmp_path / ".lstm-conform" / "journal.jsonl") == [about, *judged]
    assert about["options"]["profile"] == "quick" and about["suite"] and about["options"]["run_seed"] == 0
    assert judged and {v["outcome"] for v in judged} == {"holds"}


def test_an_interrupt_before_the_first_verdict_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text("open('waits', 'w')\nimport time\ntime.sleep(600)", encoding="utf-8")
    with start_program(*ASKED, "--isolate", folder=tmp_path) as process:
        wait_for((tmp_path / "waits").exists, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert err.startswith("lstm-conform: waiting:BACKEND is not judged: interrupted\n") and "Traceback" not in err


def test_an_interrupt_that_nobody_sent_is_a_verdict_and_the_others_stand(tmp_path: Path) -> None:
    hostile = [f"tests.helpers.hostile:{when}.interrupted" for when in ("when_asked", "when_made")]
    options = ("--no-isolate", "--profile", "quick", "-k", "of the equations", "--out", str(tmp_path))
    done = CliRunner().invoke(main, ["run", *hostile, "numpy", *options, "--json", str(tmp_path / "r.json")])
    report = json.loads((tmp_path / "r.json").read_text())
    assert [target["exit_status"] for target in report["targets"]] == [1, 0] and done.exit_code == 1
    details = [verdict["detail"] for verdict in report["targets"][0]["verdicts"]]
    assert [detail for detail in details if "claim" not in detail] == ["it raised KeyboardInterrupt: (no message)"] * 4
    (reason,) = [target["reason"] for target in report["unavailable"]]
    assert "making the backend raised KeyboardInterrupt: (no message)" in reason


def test_an_end_of_the_process_as_if_all_were_well_is_a_verdict_and_the_others_stand(tmp_path: Path) -> None:
    targets = [f"tests.helpers.plugged:{name}" for name in ("dies_when_made", "DIES", "RIGHT")]
    done = run_program(
        "run", *targets, "--no-isolate", "--profile", "quick", "-k", "hidden state never", folder=tmp_path
    )
    assert done.returncode == 1 and "does not conform: 1 of 1 verdicts" in done.stdout
    assert "holds on this selection" in done.stdout and "dies_when_made': making the backend raised" in done.stderr


@pytest.mark.parametrize("end", ["lambda: os._exit(0)", "os._exit, 0"])
def test_an_end_of_python_as_if_all_were_well_changes_no_exit_status(end: str, tmp_path: Path) -> None:
    source = f"import atexit, os\nfrom tests.helpers.plugged import WRONG\natexit.register({end})\n"
    (tmp_path / "ending.py").write_text(source, encoding="utf-8")
    options = ("--no-isolate", "--profile", "quick", "-k", "shut input gate", "--quiet")
    with start_program("run", "ending:WRONG", *options, folder=tmp_path) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1 and "does not conform" in out
    assert "os._exit, which would have ended the process of the judge" in err


def test_an_interrupt_that_a_target_has_heard_by_another_handler_is_the_users() -> None:
    with heed_signals() as stop:
        assert not stop.may_interrupt()
        former = signal.signal(signal.SIGINT, signal.default_int_handler)
        assert stop.may_interrupt()
        signal.signal(signal.SIGINT, former)
        signal.raise_signal(signal.SIGINT)
        assert stop.may_interrupt()


def test_an_interrupt_before_the_command_has_begun_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(lstm_conform, "trouble", interrupt)
    with pytest.raises(SystemExit) as ended:
        lstm_conform.main()
    assert ended.value.code == INTERRUPTED and capsys.readouterr() == ("", "lstm-conform: interrupted\n")


@pytest.mark.parametrize("count", [0, 1])
def test_an_interrupted_selftest_shows_what_it_saw(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge_faults(dtype: str, profile: str, compiles: bool) -> Iterator[Sight]:
        for k in range(count):
            yield Sight(f"is_missed_{k}", "one", dtype, "", 1.0, 3.0, True)
        raise KeyboardInterrupt

    monkeypatch.setattr(look, "judge_faults", judge_faults)
    done = CliRunner().invoke(main, ["selftest"])
    assert done.exit_code == INTERRUPTED
    assert done.stderr == f"lstm-conform: interrupted after {count} of {len(FAULTS)} known faults\n"
    assert ("missed  is_missed_0" in done.stdout) == bool(count)
