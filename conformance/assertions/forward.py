"""Whether an answer of one layer is that of the equations."""

from conformance.assertions.comparison import (
    STATE,
    STEP,
    Comparison,
    assert_agree,
    assert_observed,
    assert_same,
    model_of,
)
from conformance.assertions.overflow import assert_finite_enough
from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Inconclusive
from conformance.tolerance.conclusive import conclusive
from conformance.tolerance.layer import Trajectory
from conformance.tolerance.trajectories import free_trajectory, observed_trajectory
from lstm_spec import Answer, Backend, Problem
from lstm_spec.types import Array


def assert_conforms(backend: Backend, answer: Answer, problem: Problem) -> Trajectory | None:
    """Refuted unless the answer is that of the equations, each step judged from the states the backend returned.

    The trajectory it was compared with; None for an empty sequence.
    """
    assert_answer_shaped(answer, problem)
    if len(answer.y) == 0:
        assert_same("the final h", answer.state.h, problem.state.h, STATE, "SHAPE-5")
        assert_same("the final c", answer.state.c, problem.state.c, STATE, "SHAPE-5")
        return None
    assert_finite_enough(answer, problem)
    expected = observed_trajectory(problem, answer.y, model_of(backend, problem))
    assert_observed(Comparison("y", STEP, answer.y, *expected.h))
    assert_same("the final h", answer.state.h[0], answer.y[-1], ("batch", "unit"), "SEQ-3")
    final = Comparison("c_T", ("batch", "unit"), answer.state.c[0], *expected.last)
    assert_observed(final)
    return expected


def assert_steps_conform(backend: Backend, y: Array, problem: Problem) -> None:
    """Refuted unless the outputs y of all steps are those of the equations; nothing is said of the final state."""
    if len(y):
        expected = observed_trajectory(problem, y, model_of(backend, problem))
        assert_observed(Comparison("y", STEP, y, *expected.h))


def free_run(backend: Backend, problem: Problem, handed_on: bool = False) -> Trajectory:
    """The equations run from the initial state alone; Inconclusive where rounding may have grown too much."""
    model = model_of(backend, problem)
    expected = free_trajectory(problem, model, handed_on)
    if not expected.h.error.max(initial=0) <= conclusive(model):  # NaN is not conclusive
        raise Inconclusive("rounding may have grown too much")
    return expected


def assert_answers_agree(
    backend: Backend, one: tuple[Problem, Answer], other: tuple[Problem, Answer], handed_on: bool = False
) -> None:
    """Refuted unless two problems that mean the same got the same answer, as far as rounding allows (free runs).

    `handed_on`: the state may have been returned at some steps, and read again.
    """
    (p, a), (q, b) = one, other
    assert_answer_shaped(a, p)
    assert_answer_shaped(b, q)
    mine, yours = free_run(backend, p, handed_on), free_run(backend, q, handed_on)
    assert_agree("y", STEP, a.y, b.y, mine.h.error, yours.h.error)
    final = (mine.last.error, yours.last.error)
    assert_agree("c_T", ("batch", "unit"), a.state.c[0], b.state.c[0], *final)
    final = (mine.h.error[-1], yours.h.error[-1])
    assert_agree("h_T", ("batch", "unit"), a.state.h[0], b.state.h[0], *final)
