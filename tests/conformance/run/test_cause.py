"""Where no known fault fits, experiments say under which condition an answer is wrong."""

from dataclasses import replace

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments import diagnose
from conformance.diagnosis.experiments.term.computing import make_backend_of
from conformance.diagnosis.experiments.term.formula import write_formula
from conformance.faults.catalogue import FAULTS
from conformance.run.causes.agreement import keep_agreeing
from conformance.run.causes.explaining import find_reproduced
from conformance.run.check import check
from conformance.targets.border import guard_backend
from lstm_spec import Answer, Backend, Problem, State
from tests.helpers import specimens
from tests.planted import conditional
from tests.planted.backward import CARRY, dB
from tests.planted.conditional import at_sizes
from tests.planted.edits import textbook

PLENTY = 90.0  # seconds
SIZES = "sizes_of_every_kind_are_read_alike"
ONE_SAMPLE = at_sizes(lambda T, B, I, H: B == 1)
EVERYWHERE = at_sizes(lambda T, B, I, H: True)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (ONE_SAMPLE, "its answers are wrong only where B = 1 ("),
        (EVERYWHERE, " known faults fits; its answers are wrong at all "),
        (conditional.keeps_the_first_weights, "it keeps the weights of the first call with the same shapes"),
    ],
)
def test_experiments_follow_where_no_known_fault_fits(
    backend: Backend, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnose, "SECONDS", PLENTY)
    cause = check(backend, profile="quick", dtypes=("float32",), name=SIZES).cause
    made = {row.experiment for row in cause.rows}
    assert words in cause.sentence and not cause.is_known
    assert made >= ({"before", "when"} if backend is not conditional.keeps_the_first_weights else {"before"})


def test_a_formula_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "SECONDS", PLENTY)
    wrong = textbook(("f = sigmoid(f)", "f = sigmoid(f + 0.75)"))
    cause = check(wrong, profile="quick", dtypes=("float32",), name=SIZES).cause
    assert cause.sentence.startswith(
        "the forget gate adds up W_f x + U_f h + b_f + 0.75, expected W_f x + U_f h + b_f; "
    )
    assert cause.sentence.endswith(" known faults fits") and "cause unknown" not in cause.sentence
    assert cause.clause == "CELL-2" and cause.example.startswith("T = 1, B = 1, I = 1, H = 1: ")


def test_no_experiment_follows_where_a_known_fault_fits() -> None:
    cause = check(specimens.swaps_input_and_forget_gates, profile="quick", dtypes=("float32",), name=SIZES).cause
    assert cause.is_known and not cause.rows


def test_a_formula_explains_the_other_failures_that_it_reproduces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "SECONDS", PLENTY)
    wrong = textbook(("f = sigmoid(f)", "f = sigmoid(f + 0.75)"))
    report = check(wrong, profile="quick", dtypes=("float32",), clauses=("CELL-2",))
    assert len(report.failures) > 3 and len(report.roots) == 1
    assert len(report.cause.reproduced) > 3 and set(report.cause.reproduced.values()) == {True}


def test_the_formula_of_a_gate_explains_failures_of_its_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "SECONDS", PLENTY)
    wrong = textbook(("f = sigmoid(f)", "f = sigmoid(f + 0.75)"))
    name = "the_gradient_is_the_adjoint_of_the_tangent"
    cause = check(wrong, profile="quick", dtypes=("float32",), clauses=("CELL-2", "GRAD-*")).cause
    assert cause.reproduced[name, "float32"]


def test_a_formula_of_gradients_explains_the_other_failures_that_it_reproduces() -> None:
    wrong = textbook(("return 1 - y * y", "return 1 - 0.5 * y * y"))
    report = check(wrong, profile="quick", dtypes=("float32",), clauses=("GRAD-*",), budget=PLENTY, examples=5)
    assert report.cause.sentence.startswith("what reaches the cell state has the factor ") and len(report.failures) > 2
    assert len(report.cause.reproduced) > 2 and set(report.cause.reproduced.values()) == {True}


@pytest.mark.parametrize("where", ["t % 3 == 0", "t == len(x) - 2"])
def test_a_truncated_gradient_explains_the_other_failures_of_gradients(where: str) -> None:
    wrong = textbook((CARRY, f"{CARRY}        dh, dc = (dh * 0, dc * 0) if {where} else (dh, dc)\n"))
    report = check(wrong, profile="quick", dtypes=("float32",), clauses=("GRAD-*",), budget=PLENTY, examples=5)
    assert len(report.failures) > 2 and len(report.roots) == 1
    assert set(report.cause.reproduced.values()) == {True}


def test_a_formula_explains_only_the_numbers_that_it_gives() -> None:
    """A mistake in db besides is in the gradients of every failure, but where NaN hides it."""
    cut = (CARRY, f"{CARRY}        dh, dc = (dh * 0, dc * 0) if t % 3 == 0 else (dh, dc)\n")
    both = guard_backend(textbook(cut, (dB, f"{dB} * 1.5")))
    alone = guard_backend(textbook(cut))
    report = check(alone, profile="quick", dtypes=("float32",), clauses=("GRAD-*",), budget=PLENTY, examples=5)
    reproduced = report.cause.reproduced
    assert set(keep_agreeing(reproduced, report.failures, alone, alone).values()) == {True}
    kept = keep_agreeing(reproduced, report.failures, both, alone)
    assert not any(known for (name, _), known in kept.items() if "no_number" not in name)


def test_a_formula_explains_no_failure_that_it_does_not_reproduce() -> None:
    """Of the textbook's own formula nothing is refuted."""
    about = guard_backend(textbook())
    right = make_backend_of(write_formula("standard"), about)
    wrong = textbook(("f = sigmoid(f)", "f = sigmoid(f + 0.75)"))
    failures = check(wrong, profile="quick", dtypes=("float32",), clauses=("CELL-2",), diagnose=False).failures
    assert set(find_reproduced(failures, [right], about.description).values()) == {False}


@pytest.mark.parametrize(
    ("backend", "words", "is_known"),
    [
        (FAULTS["answers_in_one_buffer"].backend(), "1 of 55 known faults fits: answers_in_one_buffer)", True),
        (FAULTS["answers_in_four_buffers_in_turn"].backend(), ": answers_in_four_buffers_in_turn)", True),
        (
            conditional.uses_three_buffers,
            "it answers from a buffer that it uses again: an answer ",
            False,
        ),
    ],
)
def test_what_breaks_the_contract_has_a_cause(
    backend: Backend, words: str, is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnose, "SECONDS", PLENTY)
    cause = check(backend, profile="quick", dtypes=("float32",), clauses=("CONTRACT-2",)).cause
    assert words in cause.sentence and cause.is_known == is_known


def test_what_answers_owe_to_earlier_calls_is_named_where_their_shape_is_wrong() -> None:
    """A state of other shapes is returned: what is refuted is the shape, and the cause is the call before."""
    kept: list[State] = []

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        kept.append(answer.state)
        return replace(answer, state=kept[-2]) if len(kept) > 1 else answer

    late = replace(NUMPY, name="late", forward=forward, gradients=None)
    report = check(late, profile="quick", dtypes=("float32",), clauses=("SHAPE-1",), budget=PLENTY)
    assert report.failures and report.cause.sentence.startswith(
        "it returns the state of the call before with the same "
    )
    assert "cause unknown" not in report.cause.sentence


def test_a_fault_of_the_contract_is_named_where_another_clause_shows_it() -> None:
    name = "adds_zero_times_other_samples_above_the_first_reader"
    backend = FAULTS[name].backend()
    cause = check(backend, profile="quick", dtypes=("float32",), clauses=("NUM-1",), budget=PLENTY).cause
    assert f"1 of 55 known faults fits: {name})" in cause.sentence and cause.is_known


@pytest.mark.parametrize(
    ("name", "asked"),
    [("drops_the_inputs_beyond_whole_fours", SIZES), ("overflows_where_a_gate_is_shut", "floating_point_warning")],
)
def test_a_fault_that_no_dense_problem_shows_is_named_where_it_failed(name: str, asked: str) -> None:
    cause = check(FAULTS[name].backend(), profile="quick", dtypes=("float32",), name=asked, strict=True).cause
    assert cause.sentence.endswith(f"fits: {name})") and cause.is_known


def test_an_exception_has_a_cause() -> None:
    backend = FAULTS["looks_for_the_longest_of_no_sequences"].backend()
    cause = check(backend, profile="quick", dtypes=("float32",), clauses=("SHAPE-6",), budget=PLENTY).cause
    assert cause.sentence.startswith("With lengths, an empty batch raises an exception (") and cause.is_known
