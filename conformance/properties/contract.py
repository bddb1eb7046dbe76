"""The contract: inputs stay as they were, the same question gets the same answer, nonsense is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.assertions.backward import assert_gradients_conform_freely
from conformance.assertions.comparison import STEP, assert_same
from conformance.assertions.forward import assert_conforms
from conformance.assertions.refusals import ask_for_refusal
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.outcome import Refuted
from conformance.problems.question import Question, redraw_numbers, with_gates
from conformance.problems.recipes import problems, questions, tame_questions, with_seed
from conformance.property import verifies
from lstm_spec import Answer, Backend, Feature, Gate, Gradients, Problem, State, pack

ANY = questions(problems(T=(1, 2, 3, 5, 9), H=(1, 2, 3, 5, 8)), dy="dense", dh="dense", dc="dense")
NEEDS = (Feature.GRADIENTS,)
LAYERED = ("layer", "batch", "unit")
PARTS = ("dW", "dU", "db", "dx", "dh_0", "dc_0")


def copy_writable(problem: Problem) -> Problem:
    """A copy that may be written into."""
    copied = with_gates(problem, lambda _, gate: Gate(*(a.copy() for a in gate[:3] if a is not None)))
    return replace(copied, x=problem.x.copy(), state=State(*(a.copy() for a in problem.state)))


def assert_unchanged(problem: Problem, before: Problem) -> None:
    for letter in "ifgo":
        for part in "WUb":
            got, was = (getattr(getattr(p.layer, letter), part) for p in (problem, before))
            assert_same(f"{letter}.{part} after the call", got, was, ("row", "column")[: got.ndim])
    assert_same("x after the call", problem.x, before.x, ("t", "batch", "input"))
    assert_same("h_0 after the call", problem.state.h, before.state.h, LAYERED)
    assert_same("c_0 after the call", problem.state.c, before.state.c, LAYERED)


@verifies("CONTRACT-1", on=ANY)
def a_call_leaves_its_inputs_as_they_were(backend: Backend, question: Question) -> None:
    handed = copy_writable(question.problem)
    backend.forward(handed)
    assert_unchanged(handed, question.problem)


@verifies("CONTRACT-1", on=ANY, needs=NEEDS)
def a_gradient_call_leaves_its_inputs_as_they_were(backend: Backend, question: Question) -> None:
    problem, d = question
    handed = copy_writable(problem)
    loss = replace(d, y=d.y.copy(), state=State(*(a.copy() for a in d.state)))
    backend.differentiate(handed, loss)
    assert_unchanged(handed, problem)
    assert_same("dL/dy after the call", loss.y, d.y, STEP)
    assert_same("dL/dh_T after the call", loss.state.h, d.state.h, LAYERED)
    assert_same("dL/dc_T after the call", loss.state.c, d.state.c, LAYERED)


def assert_repeated(backend: Backend, problem: Problem, first: Answer, again: Answer) -> None:
    """Refuted unless the second answer is the first: to the last bit, or conforming where it is not deterministic."""
    for answer in (first, again):
        assert_answer_shaped(answer, problem)
    if backend.offers(Feature.DETERMINISTIC):
        assert_same("y, asked again", again.y, first.y, STEP)
        assert_same("h_T, asked again", again.state.h, first.state.h, LAYERED)
        assert_same("c_T, asked again", again.state.c, first.state.c, LAYERED)
    else:
        assert_conforms(backend, first, problem)
        assert_conforms(backend, again, problem)


@verifies("CONTRACT-2", on=ANY)
def the_same_question_gets_the_same_answer(backend: Backend, question: Question) -> None:
    problem = question.problem
    assert_repeated(backend, problem, backend.forward(problem), backend.forward(problem))


@verifies("CONTRACT-2", on=with_seed(ANY))
def one_call_leaves_no_trace_in_the_next(backend: Backend, drawn: tuple[Question, int]) -> None:
    """Another problem of the same shapes is asked in between; the first answer must not move either."""
    question, seed = drawn
    problem = question.problem
    first = backend.forward(problem)
    assert_answer_shaped(first, problem)
    kept = Answer(first.y.copy(), State(first.state.h.copy(), first.state.c.copy()))
    backend.forward(redraw_numbers(problem, seed))
    assert_same("an earlier y, after another call", first.y, kept.y, STEP)
    assert_same("an earlier h_T, after another call", first.state.h, kept.state.h, LAYERED)
    assert_same("an earlier c_T, after another call", first.state.c, kept.state.c, LAYERED)
    assert_repeated(backend, problem, kept, backend.forward(problem))


@verifies("CONTRACT-2", "GRAD-4", on=with_seed(tame_questions()), needs=NEEDS)
def one_gradient_call_leaves_no_trace_in_the_next(backend: Backend, drawn: tuple[Question, int]) -> None:
    """Gradients are made anew, not added to those of an earlier call."""
    (problem, d), seed = drawn
    answer, earlier = backend.differentiate(problem, d)
    first, y = _copy_gradients(problem, earlier), np.array(answer.y)
    backend.forward(redraw_numbers(problem, seed))
    backend.differentiate(redraw_numbers(problem, seed), d)
    assert_same("an earlier y, after other calls", answer.y, y, STEP)
    for name, one, two in zip(PARTS, first, _copy_gradients(problem, earlier), strict=True):
        assert_same(f"an earlier {name}, after other calls", two, one, ("row", "column", "place")[: one.ndim])
    _, gradients = backend.differentiate(problem, d)
    again = _copy_gradients(problem, gradients)
    if backend.offers(Feature.DETERMINISTIC):
        for name, one, two in zip(PARTS, first, again, strict=True):
            assert_same(f"{name}, asked again", two, one, ("row", "column", "place")[: one.ndim])
    else:
        assert_gradients_conform_freely(backend, problem, d, gradients)


def _copy_gradients(problem: Problem, gradients: Gradients) -> list[Any]:
    assert_gradients_shaped(gradients, problem)
    parts = (*pack(gradients.parameters[0][0]), gradients.x, *gradients.state)
    return [np.array(part) for part in parts]


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


@verifies("CONTRACT-3", on=with_seed(ANY))
def a_problem_whose_shapes_do_not_fit_is_refused(backend: Backend, drawn: tuple[Question, int]) -> None:
    question, seed = drawn
    malform = MALFORMED[seed % len(MALFORMED)]
    if ask_for_refusal(backend, malform(question.problem)):
        what = malform.__name__.strip("_").replace("_", " ")
        raise Refuted(f"a problem with {what} was answered, expected an exception; check the shapes first")
