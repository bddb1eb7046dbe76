"""The contract: inputs stay as they were, the same question gets the same answer, nonsense is refused."""

from functools import partial

from conformance.assertions.backward import assert_gradients_conform_freely
from conformance.assertions.forward import assert_conforms
from conformance.assertions.memory import (
    BOTH_WAYS,
    FORWARD_ONLY,
    Found,
    ask_answer,
    ask_gradients,
    assert_found_shaped,
    assert_inputs_stay,
    assert_no_trace,
    assert_repeated,
)
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.assertions.refusals import assert_all_refused
from conformance.assertions.shapes import widen_stored
from conformance.problems.contract_rows import contract_rows, list_forms, list_plain
from conformance.problems.derived import if_more_than_the_core_is_claimed, of_few_sizes, with_seed
from conformance.problems.form import MANY_ARRAYS
from conformance.problems.malformed import malform_loss, malform_problem
from conformance.problems.question import Question
from conformance.problems.recipes import networks, problems, questions
from conformance.problems.sizes import ALONE
from conformance.property import verifies, verifies_beyond_core
from lstm_spec import Backend, Feature

ROWS, ROWS_OF_FORMS = contract_rows(list_plain), contract_rows(list_forms)
SMALL = of_few_sizes(questions(problems(T=(1, 2, 3), H=(1, 2, 3, 5, 8))), ALONE)
SMALL_OF_FORMS = of_few_sizes(questions(if_more_than_the_core_is_claimed(networks(**MANY_ARRAYS, T=(1, 2, 3)))), ALONE)
NEEDS = (Feature.GRADIENTS,)
Seeded = tuple[Question, int]


@verifies("CONTRACT-1", on=ROWS, exhaustive=True)
def a_call_leaves_its_inputs_as_they_were(backend: Backend, drawn: Seeded) -> None:
    assert_inputs_stay(backend, ask_answer, drawn[0])


@verifies("CONTRACT-1", on=ROWS, needs=NEEDS, exhaustive=True)
def a_gradient_call_leaves_its_inputs_as_they_were(backend: Backend, drawn: Seeded) -> None:
    assert_inputs_stay(backend, ask_gradients, drawn[0])


@verifies_beyond_core("CONTRACT-1", on=ROWS_OF_FORMS, exhaustive=True)
def a_call_of_any_form_leaves_its_inputs_as_they_were(backend: Backend, drawn: Seeded) -> None:
    assert_inputs_stay(backend, ask_answer, drawn[0])


@verifies_beyond_core("CONTRACT-1", on=ROWS_OF_FORMS, needs=NEEDS, exhaustive=True)
def a_gradient_call_of_any_form_leaves_its_inputs_as_they_were(backend: Backend, drawn: Seeded) -> None:
    assert_inputs_stay(backend, ask_gradients, drawn[0])


@verifies("CONTRACT-2", on=ROWS, exhaustive=True)
def the_same_question_gets_the_same_answer(backend: Backend, drawn: Seeded) -> None:
    question, _ = drawn
    first, again = (ask_answer(backend, *question) for _ in range(2))
    assert_found_shaped(first, question.problem)
    assert_found_shaped(again, question.problem)
    assert_repeated(backend, first, again, partial(judge_found, backend, question))


def judge_found(backend: Backend, question: Question, found: Found) -> None:
    if "gradients" in found:
        assert_gradients_conform_freely(backend, *question, found["gradients"])
    else:
        assert_conforms(backend, found["answer"], question.problem)


def judge_anew(backend: Backend, question: Question, found: Found) -> None:
    """The inside of a network can be seen only if it is asked again."""
    asked, problem = widen_stored(backend, question.problem)
    if "gradients" in found:
        assert_network_gradients_conform(asked, problem, question.d)
    else:
        assert_network_conforms(asked, problem)


@verifies("CONTRACT-2", on=ROWS, exhaustive=True)
def one_call_leaves_no_trace_in_the_next(backend: Backend, drawn: Seeded) -> None:
    """Other questions of the same shapes are asked in between; the earlier answers must not move either."""
    assert_no_trace(backend, FORWARD_ONLY, drawn[0], partial(judge_found, backend))


@verifies("CONTRACT-2", "GRAD-4", on=ROWS, needs=NEEDS, exhaustive=True)
def one_gradient_call_leaves_no_trace_in_the_next(backend: Backend, drawn: Seeded) -> None:
    """Gradients are made anew, not added to those of an earlier call."""
    assert_no_trace(backend, BOTH_WAYS, drawn[0], partial(judge_found, backend))


@verifies_beyond_core("CONTRACT-2", on=ROWS_OF_FORMS, exhaustive=True)
def one_call_of_any_form_leaves_no_trace_in_the_next(backend: Backend, drawn: Seeded) -> None:
    assert_no_trace(backend, FORWARD_ONLY, drawn[0], partial(judge_anew, backend))


@verifies_beyond_core("CONTRACT-2", on=ROWS_OF_FORMS, needs=NEEDS, exhaustive=True)
def one_gradient_call_of_any_form_leaves_no_trace_in_the_next(backend: Backend, drawn: Seeded) -> None:
    assert_no_trace(backend, BOTH_WAYS, drawn[0], partial(judge_anew, backend))


@verifies("CONTRACT-3", on=with_seed(SMALL))
def a_problem_whose_shapes_do_not_fit_is_refused(backend: Backend, drawn: Seeded) -> None:
    assert_all_refused(backend, malform_problem(*drawn), differentiate=False)


@verifies("CONTRACT-3", on=with_seed(SMALL), needs=NEEDS)
def a_question_whose_shapes_do_not_fit_gets_no_gradients(backend: Backend, drawn: Seeded) -> None:
    """Cotangents may be what does not fit."""
    assert_all_refused(backend, malform_loss(*drawn), differentiate=True)


@verifies_beyond_core("CONTRACT-3", on=with_seed(SMALL_OF_FORMS))
def a_problem_of_any_form_whose_shapes_do_not_fit_is_refused(backend: Backend, drawn: Seeded) -> None:
    assert_all_refused(backend, malform_problem(*drawn), differentiate=False)


@verifies_beyond_core("CONTRACT-3", on=with_seed(SMALL_OF_FORMS), needs=NEEDS)
def a_question_of_any_form_whose_shapes_do_not_fit_gets_no_gradients(backend: Backend, drawn: Seeded) -> None:
    assert_all_refused(backend, malform_loss(*drawn), differentiate=True)
