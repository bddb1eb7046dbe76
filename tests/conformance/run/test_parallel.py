"""Several processes judge as one does."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conformance.arrays import fingerprint
from conformance.cli import judging, lending
from conformance.cli.main import main
from conformance.property import PROPERTIES, find_property
from conformance.report.report import Report
from conformance.run import parallel
from conformance.run.check import check
from conformance.run.options import Options
from conformance.run.parallel import choose_process_count, start_processes
from conformance.targets.lending import Loan, lend_backend
from conformance.targets.resolve import resolve
from tests.helpers.program import DEADLINE, start_program

TARGETS = ("numpy", "fault:swaps_input_and_forget_gates", "fault:leaves_out_the_gradient_of_the_initial_hidden_state")
SOME = ("SEQ-*", "CELL-2", "SHAPE-2", "CONTRACT-2", "GRAD-3")


def judged(target: str, jobs: int, **options: object) -> Report:
    backend, lend = resolve(target), partial(lend_backend, Loan(target, isolate=False))
    how: Any = {"profile": "quick", "examples": 5, "clauses": SOME, **options}
    with start_processes(jobs, lend) as judging:
        return check(backend, judging=judging if jobs > 1 else None, **how)


def said(report: Report) -> list[tuple[object, ...]]:
    """Everything but the seconds, to the bits of the examples."""
    return [
        (
            v.property.name,
            v.dtype,
            v.outcome,
            v.detail,
            v.examples,
            v.inconclusive,
            v.refutation and (v.refutation.clause, v.refutation.difference, fingerprint(v.refutation.problem)),
            v.error and fingerprint(v.error.problem),
        )
        for v in report.verdicts
    ]


@pytest.mark.parametrize("target", TARGETS)
def test_the_verdicts_are_those_of_one_process(target: str) -> None:
    one, two = (judged(target, jobs, shrink=False, diagnose=False) for jobs in (1, 2))
    assert said(one) == said(two) and one.status == two.status
    assert bool(one.failures) == target.startswith("fault:")


def test_it_stops_after_so_many_failures() -> None:
    report = judged("fault:swaps_input_and_forget_gates", 2, maxfail=1)
    assert len(report.failures) == 1 and not report.findings.request.is_whole


def test_there_are_no_more_processes_than_cores_or_than_have_enough_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(4)), raising=False)
    assert [choose_process_count(n) for n in (1, 79, 80, 130, 384)] == [1, 1, 2, 3, 4]
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    assert choose_process_count(384) == parallel.MOST


def test_a_property_goes_to_another_process_by_its_name() -> None:
    assert all(find_property(prop.name) is prop for prop in PROPERTIES)
    with pytest.raises(KeyError):
        find_property("nothing")


DYING = """
import os
from dataclasses import replace
from lstm_spec import REFERENCE
BACKEND = replace(REFERENCE, name="dying", forward=lambda problem: os.abort())
"""


def test_a_process_that_dies_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dying_lstm.py").write_text(DYING, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    asked = ["run", "dying_lstm:BACKEND", "--no-isolate", "--jobs", "2", "--profile", "quick", "--out", str(tmp_path)]
    found = CliRunner().invoke(main, asked)
    assert found.exit_code == 4 and "a process that judged died" in found.output and "--isolate" in found.output


def test_processes_that_judge_end_their_targets_without_a_word(tmp_path: Path) -> None:
    asked = ("run", "numpy", "--isolate", "--jobs", "2", "--profile", "quick", "-k", "equations", "--examples", "1")
    with start_program(*asked, "--quiet", folder=tmp_path) as process:
        output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0 and "holds" in output
    assert errors == ""


def test_what_is_counted_in_one_process_is_not_asked_of_several() -> None:
    found = CliRunner().invoke(main, ["run", "numpy", "--rigorous", "--jobs", "2"])
    assert found.exit_code == 2 and "--rigorous" in found.output and "drop --jobs" in found.output


ONCE = """
import fcntl
from dataclasses import replace
from lstm_spec import REFERENCE, BackendUnavailable
held = open("lock", "w")
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    raise BackendUnavailable("somebody else has the device")
BACKEND = replace(REFERENCE, name="once")
"""


def test_a_target_that_can_be_made_once_only_is_judged_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "once_lstm.py").write_text(ONCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(judging, "choose_job_count", lambda *given: 2)
    found = CliRunner().invoke(main, ["run", "once_lstm.py:BACKEND", "--profile", "quick", "--clause", "SHAPE-1"])
    assert found.exit_code == 0, found.output
    assert "Traceback" not in capfd.readouterr().err


def test_somebody_elses_target_is_judged_in_as_many_processes_as_there_is_memory_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(4)), raising=False)
    backend, options = resolve("numpy"), Options("standard")
    for free, isolate, expected in ((9, None, 4), (5, None, 2), (1, None, 1), (9, False, 1)):
        monkeypatch.setattr(lending, "_measure_free_memory", lambda free=free: free << 30)
        assert lending.choose_job_count(Loan("mine.py", isolate=isolate), backend, options) == expected
    assert lending.choose_job_count(Loan("numpy"), backend, options) == 4
