"""A backend that takes one sample, one step or both is asked all that can be asked; the rest is named."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from conformance.arrays import fingerprint
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.outcome import Outcome
from conformance.problems.recipes import problems, questions
from conformance.report.report import Report
from conformance.report.status import PASSED
from conformance.run.check import check
from conformance.selftest.look import RIGHT, Sight, judge_backend
from lstm_spec import Backend, Cotangents, Feature, Problem, Shapes, at_most
from tests.helpers.examples import draw_examples
from tests.helpers.specimens import restricted

SHAPES = {
    "one sample": Shapes(B=at_most(1)),
    "one step": Shapes(T=at_most(1)),
    "one of both": Shapes(T=at_most(1), B=at_most(1)),
}
TWO_SAMPLES = {
    "samples_do_not_influence_each_other",
    "permuting_the_samples_permutes_the_answer",
    "what_is_no_number_in_one_sample_alters_no_other",
    "what_is_no_number_in_one_sample_alters_no_gradient_of_another",
    "of_any_form_what_is_no_number_in_one_sample_alters_no_other",
    "of_any_form_what_is_no_number_alters_no_gradient_of_another",
    "lengths_may_stand_in_any_order",
}
TWO_STEPS = {
    "a_long_sequence_is_read_to_its_end",
    "a_sequence_may_be_continued_from_the_state_it_left",  # as the whole is
    "a_sequence_may_be_read_one_step_at_a_time",
    "what_comes_later_alters_nothing_before_it",
    "the_gradient_of_a_long_sequence_is_never_cut_off",
    "halves_chained_and_the_whole_have_the_same_gradient",
    "what_is_no_number_alters_nothing_before_its_step",
    "a_cotangent_that_is_no_number_alters_nothing_after_its_step",
    "lengths_may_stand_in_any_order",
}
LEFT_OUT = {"one sample": TWO_SAMPLES, "one step": TWO_STEPS, "one of both": TWO_SAMPLES | TWO_STEPS}
of_each = pytest.mark.parametrize("name", SHAPES)


@cache
def judge_restricted(name: str) -> Report:
    return check(restricted(name, SHAPES[name]), profile="quick", dtypes=("float32",), examples=2)


@of_each
def test_only_what_truly_needs_two_is_left_out(name: str) -> None:
    report = judge_restricted(name)
    asked = (v for v in report.verdicts if Feature.MODULE not in v.property.features)
    left = [v for v in asked if v.outcome is Outcome.NOT_CLAIMED]
    assert {v.property.name for v in left} == LEFT_OUT[name] and report.status == PASSED
    letters = {"one sample": "B", "one step": "T", "one of both": "TB"}[name]
    assert {v.detail for v in left} == {f"its shapes leave no {letter} of at least 2" for letter in letters}


@of_each
def test_the_statement_names_it(name: str) -> None:
    report = judge_restricted(name)
    request = replace(report.findings.request, profile="standard", is_thorough=True)
    decided = replace(report, findings=replace(report.findings, request=request))
    clauses = {"one sample": "NET-1, NUM-1, LEN-4", "one step": "SEQ-1, SEQ-4, SEQ-5, GRAD-3, NUM-1, LEN-4"}
    assert decided.statement.startswith("conforms to LSTM Specification 1.0 at float32 (relative)")
    assert f"its shapes leave out {len(LEFT_OUT[name])} properties (" in decided.statement
    if name in clauses:
        assert decided.statement.endswith(f"({clauses[name]})")


# ---------------------------------------------------------------- known faults


def acts_within(backend: Backend, shapes: Shapes) -> bool:
    """Whether any bit of any answer or gradient is another than that of a right LSTM."""
    return any(differs(backend, *question) for question in draw_examples(questions(problems()), 25, "quick", shapes))


def differs(backend: Backend, problem: Problem, d: Cotangents) -> bool:
    with np.errstate(all="ignore"):
        pairs = ((backend.forward(problem), RIGHT.forward(problem)),)
        pairs += ((backend.differentiate(problem, d), RIGHT.differentiate(problem, d)),)  # type: ignore[assignment]
        return any(fingerprint(one) != fingerprint(other) for one, other in pairs)


def find_missed(name: str, faults: list[Fault]) -> tuple[list[str], list[str]]:
    """Those that act at these shapes, and those of them that are neither refuted nor below the bound."""
    acting = [fault for fault in faults if acts_within(fault.backend(), SHAPES[name])]
    sights = [judge_within(name, fault) for fault in acting]
    return [sight.name for sight in sights], [s.name for s in sights if s.is_visible and not s.is_refuted]


def judge_within(name: str, fault: Fault) -> Sight:
    backend = restricted(fault.name, SHAPES[name], fault.backend())
    return judge_backend(fault.name, fault.family, backend, "float32", "quick", RIGHT)


PLAIN = [fault for fault in FAULTS.values() if not fault.networks]


@of_each
def test_some_mistakes_that_act_there_are_refuted_there(name: str) -> None:
    acting, missed = find_missed(name, PLAIN[::16])
    assert len(acting) > len(PLAIN[::16]) // 2 and missed == []


@pytest.mark.soak
@of_each
def test_all_mistakes_that_act_there_are_refuted_there(name: str) -> None:
    acting, missed = find_missed(name, PLAIN)
    assert len(acting) > len(PLAIN) // 2 and missed == []
