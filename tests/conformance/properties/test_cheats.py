"""That nobody becomes green by claiming little, by being generous to himself, or by differentiating something else."""

import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest

from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.report.report import Report
from conformance.report.rules import list_uncovered
from conformance.report.status import FAILED, PASSED
from conformance.run.check import check
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from tests.helpers import specimens
from tests.helpers.examples import ask_little
from tests.helpers.root import ROOT
from tests.helpers.specimens import said, target

WHOLE = ("--profile", "quick", "--examples", "2")
SHAPES = ("--profile", "quick", "--examples", "3", "--clause", "SHAPE-1")


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_little(monkeypatch)


@cache
def whole(name: str) -> Report:
    return check(getattr(specimens, name), profile="quick", examples=2)


# ---------------------------------------------------------------- generous to himself


def test_an_error_model_of_ones_own_is_not_a_conformance_statement() -> None:
    status, text = said("run", target("measures_itself"), *SHAPES)
    assert status == FAILED
    assert "measured at an error model of its own (float32): not a conformance statement" in text


def test_an_error_model_of_ones_own_may_be_accepted_but_stays_no_statement() -> None:
    status, text = said("run", target("measures_itself"), *SHAPES, "--accept-declared")
    assert status == PASSED
    assert "not a conformance statement" in text and "conforms to" not in text


def test_a_whole_run_at_an_error_model_of_ones_own_says_so() -> None:
    report = whole("measures_itself_generously")
    assert report.failures == [] and list_uncovered(report.findings) == []
    assert report.status == FAILED
    assert report.statement.startswith("measured at an error model of its own (float32): not a conformance statement")


def test_accepting_an_error_model_accepts_no_refutation() -> None:
    status, _ = said("run", target("swaps_input_and_forget_gates"), *WHOLE, "--clause", "CELL-5", "--accept-declared")
    assert status == FAILED


def test_a_model_in_which_anything_goes_does_not_hang_the_judge() -> None:
    command = "from conformance.cli.main import main; main()"
    arguments = ("run", target("measures_itself"), "--profile", "quick", "--examples", "2", "--clause", "NET-1")
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == FAILED
    assert "not a conformance statement" in done.stdout


# ---------------------------------------------------------------- claiming little


def test_claiming_no_dtype_does_not_conform() -> None:
    status, text = said("run", target("claims_no_dtype"), *WHOLE)
    assert status == FAILED
    assert "does not conform: it claims no dtype, so nothing was asked; claim one of float32, float64" in text


def test_claiming_float16_alone_conforms_there_alone() -> None:
    status, text = said("run", target("claims_float16_only"), *WHOLE)
    assert status == PASSED
    assert "no fault found" in text and "float16" in text and "float32" not in text


def test_claiming_nothing_does_not_conform() -> None:
    status, text = said("run", target("claims_nothing"), *WHOLE)
    assert status == FAILED
    assert "does not conform: not claimed, or never conclusive: CELL-1" in text
    assert "its shapes make the smallest question T = 1,048,577, B = 1," in text and "are judged at most" in text


def test_claiming_nothing_does_not_conform_with_maxfail_either() -> None:
    assert said("run", target("claims_nothing"), *WHOLE, "--maxfail", "1").status == FAILED


def test_forward_only_conforms_and_says_so() -> None:
    report = whole("forward_only")
    assert report.status == PASSED
    assert "(forward only)" in report.statement
    assert {v.outcome for v in report.verdicts} == {Outcome.HOLDS, Outcome.NOT_CLAIMED}


# ---------------------------------------------------------------- differentiating something else


def test_a_gradient_pass_of_another_forward_is_refuted() -> None:
    (prop,) = (prop for prop in PROPERTIES if prop.name == "the_pass_that_is_differentiated_is_the_same_lstm")
    verdict = judge_property(prop, specimens.differentiates_another_lstm, "float32", PROFILES["quick"])
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.property.clauses == ("GRAD-8",)


def test_the_forward_pass_beside_it_is_right() -> None:
    report = check(specimens.differentiates_another_lstm, profile="quick", examples=3, clauses=("CELL-*",))
    assert report.status == PASSED


# ---------------------------------------------------------------- a weaker grade


def test_a_logistic_function_by_tanh_is_refuted_where_no_grade_is_named() -> None:
    report = check(specimens.absolute_unnamed, profile="quick", clauses=("ACC-1",), shrink=False)
    assert report.status == FAILED
    assert {v.outcome for v in report.verdicts} >= {Outcome.REFUTED}


def test_a_logistic_function_by_tanh_conforms_at_the_grade_it_names() -> None:
    report = whole("absolute")
    assert report.failures == [] and report.status == PASSED


def test_the_grade_stands_beside_the_statement() -> None:
    report = whole("absolute")
    request = replace(report.findings.request, profile="standard", is_thorough=True)
    decided = replace(report, findings=replace(report.findings, request=request))
    assert decided.statement == (
        "conforms to LSTM Specification 1.0 (forward only) at float32 (absolute) with 1 warning (CONTRACT-3)"
    )
