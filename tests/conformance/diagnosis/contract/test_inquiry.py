"""What a backend does wrong under its contract is said in a sentence; a known fault is named only if it is that one."""

from dataclasses import replace
from itertools import count

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import check
from conformance.diagnosis.contract.inquiry import inquire_contract
from conformance.diagnosis.contract.naming import find_chapter, list_contract_faults, watch_probe
from conformance.diagnosis.contract.observing import find_unit
from conformance.diagnosis.contract.probes import HISTORY, USUAL, list_probes, make_question
from conformance.faults.catalogue import FAULTS
from conformance.problems.form import Form
from conformance.targets.border import guard_backend
from lstm_spec import REFERENCE, Answer, Backend, State
from tests.planted.contract import PLANTED, Planted, answering, plain

PLENTY = 600.0  # seconds
NAMED = (  # of each chapter, and of networks
    "writes_the_final_state_into_the_initial_one",
    "accumulates_gradients_over_calls",
    "answers_problems_that_do_not_fit",
    "reads_from_an_aligned_address",
    "adds_zero_times_all_steps",
    "loses_an_empty_batch",
)


def inquire(backend: Backend, clause: str) -> tuple[list[str], str]:
    """The names of the faults that show the same, and the sentence."""
    guarded = guard_backend(backend)
    example = make_question(guarded, "float32", USUAL, Form(), 0)
    inquiry = inquire_contract(guarded, "float32", (clause,), example, PLENTY)
    return [fault.name for fault in inquiry.faults], inquiry.sentence


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_mistake_on_no_list_has_a_sentence_and_no_name(planted: Planted) -> None:
    backend, clause, dtype, words = planted
    report = check(backend, profile="quick", dtypes=(dtype,), clauses=(clause,), strict=True, budget=PLENTY)
    said = report.cause.sentence or report.failures[0].detail
    assert said.startswith(words) and not report.cause.is_known


@pytest.mark.parametrize("name", NAMED)
def test_a_known_fault_is_named_alone(name: str) -> None:
    assert inquire(FAULTS[name].backend(), FAULTS[name].clause)[0] == [name]


def test_a_right_backend_does_nothing_wrong() -> None:
    """Nor does it look like a fault: none of those that show nothing here fits."""
    assert inquire(NUMPY, "CONTRACT-1") == ([], "")


@pytest.mark.parametrize("clause", ["SHAPE-1", "CONTRACT-2", "CONTRACT-4"])
def test_numbers_that_are_wrong_everywhere_are_no_matter_of_the_contract(clause: str) -> None:
    rough = answering(lambda _, answer: Answer(answer.y * 1.01, State(*(a * 1.01 for a in answer.state))))
    assert inquire(plain(rough), clause) == ([], "")


def test_each_known_fault_shows_something() -> None:
    """Otherwise one would fit wherever another one shows nothing."""
    plain = [fault for fault in list_contract_faults() if not fault.networks]
    assert [fault.name for fault in plain if not shows_something(fault.backend(), fault.clause)] == []


def shows_something(backend: Backend, clause: str) -> bool:
    guarded, right = guard_backend(backend), guard_backend(replace(REFERENCE, description=backend.description))
    chapters, unit = (HISTORY, find_chapter((clause,))), find_unit(guarded, "float32")
    probes = (probe for probe in list_probes(guarded, "float32") if probe.chapter in chapters)
    return any(watch_probe(guarded, right, probe, unit).departs for probe in probes)


def test_without_time_nothing_is_said() -> None:
    guarded = guard_backend(FAULTS["loses_an_empty_batch"].backend())
    example = make_question(guarded, "float32", USUAL, Form(), 0)
    inquiry = inquire_contract(guarded, "float32", ("SHAPE-6",), example, -1.0)
    assert not inquiry.faults and not inquiry.sentence and inquiry.rows[0].note == "no time was left"


def test_no_fault_is_named_by_a_part_of_its_chapter() -> None:
    """The clock ends the watching after a few probes, and leaves time to compare faults."""
    guarded = guard_backend(FAULTS["drops_the_layer_axis_of_the_state"].backend())
    example = make_question(guarded, "float32", USUAL, Form(), 0)
    inquiry = inquire_contract(guarded, "float32", ("SHAPE-1",), example, 20.0, count(0.0).__next__)
    assert inquiry.faults == () and inquiry.sentence
