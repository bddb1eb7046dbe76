"""The example that is shown is clear, and its sizes are the user's."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.assertions.order import mark_valid_steps
from conformance.assertions.widening_plan import fit_size
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Difference, Inconclusive, Outcome, Refuted
from conformance.report.failures import describe_place, failure_lines
from conformance.report.findings import Findings, Request
from conformance.report.json import as_json
from conformance.report.report import Report
from conformance.report.roots import Root
from conformance.run import search
from conformance.run.check import check
from conformance.verdict import Verdict
from lstm_spec import Answer, Backend, Description, Feature, Problem
from tests.helpers.judged import injected, judged
from tests.helpers.problems import make_problem

CLEAR, FAINT = "  clear example     ", "  smallest found    "


def refute_by(ratio: Callable[[Problem], float], clause: str = "") -> Verdict:
    """The verdict on a property that fails by that many times what is allowed."""

    def refute(backend: Backend, problem: Problem) -> None:
        raise Refuted("y is off", clause=clause, difference=Difference("y", {}, 0, 1, ratio(problem)))

    return judged(NUMPY, injected(refute))


def lines_of(verdict: Verdict) -> list[str]:
    report = Report(Findings("x", Description(), True, Request("quick", 0, ("float32",)), [verdict]))
    return failure_lines(report, Root(verdict, []))


def test_an_example_that_looks_like_rounding_gives_way_to_the_simplest_clear_one() -> None:
    verdict = refute_by(lambda problem: 2.0 if problem.sizes[0] < 3 else 1000.0)
    assert verdict.refutation and verdict.refutation.smallest
    assert verdict.refutation.problem.sizes[0] >= 3
    *_, clear, faint = lines_of(verdict)
    assert clear.startswith(CLEAR) and " × allowed" not in clear
    assert faint.startswith(f"{FAINT}T = 1, B = 1, I = 1, H = 1, ") and faint.endswith(", where it is 2 × allowed")


KEPT: dict[str, Callable[[Problem], float]] = {
    "the smallest is clear enough": lambda problem: 11.0 if problem.sizes[0] < 3 else 1000.0,
    "no other is clear": lambda problem: 2.0 if problem.sizes[0] < 3 else 99.0,
    "the others are large": lambda problem: 1000.0 if max(problem.sizes) > search.SMALL_ENOUGH else 2.0,
    "the others are no numbers": lambda problem: 2.0 if problem.sizes[0] < 3 else float("nan"),
}


@pytest.mark.parametrize("why", KEPT)
def test_otherwise_the_smallest_is_shown(why: str) -> None:
    verdict = refute_by(KEPT[why])
    assert verdict.refutation and verdict.refutation.smallest is None
    assert [line for line in lines_of(verdict) if line.startswith(FAINT)] and CLEAR not in "\n".join(lines_of(verdict))


def test_a_clear_example_of_another_clause_is_no_witness() -> None:
    def refute(backend: Backend, problem: Problem) -> None:
        short = problem.sizes[0] < 3
        found = Difference("y", {}, 0, 1, 2.0 if short else 1000.0)
        raise Refuted("y is off", clause="SEQ-1" if short else "SEQ-2", difference=found)

    verdict = judged(NUMPY, injected(refute))
    assert verdict.refutation and (verdict.refutation.clause, verdict.refutation.smallest) == ("SEQ-1", None)


def test_looking_for_a_clear_example_takes_no_refutation_back() -> None:
    def refute(backend: Backend, problem: Problem) -> None:
        if problem.sizes[0] > 2:
            raise KeyError("a bug of ours")
        raise Refuted("y is off", difference=Difference("y", {}, 0, 1, 2.0))

    assert judged(NUMPY, injected(refute)).outcome is Outcome.REFUTED


@pytest.mark.parametrize(("least", "gives_way"), [(9.0, True), (11.0, False)])
def test_what_was_clear_before_it_was_shrunk_is_clear_without_looking_further(
    least: float, gives_way: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refute(backend: Backend, problem: Problem) -> None:
        if problem.sizes[0] > 1:
            raise Refuted("y is off", difference=Difference("y", {}, 0, 1, least if problem.sizes[0] == 2 else 500.0))

    monkeypatch.setattr(search.Trial, "watch", lambda *_: pytest.fail("looked further"))
    verdict = judged(NUMPY, injected(refute))
    assert verdict.refutation and (verdict.refutation.problem.sizes[0] > 2) == gives_way


# ---------------------------------------------------------------- whose sizes


def judge_fault(fault: str, **options: Any) -> Report:
    about: dict[str, Any] = {"profile": "quick", "dtypes": ("float32",), "diagnose": False, **options}
    return check(FAULTS[fault].backend(), **about)


WIDENED = {
    "plain": ("drops_the_path_through_the_cell_state", {"name": "gate_gradients_are_the_deriv"}, "I"),
    "stack": ("leaves_out_the_gradient_of_the_peepholes", {"name": "gradient_goes_through_the_peepholes"}, "I"),
}


@pytest.mark.parametrize("form", WIDENED)
def test_the_sizes_are_those_of_the_users_problem_and_ours_are_told_apart(form: str) -> None:
    name, options, widened = WIDENED[form]
    report = judge_fault(name, **options)
    (verdict,) = report.failures
    text = "\n".join(failure_lines(report, report.roots[0]))
    found = re.search(
        rf"smallest found .* {widened} = (\d+), .*\(asked as .*{widened} = (\d+).*, to look inside\)", text
    )
    assert found and int(found[1]) < int(found[2])
    (written,) = as_json([report], {})["targets"][0]["verdicts"]
    assert verdict.refutation and written["sizes"][widened] == int(found[1])
    assert verdict.refutation.asked.sizes["TBIH".index(widened)] == int(found[2])


def test_a_place_in_what_was_added_is_told_apart() -> None:

    own, asked = make_problem(H=2), make_problem(H=5)
    assert describe_place("unit", 1, "y", asked, own) == "unit 1"
    assert describe_place("unit", 4, "y", asked, own) == "unit 4 (added to look inside)"
    assert describe_place("unit", 6, "y", asked, own) == "unit 3"  # the second direction begins at 2
    assert describe_place("gate row", 11, "dz", asked, own) == "gate g, unit 1"
    assert describe_place("unit", 3, "the final c", asked, own) == "unit 3 (added to look inside)"


def test_what_leaves_no_room_to_look_inside_is_told_in_the_users_sizes() -> None:
    with pytest.raises(Inconclusive, match="its shapes leave no room to look inside at I = 3, which takes I = 9"):
        fit_size("I", 9, range(9), 3)


# ---------------------------------------------------------------- what is ignored


def test_what_changes_nothing_is_said_to_change_nothing() -> None:
    (verdict,) = judge_fault("ignores_the_peepholes", name="not_ignored").failures
    assert verdict.detail == "peepholes is claimed, and the answer with it is the answer without it"


@pytest.mark.parametrize(("kept", "moved"), [("lengths in the state", "0"), ("another padding", r"-?[0-9.]*[1-9]")])
def test_other_padding_is_not_called_a_length_that_is_ignored(kept: str, moved: str) -> None:
    def forward(problem: Problem) -> Answer:
        answer, whole = NUMPY.forward(problem), NUMPY.forward(replace(problem, lengths=None))
        if kept == "lengths in the state":
            return replace(answer, y=np.where(mark_valid_steps(problem), answer.y, whole.y))
        return replace(whole, y=np.where(mark_valid_steps(problem), answer.y, 2 * whole.y))

    about = replace(NUMPY.description, features=frozenset({Feature.LENGTHS}))
    backend = Backend("pads", forward, description=about)
    (verdict,) = check(backend, profile="quick", name="not_ignored", diagnose=False).failures
    start = "lengths is claimed, and switching it on moves the answer otherwise: at t 3, batch"
    assert re.fullmatch(rf"{start} \d, unit \d beyond the length y moves by {moved}, expected \S+", verdict.detail)
