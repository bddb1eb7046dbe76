"""With pytest, green says that every selected property was judged, whatever a target, a plugin or a process does."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from tests.helpers.few_properties import HOLDS, NOT_CLAIMED, REFUTED
from tests.helpers.root import ROOT

NOT_OURS = ("PY", "FORCE_COLOR", "CI")  # with CI pytest shows each failure's whole text a second time, in its summary
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
HERE = "--lstm-no-isolate"
MISCHIEF = ("-p", "tests.helpers.plugged", HERE)
TWO = ("-n", "2", "--dist", "worksteal")
EACH = ("--dist", "each", "--tx", "2*popen")


class Ran(NamedTuple):
    """What pytest left."""

    status: int
    text: str

    def find_statement(self, target: str) -> str:
        """What the last section says of a target."""
        (found,) = re.findall(rf"^tests.helpers.plugged:{target}: (.*)$", self.text, re.MULTILINE)
        return str(found)

    def find_wholes(self) -> list[str]:
        """The targets whose whole failed."""
        return re.findall(r"^FAILED .*::the_whole.*:(\w+)\]", self.text, re.MULTILINE)


def run_pytest(folder: Path, targets: str, *arguments: str) -> Ran:
    asked = [word for target in targets.split() for word in ("--lstm", f"tests.helpers.plugged:{target}")]
    few = ("-p", "tests.helpers.few_properties", "-W", "ignore", "--pyargs", "conformance")
    command = [sys.executable, "-m", "pytest", *few, *asked, *arguments]
    environment = {**CLEAN, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return Ran(done.returncode, done.stdout + done.stderr)


# ---------------------------------------------------------------- what a target does


ENDING = ("SKIPS", "XFAILS", "EXITS", "RAISES_SKIP_TEST")


def test_a_target_that_ends_its_own_tests_fails(tmp_path: Path) -> None:
    strict = ("-W", "error", "-W", "ignore::pytest.PytestWarning")
    ran = run_pytest(tmp_path, " ".join([*ENDING, "warns_when_made"]), HERE, *TWO, *strict)
    assert ran.status == 1 and ran.find_wholes() == [*ENDING]
    assert ran.find_statement("warns_when_made").startswith("no fault found by quick (forward only)")


def test_a_verdict_that_one_of_several_processes_owes_is_lost(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, "SKIPPED_IN_ONE RIGHT", *MISCHIEF, *EACH)
    assert ran.status == 1 and ran.find_wholes() == ["SKIPPED_IN_ONE"]
    assert ran.find_statement("SKIPPED_IN_ONE").startswith("1 of 4 tests left no verdict")


def test_a_crash_and_a_hang_are_verdicts(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, "DIES HANGS", "--lstm-timeout", "0.5", "-k", REFUTED, "--lstm-out", "kept", *TWO)
    assert ran.status == 1 and "4 failed" in ran.text
    assert "it crashed (exit status 0); the question is in kept/crash-" in ran.text
    assert "it did not answer within 0.5 s; the question is in kept/crash-" in ran.text
    assert [ran.find_statement(name) for name in ("DIES", "HANGS")] == [
        "does not conform: 1 of 1 verdicts are against it"
    ] * 2


def test_a_process_that_ends_is_no_success(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, "ABORTS", HERE, *TWO, "--max-worker-restart", "0")
    assert ran.status not in (0, 5)
    assert "tests left no verdict" in ran.find_statement("ABORTS")


UNMADE = ("dies_when_made", "exits_when_made", "ends_later", "CLAIMS_NO_DTYPE")


@pytest.mark.parametrize("processes", [(), TWO], ids=" ".join)
def test_a_target_that_cannot_be_made_or_would_end_pytest_costs_no_other_its_verdicts(
    processes: tuple[str, ...], tmp_path: Path
) -> None:
    ran = run_pytest(tmp_path, " ".join([*UNMADE, "DIES", "REPLACES_ITSELF", "RIGHT"]), HERE, *processes)
    assert ran.status == 1 and ran.find_wholes() == [*UNMADE, "DIES", "REPLACES_ITSELF"]
    assert "raised SystemExit: os._exit, which would have ended the process of the judge" in ran.text
    assert ran.find_statement("RIGHT").startswith("no fault found by quick (forward only)")


def test_a_target_that_cannot_be_made_in_one_process_is_no_success(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, "made_in_the_main_process_only RIGHT", HERE, *TWO)
    assert ran.status not in (0, 5)
    assert "there is no GPU here" in ran.text
    assert ran.find_statement("RIGHT").startswith("no fault found by quick (forward only)")


# ---------------------------------------------------------------- what other plugins do


def test_what_hides_a_failure_hides_no_verdict(tmp_path: Path) -> None:
    hidden = ("MARKED_SKIP", "MARKED_XFAIL", "UNCALLED", "REWRITTEN", "RERUN")
    ran = run_pytest(tmp_path, " ".join([*hidden, "RIGHT"]), *MISCHIEF, "--junitxml", "junit.xml")
    assert ran.status == 1 and ran.find_statement("RIGHT").startswith("no fault found by quick (forward only)")
    assert len(re.findall(r"^FAILED ", ran.text, re.MULTILINE)) == len(hidden), ran.text  # the wholes, and nothing else
    lost = "tests left no verdict, though nothing deselected them"
    skipped = f"1 of 4 {lost} (skipped: Skipped: marked): {HOLDS} at float32; nothing is said about it"
    assert ran.find_statement("MARKED_SKIP") == skipped
    assert ran.find_statement("UNCALLED").startswith(f"4 of 4 {lost} (passed): a_")
    for name in ("MARKED_XFAIL", "REWRITTEN", "RERUN"):
        assert ran.find_statement(name).startswith("does not conform: 1 of 4 verdicts are against it"), name
    cases = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    assert {case.get("name") for case in cases if case.find("failure") is not None} == {
        f"the_whole[tests.helpers.plugged:{name}]" for name in hidden
    }


@pytest.mark.parametrize("hook", ["runtest_setup(item)", "collection_finish(session)", "sessionfinish(session)"])
def test_a_plugin_that_ends_pytest_as_if_all_were_well_does_not_succeed(hook: str, tmp_path: Path) -> None:
    (tmp_path / "ending.py").write_text(
        f"import pytest\ndef pytest_{hook}:\n    pytest.exit('enough', returncode=0)\n", encoding="utf-8"
    )
    ran = run_pytest(tmp_path, "WRONG" if "finish(session)" in hook else "RIGHT", HERE, "-p", "ending")
    assert ran.status != 0, ran.text


def test_a_mistake_of_ours_at_one_target_costs_no_other_its_whole(tmp_path: Path) -> None:
    (tmp_path / "mistaken.py").write_text(
        "from conformance.plugin import gathering\n"
        "conclude = gathering.conclude_whole\n"
        "def fail(target, *rest):\n"
        "    return conclude(target, *rest) if 'WRONG' in target else 1 / 0\n"
        "gathering.conclude_whole = fail\n",
        encoding="utf-8",
    )
    ran = run_pytest(tmp_path, "RIGHT WRONG", HERE, "-p", "mistaken")
    assert ran.status == 1 and ran.find_wholes() == ["RIGHT", "WRONG"]
    assert "plugged:RIGHT: suite error, please report it: ZeroDivisionError: division by zero\n" in ran.text
    assert ran.find_statement("WRONG").startswith("does not conform: 1 of 4")


# ---------------------------------------------------------------- what is left out on purpose


def test_what_is_deselected_is_not_lost(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, "WRONG", HERE, "-k", HOLDS, *TWO)
    assert (ran.status, ran.find_statement("WRONG")) == (0, "holds on this selection; nothing is said about the rest")


@pytest.mark.parametrize("processes", [(), TWO], ids=" ".join)
def test_a_selection_that_judges_nothing_is_no_success(processes: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = -k {NOT_CLAIMED}\n", encoding="utf-8")
    ran = run_pytest(tmp_path, "RIGHT", HERE, *processes)
    assert (ran.status, ran.find_statement("RIGHT")) == (1, "no statement: the options left nothing to test")


@pytest.mark.parametrize("processes", [(), TWO], ids=" ".join)
def test_a_selection_of_nothing_is_refused(processes: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "test_properties.py").write_text("def test_theirs():\n    pass\n", encoding="utf-8")
    ran = run_pytest(tmp_path, "RIGHT", HERE, *processes, "test_properties.py", "-k", "theirs")
    assert ran.status == 4
    assert "ERROR: --lstm judged nothing, because none of our tests is left; ask for them (" in ran.text


def test_a_target_that_is_asked_nothing_is_refused(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, "CLAIMS_NO_DTYPE", HERE)
    assert (ran.status, "CLAIMS_NO_DTYPE: does not conform: it claims no dtype" in ran.text) == (4, True)


@pytest.mark.parametrize("processes", [(), ("-n", "1", "--maxschedchunk", "1")], ids=" ".join)
def test_a_run_that_stops_at_a_failure_shows_its_cause_and_says_that_it_stopped(
    processes: tuple[str, ...], tmp_path: Path
) -> None:
    ran = run_pytest(tmp_path, "WRONG", HERE, "-x", "-v", *processes)
    assert ran.status in (1, 2)
    assert "likely cause      The weights of f, i, g, o are used for i, f, g, o" in ran.text
    assert "left no verdict, because pytest stopped early; does not conform: 1 of " in ran.find_statement("WRONG")


@pytest.mark.parametrize("listing", ["--collect-only", "--fixtures"])
def test_what_runs_no_test_needs_no_verdict(listing: str, tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, "WRONG", HERE, listing)
    assert ran.status == 0 and "conform:" not in ran.text and "ended early" not in ran.text


# ---------------------------------------------------------------- what is shown


def test_a_failure_shows_what_the_command_line_shows(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, "WRONG", HERE, *TWO)
    assert re.search(
        "^REFUTED  CELL-1 CELL-5  a shut input gate adds nothing      wrong .*float32", ran.text, re.MULTILINE
    )
    shown = r"""  first difference  batch 0, unit 0, output c_T .*
    expected 0   allowed .*   got .*
  smallest found    T = 1, .*
(?:  likely cause .*
)?  reproduce         lstm-conform reproduce (\.lstm-conform/gate-ranges-\w+\.safetensors) tests.helpers.plugged:WRONG
"""
    *in_the_tests, in_the_whole = re.findall(shown, ran.text)  # other refutations may look the same
    assert in_the_whole in in_the_tests and (tmp_path / in_the_whole).exists()
    assert ran.text.count("  likely cause      The weights of f, i, g, o are used for i, f, g, o") == 1


def test_a_refuted_should_is_a_warning_and_fails_only_if_warnings_do(tmp_path: Path) -> None:
    for filters, status in (((), 0), (("-W", "error"), 1)):
        ran = run_pytest(tmp_path, "CHECKS_NO_SHAPES WARNS", HERE, *filters, "-W", "ignore::pytest.PytestWarning")
        assert ran.status == status, ran.text
        assert ran.find_statement("WARNS").startswith("no fault found by quick (forward only); ")  # as without pytest
        assert ran.find_statement("CHECKS_NO_SHAPES").startswith(
            "no fault found by quick (forward only) with 1 warning"
        )
        assert "def _warn(" not in ran.text  # as a traceback shows it


def test_a_folder_that_cannot_be_written_is_said_and_the_verdict_stands(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = run_pytest(tmp_path, "WRONG", HERE, "--lstm-out", "file", "-k", REFUTED, "-p", "no:cacheprovider")
    assert ran.status == 1 and "no case was written, because file cannot be written (" in ran.text
    assert ran.find_statement("WRONG") == "does not conform: 1 of 1 verdicts are against it"


def test_a_declared_deviation_is_an_expected_failure_for_as_long_as_its_witness_shows_it(tmp_path: Path) -> None:
    run_pytest(tmp_path, "WRONG", HERE, "-k", REFUTED)
    (case,) = (tmp_path / ".lstm-conform").glob("*.safetensors")
    witness = case.rename(tmp_path / "witness.safetensors")
    declared = {"clause": "CELL-1", "reason": "why", "issue": "https://example.org", "kind": "refuted"}
    entry = "".join(f'{name} = "{value}"\n' for name, value in {**declared, "witness": witness.name}.items())
    (tmp_path / "known.toml").write_text(f"[[deviation]]\n{entry}", encoding="utf-8")
    given = (HERE, "-k", REFUTED, "--lstm-deviations", "known.toml")
    ran = run_pytest(tmp_path, "WRONG", *given)
    assert ran.status == 0 and "1 xfailed" in ran.text
    assert "with 1 declared deviation (CELL-1: https://example.org)" in ran.find_statement("WRONG")
    witness.unlink()
    assert run_pytest(tmp_path, "WRONG", *given, "-p", "no:terminal") == (1, "")
