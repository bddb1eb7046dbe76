"""Where a question lies in memory: odd places, one place for several arrays, and places that are used again."""

from collections.abc import Callable
from functools import partial

from conformance.assertions.backward import assert_gradients_conform_freely
from conformance.assertions.forward import assert_conforms
from conformance.assertions.memory import (
    BOTH_WAYS,
    FORWARD_ONLY,
    Ask,
    Reuse,
    ask_answer,
    ask_gradients,
    assert_read_anew,
    assert_read_anywhere,
    assert_still,
)
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.assertions.shapes import widen_stored
from conformance.problems.contract_rows import contract_rows, list_forms, list_plain
from conformance.problems.derived import if_more_than_the_core_is_claimed, with_seed
from conformance.problems.form import MANY_ARRAYS
from conformance.problems.memory import relate_arrays
from conformance.problems.question import Question
from conformance.problems.recipes import networks, problems, questions, tame_questions
from conformance.property import verifies, verifies_beyond_core
from lstm_spec import Backend, Feature

PLAIN = with_seed(questions(problems(T=(1, 2, 3, 5, 9), I=(1, 2, 3, 5, 8), H=(1, 2, 3, 5, 8))))
TAME = with_seed(tame_questions())
ROWS, ROWS_OF_FORMS = contract_rows(list_plain), contract_rows(list_forms)
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
    for question in asked:
        assert_network_conforms(*widen_stored(backend, question.problem))


def judge_network_gradients(backend: Backend, *asked: Question) -> None:
    for problem, d in asked:
        assert_network_gradients_conform(*widen_stored(backend, problem), d)


Judge = Callable[..., None]


def assert_laid_anywhere(judge: Judge, backend: Backend, ask: Ask, drawn: Seeded) -> None:
    """With any strides and addresses, writable or not, one array in two roles, and one number in many places."""
    question, seed = relate_arrays(*drawn), drawn[1]

    def retry(lay_out: Reuse) -> None:
        when = "if its inputs lie elsewhere in memory; read them by their strides"
        assert_still(partial(judge, backend, question), partial(judge, lay_out(backend), question), when)

    assert_read_anywhere(backend, ask, question, seed, retry)


def assert_written_over(judge: Judge, backend: Backend, ways: tuple[Ask, ...], drawn: Seeded) -> None:
    """As an optimiser writes over the weights; the input may also be an earlier output."""

    def retry(reuse: Reuse, *asked: Question) -> None:
        when = "if its inputs are written over old ones; read them anew in every call"
        assert_still(partial(judge, backend, *asked), partial(judge, reuse(backend), *asked), when)

    assert_read_anew(backend, ways, *drawn, retry)


@verifies("CONTRACT-4", on=PLAIN)
def inputs_are_read_wherever_they_lie(backend: Backend, drawn: Seeded) -> None:
    assert_laid_anywhere(judge_answer, backend, ask_answer, drawn)


@verifies("CONTRACT-4", on=TAME, needs=NEEDS)
def gradients_are_made_of_inputs_wherever_they_lie(backend: Backend, drawn: Seeded) -> None:
    assert_laid_anywhere(judge_gradients, backend, ask_gradients, drawn)


@verifies_beyond_core("CONTRACT-4", on=ANY_FORM)
def inputs_of_any_form_are_read_wherever_they_lie(backend: Backend, drawn: Seeded) -> None:
    assert_laid_anywhere(judge_network, backend, ask_answer, drawn)


@verifies_beyond_core("CONTRACT-4", on=ANY_FORM, needs=NEEDS)
def gradients_of_any_form_are_made_of_inputs_wherever_they_lie(backend: Backend, drawn: Seeded) -> None:
    assert_laid_anywhere(judge_network_gradients, backend, ask_gradients, drawn)


@verifies("CONTRACT-2", on=ROWS, exhaustive=True)
def inputs_may_be_written_over_between_calls(backend: Backend, drawn: Seeded) -> None:
    assert_written_over(judge_answer, backend, FORWARD_ONLY, drawn)


@verifies("CONTRACT-2", on=ROWS, needs=NEEDS, exhaustive=True)
def inputs_may_be_written_over_between_gradient_calls(backend: Backend, drawn: Seeded) -> None:
    assert_written_over(judge_gradients, backend, BOTH_WAYS, drawn)


@verifies_beyond_core("CONTRACT-2", on=ROWS_OF_FORMS, exhaustive=True)
def inputs_of_any_form_may_be_written_over_between_calls(backend: Backend, drawn: Seeded) -> None:
    assert_written_over(judge_network, backend, FORWARD_ONLY, drawn)


@verifies_beyond_core("CONTRACT-2", on=ROWS_OF_FORMS, needs=NEEDS, exhaustive=True)
def inputs_of_any_form_may_be_written_over_between_gradient_calls(backend: Backend, drawn: Seeded) -> None:
    assert_written_over(judge_network_gradients, backend, BOTH_WAYS, drawn)
