"""What one target, one file or our own mistake costs: itself, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from junitparser import JUnitXml

from conformance.cli.main import main
from conformance.property import Property
from conformance.report import json as json_report
from conformance.report import text
from conformance.report.report import Report
from conformance.report.status import FAILED, PASSED, SUITE_ERROR, UNWRITTEN, WRONG_OPTION
from conformance.run import check, selection
from conformance.run.judge import judge_pair
from conformance.run.options import Options
from conformance.verdict import Verdict
from lstm_spec import Backend
from tests.helpers.messages import EQUATIONS
from tests.helpers.specimens import target

pytestmark = pytest.mark.usefixtures("elsewhere")
WRONG = target("returns_nan")


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(main, ["run", *arguments, *EQUATIONS])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def read(file: str) -> Any:
    return json.loads(Path(file).read_text(encoding="utf-8"))


# ---------------------------------------------------------------- our own mistakes


def test_our_mistake_loses_no_verdict_before_it(monkeypatch: pytest.MonkeyPatch) -> None:

    def fail(pair: tuple[Property, str], backend: Backend, *more: Any) -> Verdict:
        if pair[1] == "float64" and backend.name == "returns_nan":
            raise RecursionError("too \x1b[31mdeep")
        return judge_pair(pair, backend, *more)

    monkeypatch.setattr(check, "judge_pair", fail)
    both = ("--dtype", "float32", "--dtype", "float64", "--no-isolate")
    done = run("numpy", WRONG, target("plain"), *both, "--json", "r.json", "--junit", "r.xml")
    assert done.exit_code == FAILED
    written = read("r.json")
    assert [t["exit_status"] for t in written["targets"]] == [PASSED, FAILED, PASSED]
    assert [len(t["verdicts"]) for t in written["targets"]] == [2, 1, 2]
    statement = written["targets"][1]["statement"]
    assert statement.startswith("suite error, please report it (RecursionError at conformance/run/check.py:")
    assert r": too \x1b[31mdeep): ended after 1 of 2 verdicts, 1 of them against it" in statement
    assert "REFUTED  CELL-1" in done.stdout and statement in done.stdout
    assert len(list(JUnitXml.fromfile("r.xml"))) == 6
    assert "the verdicts are in .lstm-conform/journal.jsonl" in done.stderr and "Traceback" not in done.output


def test_our_mistake_before_the_first_verdict_loses_that_target_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = selection.plan_verdicts

    def fail(backend: Backend, options: Options) -> list[tuple[Property, str]]:
        if backend.name == "raises":
            raise ValueError
        return plan(backend, options)

    monkeypatch.setattr(selection, "plan_verdicts", fail)
    done = run("numpy", target("raises"), target("plain"), "--no-isolate", "--json", "r.json", "--junit", "r.xml")
    assert done.exit_code == SUITE_ERROR
    (lost,) = read("r.json")["unavailable"]
    assert lost["name"] == target("raises") and "no report on" in lost["reason"]
    assert "ValueError at tests" not in lost["reason"] and "ValueError at conformance/cli/judging.py:" in lost["reason"]
    assert [t["exit_status"] for t in read("r.json")["targets"]] == [PASSED, PASSED]
    assert len(list(JUnitXml.fromfile("r.xml"))) == 3 and lost["reason"] in done.stderr


def test_our_mistake_in_one_report_costs_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise KeyError("clause")

    monkeypatch.setattr(json_report, "as_json", fail)
    monkeypatch.setattr(text, "_make_table", fail)
    done = run("numpy", "--json", "r.json", "--junit", "r.xml")
    assert done.exit_code == SUITE_ERROR
    assert "no report for --json: KeyError at " in done.stderr and not Path("r.json").exists()
    assert "no report on numpy: KeyError at conformance/report/text.py:" in done.stderr
    assert "holds" in done.stdout and len(list(JUnitXml.fromfile("r.xml"))) == 2


def test_a_traceback_is_shown_to_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise KeyError("clause")

    monkeypatch.setattr(json_report, "as_json", fail)
    for wanted in ("", "1"):
        monkeypatch.setenv("LSTM_CONFORM_TRACEBACK", wanted)
        assert ("Traceback" in run("numpy", "--json", "r.json").stderr) == bool(wanted)


# ---------------------------------------------------------------- stdout is a file, too


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/proc/self/fd/1"])
def test_json_on_stdout_is_alone_there(name: str) -> None:
    done = run("numpy", WRONG, "--json", name)
    assert done.exit_code == FAILED
    assert [t["name"] for t in json.loads(done.stdout)["targets"]] == ["numpy", "returns_nan"]
    assert "REFUTED  CELL-1" in done.stderr


def test_junit_on_stdout_is_alone_there() -> None:
    done = run("numpy", "--json", "r.json", "--junit", "-")
    assert len(list(JUnitXml.fromstring(done.stdout_bytes))) == len(read("r.json")["targets"]) == 1
    assert "holds on this selection" in done.stderr


@pytest.mark.parametrize("names", [("-", "-"), ("-", "/dev/stdout"), ("same", "same")], ids=" ".join)
def test_two_reports_in_one_place_are_refused(names: tuple[str, str]) -> None:
    done = run("numpy", "--json", names[0], "--junit", names[1])
    assert done.exit_code == WRONG_OPTION
    assert "two reports cannot be written to the same place" in done.stderr


# ---------------------------------------------------------------- files that cannot be written


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_has_an_exit_status_and_leaves_no_half_of_a_file() -> None:
    Path("r.json").write_text('{"an": "old one"}', encoding="utf-8")
    done = run("numpy", "--json", "r.json", "--junit", "r.xml")
    assert done.exit_code == UNWRITTEN
    assert "lstm-conform: r.json cannot be written (File too large), so there is no report for --json\n" in done.stderr
    assert "holds on this selection" in done.stdout
    assert [path.name for path in Path().iterdir() if path.is_file()] == ["r.xml"]


def test_a_folder_that_vanished_has_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def vanish(report: Report, *how: Any) -> Any:
        Path("reports/r.json").unlink(missing_ok=True)
        Path("reports").rmdir()

    Path("reports").mkdir()
    monkeypatch.setattr(text, "print_statement", vanish)
    done = run(WRONG, "--json", "reports/r.json")
    assert done.exit_code == UNWRITTEN
    assert "reports/r.json cannot be written (No such file or directory), so there is no report" in done.stderr
    assert "the verdicts are in .lstm-conform/journal.jsonl" in done.stderr


def test_an_old_report_is_gone_as_soon_as_a_new_run_begins() -> None:
    for number, wrong in enumerate([("--clause", "NOPE-1"), ("--rigorous", "--jobs", "2"), ("--require", "speed")]):
        file = Path(f"{number}.json")
        file.write_text("{" if file.suffix == ".json" else "<?xml", encoding="utf-8")
        assert run("numpy", "--json", str(file), *wrong).exit_code == WRONG_OPTION
        assert not file.exists()


def test_a_run_without_failures_leaves_nothing_behind() -> None:
    assert run("numpy").exit_code == PASSED
    assert not list(Path().iterdir())
