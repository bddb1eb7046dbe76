"""The reference module does what the clauses of MOD say, by hand; sessions mean what they say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.problems.question import redraw_numbers, with_gates
from lstm_spec import (
    REFERENCE,
    REFERENCE_MODULE,
    Feature,
    Implementation,
    Problem,
    ReferenceModule,
    State,
    make_backend,
)
from lstm_spec.modules.sessions import Call, Session, check_session, hold_session, interpret_session, omit_biases
from tests.helpers.problems import make_loss, make_problem


def draw(seed: int = 0, T: int = 4, B: int = 3) -> Problem:
    return redraw_numbers(make_problem(T, B), seed)


def build(problem: Problem) -> ReferenceModule:
    return ReferenceModule(problem.parameters, problem.variant, problem.directions)


def assert_equal(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.y, other.y)
    np.testing.assert_array_equal(one.state.h, other.state.h)
    np.testing.assert_array_equal(one.state.c, other.state.c)


def test_a_module_answers_like_the_equations_whatever_was_asked_before() -> None:
    one, other = draw(), draw(1, 7, 2)
    module = build(one)
    for problem in (one, other, one):
        meant = replace(problem, parameters=one.parameters)
        assert_equal(module.forward(problem.x, problem.state), REFERENCE.forward(meant))
        answer, found = module.gradients(problem.x, make_loss(problem), problem.state)
        assert_equal(answer, REFERENCE.forward(meant))
        np.testing.assert_array_equal(found.x, REFERENCE.differentiate(meant, make_loss(problem))[1].x)


def test_a_sequence_in_parts_is_the_whole_sequence() -> None:
    problem = draw(T=6)
    module = build(problem)
    first = module.forward(problem.x[:1], problem.state)
    parts = [first, *(module.forward(problem.x[k : k + 1], "kept") for k in range(1, 6))]
    np.testing.assert_array_equal(np.concatenate([part.y for part in parts]), REFERENCE.forward(problem).y)
    module.reset()
    zero = State(*map(np.zeros_like, problem.state))
    assert_equal(module.forward(problem.x, "kept"), REFERENCE.forward(replace(problem, state=zero)))


def test_what_is_left_out_is_zero() -> None:
    problem = draw()
    module = ReferenceModule(omit_biases(problem.parameters))
    meant = with_gates(problem, lambda _, gate: gate._replace(b=np.zeros_like(gate.b)))
    zero = State(*map(np.zeros_like, problem.state))
    assert_equal(module.forward(problem.x), REFERENCE.forward(replace(meant, state=zero)))


def test_parameters_are_changed_in_place_saved_copied_and_shared() -> None:
    one, other = draw(), draw(1)
    first, second = build(one), build(other)
    second.restore(first.save())
    assert_equal(second.forward(one.x, one.state), REFERENCE.forward(one))
    copied = first.copy()
    first.load(other.parameters)
    assert_equal(copied.forward(one.x, one.state), REFERENCE.forward(one))
    assert_equal(first.forward(other.x, other.state), REFERENCE.forward(other))
    copied.tie(first)
    copied.load(one.parameters)
    assert_equal(first.forward(one.x, one.state), REFERENCE.forward(one))


def test_a_module_copies_what_it_is_given() -> None:
    problem = draw()
    W = problem.layer.g.W.copy()
    mine = problem.layer._replace(g=problem.layer.g._replace(W=W))
    module = ReferenceModule(((mine,),))
    W[...] = 0
    assert_equal(module.forward(problem.x, problem.state), REFERENCE.forward(problem))


def test_the_backend_of_an_implementation_builds_a_module_for_each_question() -> None:
    backend, problem = make_backend(REFERENCE_MODULE), draw()
    assert_equal(backend.forward(problem), REFERENCE.forward(problem))
    np.testing.assert_array_equal(
        backend.differentiate(problem, make_loss(problem))[1].x,
        REFERENCE.differentiate(problem, make_loss(problem))[1].x,
    )
    assert backend.offers(Feature.MODULE) and not REFERENCE.offers(Feature.STATEFUL)


def test_a_session_means_the_problems_that_its_calls_ask() -> None:
    one, other = draw(), draw(1)
    calls = (
        Call(one, "build"),
        Call(one, "forward"),
        Call(other, "forward", state="kept"),
        Call(other, "load"),
        Call(one, "gradients", d=make_loss(one), without="state"),
        Call(None, "read"),
        Call(None, "reset"),
        Call(one, "forward", state="kept"),
    )
    session = Session(calls)
    check_session(session)
    replies = hold_session(REFERENCE_MODULE, session)
    meant = interpret_session(session, replies)
    assert [m is None for m in meant] == [True, False, False, True, False, False, True, False]
    assert meant[1] is not None and meant[1].problem is not None and meant[1].problem.parameters is one.parameters
    kept, zeros, read = meant[2], meant[4], meant[5]
    assert kept is not None and kept.problem is not None and kept.problem.state is replies[1].state
    assert zeros is not None and zeros.problem is not None and not zeros.problem.state.h.any()
    assert zeros.wanted == ("W", "U", "b", "p", "R", "x") and read is not None and read.parameters is other.parameters


PROBLEM = draw()
NONSENSE = {
    "no calls": Session(()),
    "no module is built": Session((Call(PROBLEM, "forward"),)),
    "built twice": Session((Call(PROBLEM, "build"), Call(PROBLEM, "build"))),
    "nothing to copy": Session((Call(PROBLEM, "build"), Call(None, "copy", 1, other=2))),
    "nothing was saved": Session((Call(PROBLEM, "build"), Call(None, "restore"))),
    "no cotangents": Session((Call(PROBLEM, "build"), Call(PROBLEM, "gradients"))),
    "no problem": Session((Call(PROBLEM, "build"), Call(None, "forward"))),
    "another verb": Session((Call(PROBLEM, "build"), Call(PROBLEM, "dance"))),  # type: ignore[arg-type]
    "another part": Session((Call(PROBLEM, "build"), Call(PROBLEM, "forward", wanted=("z",)))),
    "too many modules": Session((Call(PROBLEM, "build", 99),)),
    "left out": Session((Call(PROBLEM, "build"), Call(PROBLEM, "forward", without="x"))),  # type: ignore[arg-type]
    "something else": Session((PROBLEM,)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", NONSENSE)
def test_a_session_without_sense_is_refused(what: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        check_session(NONSENSE[what])


def test_an_implementation_without_sense_is_refused() -> None:
    wrong: Any = None
    with pytest.raises(TypeError, match="build is a NoneType, expected a function"):
        make_backend(Implementation("mine", wrong))
    with pytest.raises(TypeError, match="description is a NoneType, expected a Description"):
        make_backend(Implementation("mine", ReferenceModule, wrong))


# ---------------------------------------------------------------- what a kept state goes on from


def keep_parts(problem: Problem) -> Session:
    """A call with the state of the problem, and one for each later step from the state that was kept."""
    parts = [replace(problem, x=problem.x[k : k + 1]) for k in range(len(problem.x))]
    kept = [Call(part, "forward", state="kept") for part in parts[1:]]
    return Session((Call(problem, "build"), Call(parts[0], "forward"), *kept))


def test_what_goes_on_from_a_kept_state_means_the_whole_sequence_too() -> None:
    problem = draw()
    session = keep_parts(problem)
    *_, last = interpret_session(session, hold_session(REFERENCE_MODULE, session))
    assert last is not None and last.whole is not None
    whole, answer = last.whole
    np.testing.assert_array_equal(whole.x, problem.x)
    assert_equal(answer, REFERENCE.forward(problem))


@pytest.mark.parametrize("change", [np.ravel, lambda y: y[:, :1], lambda y: y[..., :0], lambda y: None])
@pytest.mark.parametrize("k", [1, 2])
def test_a_malformed_answer_continues_nothing(change: Any, k: int) -> None:
    session = keep_parts(draw())
    replies = list(hold_session(REFERENCE_MODULE, session))
    replies[k] = replace(replies[k], y=change(replies[k].y))
    later = interpret_session(session, tuple(replies))[k + 1 :]
    assert later and all(meant is not None and meant.whole is None for meant in later)


def test_what_goes_on_after_other_parameters_is_no_sequence() -> None:
    problem = draw()
    built, given, first, *rest = keep_parts(problem).calls
    session = Session((built, given, first, Call(draw(1), "load"), *rest))
    later = interpret_session(session, hold_session(REFERENCE_MODULE, session))[4:]
    assert len(later) == 2 and all(meant is not None and meant.whole is None for meant in later)
