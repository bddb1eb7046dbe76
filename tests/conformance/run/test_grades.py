"""A grade that a run names, and the grade at which a backend would pass."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Outcome, Refuted
from conformance.property import PROPERTIES
from conformance.report.findings import Findings, Request
from conformance.report.rules import decide_status
from conformance.report.statement import write_statement
from conformance.report.status import FAILED, NOTHING, PASSED
from conformance.run.check import check
from conformance.run.grades import find_lenient_grades, judge_at_grades
from conformance.run.options import Options
from conformance.verdict import Verdict
from lstm_spec import Description
from tests.helpers import specimens
from tests.helpers.messages import QUICK
from tests.helpers.specimens import said, target

UNNAMED = specimens.absolute_unnamed
AT_QUICK: dict[str, Any] = {"profile": "quick", "shrink": False}


def test_a_grade_that_is_all_there_is_to_complain_of_is_the_headline() -> None:
    report = check(UNNAMED, **AT_QUICK)
    assert report.status == FAILED and report.findings.other_grades == {"float32": "absolute"}
    assert report.statement.startswith(
        "no fault found by quick (forward only) at grade absolute (not at relative) with 1 warning (CONTRACT-3); "
    )
    assert 'all of it holds at grade "absolute"' in report.cause.sentence
    named = check(UNNAMED, grade="absolute", **AT_QUICK)
    assert named.status == PASSED and named.findings.description.grade("float32") == "absolute"
    assert named.statement.startswith("no fault found by quick (forward only) with 1 warning (CONTRACT-3); ")


def test_what_conforms_at_another_grade_only_says_at_which_and_at_which_not() -> None:
    held = [Verdict(prop, "float32", Outcome.HOLDS) for prop in PROPERTIES]
    lenient = Findings(
        "x", Description(grades={"float32": "absolute"}), True, Request("standard", 0, ("float32",)), held
    )
    own = replace(lenient, description=Description(), verdicts=[replace(held[0], outcome=Outcome.REFUTED), *held[1:]])
    assert write_statement(replace(own, lenient=lenient)) == (
        "conforms at grade absolute (not at relative) to LSTM Specification 1.0 at float32 (absolute)"
    )
    assert decide_status(replace(own, lenient=lenient)) == FAILED


def test_what_is_wrong_at_every_grade_or_was_cut_short_conforms_at_none() -> None:
    def reversed_in_time(problem: Any) -> Any:
        return UNNAMED.forward(replace(problem, x=problem.x[::-1]))

    wrong = check(replace(UNNAMED, forward=reversed_in_time), name="equations", **AT_QUICK)
    assert wrong.findings.lenient is None and wrong.statement.startswith("does not conform: ")
    short = check(UNNAMED, maxfail=1, **AT_QUICK)
    assert short.findings.lenient is None and short.statement.startswith("does not conform: 1 of ")
    assert 'all of it holds at grade "absolute"' in short.cause.sentence


def test_the_rest_has_to_hold_at_the_other_grade_too() -> None:
    """What held at the backend's own grade is asked again: grades of 16 bits are not ordered."""
    findings = check(UNNAMED, clauses=("CELL-1",), **AT_QUICK).findings
    for outcome, passes in ((Outcome.HOLDS, True), (Outcome.REFUTED, False)):

        def judge_all(pairs: Any, options: Any, outcome: Outcome = outcome) -> Any:
            return (Verdict(prop, dtype, outcome) for prop, dtype in pairs)

        options = Options("quick", clauses=("CELL-1",))
        found = judge_at_grades(findings, UNNAMED, options, {"float32": "absolute"}, judge_all)
        assert (found is not None) == passes


def test_a_grade_that_does_not_exist_is_refused_and_one_that_no_dtype_has_leaves_nothing_to_test() -> None:
    with pytest.raises(ValueError, match="grade is 'exact', expected one of relative, absolute, .*; choose one"):
        check(NUMPY, grade="exact")
    report = check(NUMPY, profile="quick", grade="wide")
    assert report.status == NOTHING and report.statement == "no statement: the options left nothing to test"


def test_a_broken_contract_is_not_put_down_to_the_grade() -> None:
    report = check(FAULTS["answers_differently_each_time"].backend(), profile="quick", name="same_question")
    assert report.status == FAILED and "absolute" not in report.cause.sentence
    assert find_lenient_grades(report.findings, NUMPY, Options("quick")) == {}  # though it holds if asked again


def test_a_clause_that_a_refutation_names_is_not_put_down_to_the_grade() -> None:
    report = check(UNNAMED, name="the_answer_is_that_of_the_equations", **AT_QUICK)
    assert find_lenient_grades(report.findings, UNNAMED, Options("quick")) == {"float32": "absolute"}
    shape = [replace(v, refutation=Refuted("x", clause="SHAPE-2")) for v in report.verdicts]
    assert find_lenient_grades(replace(report.findings, verdicts=shape), UNNAMED, Options("quick")) == {}


def test_a_grade_that_allows_no_more_is_not_tried() -> None:
    wrong = replace(specimens.absolute, forward=specimens.returns_nan.forward)
    findings = check(wrong, name="the_answer_is_that_of_the_equations", **AT_QUICK).findings
    assert find_lenient_grades(findings, replace(NUMPY, description=wrong.description), Options("quick")) == {}


# ---------------------------------------------------------------- the command line


GATE = ("-k", "the_input_gate_read_alone", *QUICK[:2])


def test_a_run_names_a_grade_in_every_process_and_so_does_the_command_that_asks_a_case_again(tmp_path: Path) -> None:
    unnamed, out = target("absolute_unnamed"), ("--out", str(tmp_path))
    assert said("run", unnamed, *GATE, *out).status == FAILED
    (case,) = tmp_path.glob("*.safetensors")
    for how in (("--no-isolate",), ("--isolate",), ("--jobs", "2")):
        assert said("run", unnamed, *GATE, *out, "--grade", "absolute", *how).status == PASSED
    assert said("reproduce", str(case), unnamed).status == FAILED
    assert said("reproduce", str(case), unnamed, "--grade", "absolute").status == PASSED
    _, text = said("run", target("returns_nan"), *GATE, *out, "--grade", "absolute")
    assert f"{target('returns_nan')} --grade absolute\n" in text and "(cpu, float32, absolute)" in text


@pytest.mark.parametrize("command", [("run", "numpy"), ("reproduce", "no.safetensors")])
def test_an_unknown_grade_is_refused_with_those_that_exist(command: tuple[str, ...]) -> None:
    status, text = said(*command, "--grade", "exact")
    assert status == 2 and "--grade: grade is 'exact', expected one of relative, absolute, op-by-op" in text


def test_no_grade_is_named_where_the_failure_does_not_come_again() -> None:
    (prop,) = (prop for prop in PROPERTIES if prop.name == "sizes_of_every_kind_are_read_alike")
    refuted = Verdict(prop, "float32", Outcome.REFUTED, refutation=Refuted("y is further from the equations"))
    findings = Findings("x", NUMPY.description, True, Request("quick", 0, ("float32",)), [refuted])
    assert find_lenient_grades(findings, NUMPY, Options(**AT_QUICK)) == {}
    assert find_lenient_grades(findings, UNNAMED, Options(**AT_QUICK)) == {"float32": "absolute"}
