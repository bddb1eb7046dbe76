"""The contract: inputs stay as they were, the same question gets the same answer, nonsense is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.assertions.backward import assert_gradients_conform_freely
from conformance.assertions.forward import assert_conforms
from conformance.assertions.memory import (
    Found,
    ask_answer,
    ask_gradients,
    assert_found_shaped,
    assert_inputs_stay,
    assert_no_trace,
    assert_repeated,
)
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.assertions.refusals import ask_for_refusal
from conformance.outcome import Refuted
from conformance.problems.form import MANY_ARRAYS
from conformance.problems.question import Question
from conformance.problems.recipes import (
    if_more_than_the_core_is_claimed,
    networks,
    problems,
    questions,
    tame_questions,
    with_seed,
)
from conformance.property import verifies, verifies_beyond_core
from lstm_spec import Backend, Feature, Problem, State

ANY = questions(problems(T=(1, 2, 3, 5, 9), H=(1, 2, 3, 5, 8)), dy="dense", dh="dense", dc="dense")
OF_ANY_FORM = questions(if_more_than_the_core_is_claimed(networks(**MANY_ARRAYS, T=(1, 2, 3))))
NEEDS = (Feature.GRADIENTS,)
Seeded = tuple[Question, int]


@verifies("CONTRACT-1", on=ANY)
def a_call_leaves_its_inputs_as_they_were(backend: Backend, question: Question) -> None:
    assert_inputs_stay(backend, ask_answer, question)


@verifies("CONTRACT-1", on=ANY, needs=NEEDS)
def a_gradient_call_leaves_its_inputs_as_they_were(backend: Backend, question: Question) -> None:
    assert_inputs_stay(backend, ask_gradients, question)


@verifies_beyond_core("CONTRACT-1", on=OF_ANY_FORM)
def a_call_of_any_form_leaves_its_inputs_as_they_were(backend: Backend, question: Question) -> None:
    assert_inputs_stay(backend, ask_answer, question)


@verifies_beyond_core("CONTRACT-1", on=OF_ANY_FORM, needs=NEEDS)
def a_gradient_call_of_any_form_leaves_its_inputs_as_they_were(backend: Backend, question: Question) -> None:
    assert_inputs_stay(backend, ask_gradients, question)


@verifies("CONTRACT-2", on=ANY)
def the_same_question_gets_the_same_answer(backend: Backend, question: Question) -> None:
    first, again = (ask_answer(backend, *question) for _ in range(2))
    assert_found_shaped(first, question.problem)
    assert_found_shaped(again, question.problem)
    assert_repeated(backend, first, again, lambda found: assert_conforms(backend, found["answer"], question.problem))


@verifies("CONTRACT-2", on=with_seed(ANY))
def one_call_leaves_no_trace_in_the_next(backend: Backend, drawn: Seeded) -> None:
    """Other questions of the same shapes are asked in between; the earlier answers must not move either."""

    def judge(found: Found) -> None:
        assert_conforms(backend, found["answer"], drawn[0].problem)

    assert_no_trace(backend, ask_answer, *drawn, judge)


@verifies("CONTRACT-2", "GRAD-4", on=with_seed(tame_questions()), needs=NEEDS)
def one_gradient_call_leaves_no_trace_in_the_next(backend: Backend, drawn: Seeded) -> None:
    """Gradients are made anew, not added to those of an earlier call."""

    def judge(found: Found) -> None:
        assert_gradients_conform_freely(backend, *drawn[0], found["gradients"])

    assert_no_trace(backend, ask_gradients, *drawn, judge)


@verifies_beyond_core("CONTRACT-2", on=with_seed(OF_ANY_FORM))
def one_call_of_any_form_leaves_no_trace_in_the_next(backend: Backend, drawn: Seeded) -> None:
    def judge(_: Found) -> None:
        assert_network_conforms(backend, drawn[0].problem)

    assert_no_trace(backend, ask_answer, *drawn, judge)


@verifies_beyond_core("CONTRACT-2", on=with_seed(OF_ANY_FORM), needs=NEEDS)
def one_gradient_call_of_any_form_leaves_no_trace_in_the_next(backend: Backend, drawn: Seeded) -> None:
    def judge(_: Found) -> None:
        assert_network_gradients_conform(backend, *drawn[0])

    assert_no_trace(backend, ask_gradients, *drawn, judge)


def _widen_b(problem: Problem) -> Problem:
    i = problem.layer.gates["i"]
    return replace(problem, parameters=((problem.layer._replace(i=i._replace(b=np.append(i.b, i.b[:1]))),),))


def _widen_x(problem: Problem) -> Problem:
    return replace(problem, x=np.concatenate([problem.x, problem.x[..., :1]], axis=2))


def _widen_u(problem: Problem) -> Problem:
    f = problem.layer.f
    assert f is not None
    U = np.concatenate([f.U, f.U[:, :1]], axis=1)
    return replace(problem, parameters=((problem.layer._replace(f=f._replace(U=U)),),))


def _add_states(problem: Problem) -> Problem:
    return replace(problem, state=State(*(np.concatenate([a, a], axis=1) for a in problem.state)))


MALFORMED: tuple[Callable[[Problem], Problem], ...] = (_widen_b, _widen_x, _widen_u, _add_states)


@verifies("CONTRACT-3", on=ANY)
def a_problem_whose_shapes_do_not_fit_is_refused(backend: Backend, question: Question) -> None:
    for malform in MALFORMED:
        if ask_for_refusal(backend, malform(question.problem)):
            what = malform.__name__.strip("_").replace("_", " ")
            raise Refuted(f"a problem with {what} was answered, expected an exception; check the shapes first")
