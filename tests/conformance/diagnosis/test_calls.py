"""Of a session in which a module is wrong those calls are told that it takes."""

from dataclasses import replace
from typing import Any

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import check
from conformance.diagnosis.calls import UNKNOWN, Trial, find_calls, inquire_calls
from conformance.faults.catalogue import FAULTS
from conformance.report.report import Report
from conformance.targets.border import guard_backend
from lstm_spec import REFERENCE_MODULE, Backend, Description, Implementation, make_backend
from lstm_spec.modules.sessions import Call, Session
from tests.planted.modules import RIGHT, WRONG

ANSWERS, ASKED = "its answers are wrong only after ", "it was asked for an answer"
KEPT = f"its answers are wrong from a kept state only after {ASKED}"
READ = "the parameters that are read from it are wrong only after another module was built, then "
NAMED = {  # of no catalogue
    "fails_from_the_fourth_call_on": f"{ANSWERS}{ASKED} 3 times",
    "answers_small_batches_from_a_large_buffer": f"{ANSWERS}{ASKED} at T, B = 4, 3, now 5, 2",
    "sees_an_update_one_call_late": f"{ANSWERS}its parameters were changed in place",
    "keeps_the_order_of_the_first_batch": f"{ANSWERS}{ASKED} with other lengths",
    "differentiates_with_the_lengths_of_the_last_forward_call": (
        f"its gradients are wrong only after {ASKED} with other lengths"
    ),
    "keeps_its_state_in_half_precision": KEPT,
    "resets_to_the_state_after_the_first_call": f"{KEPT}, then its state was reset",
    "copies_all_but_the_biases": f"{READ}it was made as a copy",
    "gives_twice_the_gradient_of_what_alone_is_wanted": "its gradients are wrong where only those of x are wanted",
    "forgets_a_unit_while_it_was_ever_trained": f"{ANSWERS}it was put back into evaluation",
}
KNOWN = {
    "uses_the_weights_of_the_last_module": f"{ANSWERS}another module was built",
    "answers_the_same_sizes_as_before": f"{ANSWERS}{ASKED} with other numbers",
    "keeps_the_packed_weights_after_an_update": f"{ANSWERS}{ASKED}, then its parameters were changed in place",
    "restores_without_the_biases": f"{READ}another module was saved, then it was restored",
    "opens_the_forget_gate_if_biases_are_left_out": "its answers are wrong where the bias is left out",
}


def implement(name: str, module: Any) -> Implementation:
    return Implementation(name, module, Description(features=REFERENCE_MODULE.description.features))


def ask(backend: Backend, seconds: float = 60) -> str:
    (row,) = inquire_calls(guard_backend(backend), "float32", seconds).rows
    return row.finding.sentence if row.finding else row.note


@pytest.mark.parametrize("name", NAMED)
def test_the_calls_are_told_that_a_mistake_of_no_catalogue_takes(name: str) -> None:
    assert ask(make_backend(implement(name, WRONG[name][1]))) == NAMED[name]


@pytest.mark.parametrize("name", KNOWN)
def test_the_calls_are_told_that_a_known_fault_takes(name: str) -> None:
    assert ask(FAULTS[name].backend()) == KNOWN[name]


@pytest.mark.parametrize("name", ["computes_in_another_order_from_the_second_call_on", "returns_only_what_is_wanted"])
def test_nothing_is_told_of_a_right_module(name: str) -> None:
    assert ask(make_backend(implement(name, RIGHT[name]))) == "nothing"


class Shortened(Trial):
    def shorten(self, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        return calls


@pytest.mark.parametrize("without", ["", "state"])
def test_a_mistake_that_a_first_call_shows_is_left_to_other_experiments(without: Any) -> None:
    calls = Call(None, "build"), Call(None, "forward", without=without)
    found = find_calls(Shortened(NUMPY, 0), Session(calls))
    assert found == (calls if without else ())


def test_a_function_has_no_calls_and_without_time_nothing_is_known() -> None:
    assert inquire_calls(guard_backend(replace(NUMPY, converse=None)), "float32", 60).rows == ()
    assert ask(FAULTS["uses_the_weights_of_the_last_module"].backend(), 0) == "no time was left"


def test_what_was_wrong_when_time_ended_is_no_acquittal() -> None:
    """Each look at the clock takes a second."""
    backend = guard_backend(make_backend(implement("late", WRONG["sees_an_update_one_call_late"][1])))
    seconds = iter(range(1000))
    (row,) = inquire_calls(backend, "float32", 12, clock=lambda: next(seconds)).rows
    assert row.finding and not row.finding.is_certain and row.finding.sentence == UNKNOWN


def test_a_run_tells_them() -> None:
    name = "sees_an_update_one_call_late"
    how: Any = {"profile": "quick", "dtypes": ("float32",), "maxfail": 1, "shrink": False}
    report: Report = check(implement(name, WRONG[name][1]), clauses=("MOD-2",), **how)
    assert report.cause.sentence.startswith(NAMED[name])
