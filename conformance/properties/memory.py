"""Where a question lies in memory: odd places, one place for several arrays, and places that are used again."""

from collections.abc import Callable
from functools import partial

from conformance.assertions.backward import assert_gradients_conform_freely
from conformance.assertions.forward import assert_conforms
from conformance.assertions.memory import assert_still, feed_outputs_back, lay_out_questions, overwrite_questions
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.problems.form import MANY_ARRAYS
from conformance.problems.memory import relate_arrays
from conformance.problems.question import EVERY_PART, Question, redraw_question
from conformance.problems.recipes import (
    if_more_than_the_core_is_claimed,
    networks,
    problems,
    questions,
    tame_questions,
    with_seed,
)
from conformance.property import verifies, verifies_beyond_core
from lstm_spec import Backend, Feature

PLAIN = with_seed(questions(problems(T=(1, 2, 3, 5, 9), I=(1, 2, 3, 5, 8), H=(1, 2, 3, 5, 8))))
TAME = with_seed(tame_questions())
REDRAWN = (EVERY_PART, *((part,) for part in EVERY_PART))
ANY_FORM = with_seed(questions(if_more_than_the_core_is_claimed(networks(**MANY_ARRAYS, T=(1, 2, 3)))))
NEEDS = (Feature.GRADIENTS,)
Seeded = tuple[Question, int]


def judge_answer(backend: Backend, *asked: Question) -> None:
    for problem, _ in asked:
        answer = backend.forward(problem)
    assert_conforms(backend, answer, problem)


def judge_gradients(backend: Backend, *asked: Question) -> None:
    for question in asked:
        _, gradients = backend.differentiate(*question)
    assert_gradients_conform_freely(backend, *question, gradients)


def judge_network(backend: Backend, *asked: Question) -> None:
    for problem, _ in asked:
        assert_network_conforms(backend, problem)


def judge_network_gradients(backend: Backend, *asked: Question) -> None:
    for question in asked:
        assert_network_gradients_conform(backend, *question)


Judge = Callable[..., None]


def assert_read_anywhere(judge: Judge, backend: Backend, drawn: Seeded) -> None:
    """With any strides and addresses, writable or not, one array in two roles, and one number in many places."""
    question, elsewhere = relate_arrays(*drawn), lay_out_questions(backend, drawn[1])
    when = "if its inputs lie elsewhere in memory; read them by their strides"
    assert_still(partial(judge, backend, question), partial(judge, elsewhere, question), when)


def assert_read_anew(judge: Judge, backend: Backend, drawn: Seeded) -> None:
    """As an optimiser writes over the weights; the input may also be an earlier output."""
    question, seed = drawn
    asked = question, redraw_question(question, seed, REDRAWN[seed % len(REDRAWN)])
    reuse = (overwrite_questions, feed_outputs_back)[seed // len(REDRAWN) % 2]
    when = "if its inputs are written over old ones; read them anew in every call"
    assert_still(partial(judge, backend, *asked), partial(judge, reuse(backend), *asked), when)


@verifies("CONTRACT-4", on=PLAIN)
def inputs_are_read_wherever_they_lie(backend: Backend, drawn: Seeded) -> None:
    assert_read_anywhere(judge_answer, backend, drawn)


@verifies("CONTRACT-4", on=TAME, needs=NEEDS)
def gradients_are_made_of_inputs_wherever_they_lie(backend: Backend, drawn: Seeded) -> None:
    assert_read_anywhere(judge_gradients, backend, drawn)


@verifies_beyond_core("CONTRACT-4", on=ANY_FORM)
def inputs_of_any_form_are_read_wherever_they_lie(backend: Backend, drawn: Seeded) -> None:
    assert_read_anywhere(judge_network, backend, drawn)


@verifies_beyond_core("CONTRACT-4", on=ANY_FORM, needs=NEEDS)
def gradients_of_any_form_are_made_of_inputs_wherever_they_lie(backend: Backend, drawn: Seeded) -> None:
    assert_read_anywhere(judge_network_gradients, backend, drawn)


@verifies("CONTRACT-2", on=PLAIN)
def inputs_may_be_written_over_between_calls(backend: Backend, drawn: Seeded) -> None:
    assert_read_anew(judge_answer, backend, drawn)


@verifies("CONTRACT-2", on=TAME, needs=NEEDS)
def inputs_may_be_written_over_between_gradient_calls(backend: Backend, drawn: Seeded) -> None:
    assert_read_anew(judge_gradients, backend, drawn)


@verifies_beyond_core("CONTRACT-2", on=ANY_FORM)
def inputs_of_any_form_may_be_written_over_between_calls(backend: Backend, drawn: Seeded) -> None:
    assert_read_anew(judge_network, backend, drawn)


@verifies_beyond_core("CONTRACT-2", on=ANY_FORM, needs=NEEDS)
def inputs_of_any_form_may_be_written_over_between_gradient_calls(backend: Backend, drawn: Seeded) -> None:
    assert_read_anew(judge_network_gradients, backend, drawn)
