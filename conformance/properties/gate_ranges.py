"""Gates read alone, their ranges, and what a cell does whose gates are open or shut.

A pre-activation of +-1000 opens or shuts a gate to the last bit of float64, so one gate at a time can be read through
the public interface. Nothing here runs the equations: what is expected follows from the sentence.
"""

from typing import Any

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.comparison import STEP, Comparison, assert_observed, assert_within
from conformance.assertions.forward import FINAL
from conformance.assertions.shapes import assert_gradients_shaped
from conformance.assertions.single_gate import OPEN, SHUT, hold_gates, isolate_gate, observe_answer, show_returned_cell
from conformance.outcome import Refuted
from conformance.problems.derived import with_seed
from conformance.problems.question import Question, Recipe, with_gates
from conformance.problems.recipes import problems, questions
from conformance.property import verifies
from conformance.tolerance import rounding
from conformance.tolerance.reading import take_step
from lstm_spec import Backend, Feature, Gate, Problem, pack

Seeded = tuple[Problem, int]
LASTING = problems(
    T=(1, 2, 3, 8, 33), x="zero one-hot dense dense sparse", W="zero dense dense by-width", U="zero dense by-width"
)


# ---------------------------------------------------------------- one gate alone

READ = with_seed(problems(T=1, B=(1, 2, 3), H=(1, 3, 8, 17, 40)))


@verifies("CELL-1", "ACT-1", "ACC-1", on=READ)
def the_input_gate_read_alone_is_the_logistic_function(backend: Backend, drawn: Seeded) -> None:
    asked, v = isolate_gate(*drawn, "i", 0.0, f=SHUT, g=OPEN, o=OPEN)
    answer, expected = observe_answer(backend, asked)
    assert_observed(Comparison("i", FINAL, answer.state.c[0], rounding.sigmoid_value(v), expected.last.error))


@verifies("CELL-2", "ACT-1", "ACC-1", on=READ)
def the_forget_gate_read_alone_is_the_logistic_function(backend: Backend, drawn: Seeded) -> None:
    asked, v = isolate_gate(*drawn, "f", 1.0, i=SHUT, g=0.0, o=OPEN)
    answer, expected = observe_answer(backend, asked)
    assert_observed(Comparison("f", FINAL, answer.state.c[0], rounding.sigmoid_value(v), expected.last.error))


@verifies("CELL-3", "ACT-2", "ACC-1", on=READ)
def the_candidate_read_alone_is_the_hyperbolic_tangent(backend: Backend, drawn: Seeded) -> None:
    asked, v = isolate_gate(*drawn, "g", 0.0, i=OPEN, f=SHUT, o=OPEN)
    answer, expected = observe_answer(backend, asked)
    assert_observed(Comparison("g", FINAL, answer.state.c[0], np.tanh(v), expected.last.error))


@verifies("CELL-4", "ACT-1", "ACC-1", on=READ)
def the_output_gate_read_alone_is_the_logistic_function(backend: Backend, drawn: Seeded) -> None:
    asked, v = isolate_gate(*drawn, "o", 50.0, i=SHUT, f=OPEN, g=0.0)
    answer, expected = observe_answer(backend, asked)
    assert_observed(Comparison("o", FINAL, answer.y[0], rounding.sigmoid_value(v), expected.h.error[0]))


@verifies("CELL-6", "ACT-2", "ACC-1", on=READ)
def the_cell_state_shown_is_its_hyperbolic_tangent(backend: Backend, drawn: Seeded) -> None:
    asked, v = isolate_gate(*drawn, "c", None, i=SHUT, f=OPEN, g=0.0, o=OPEN)
    answer, expected = observe_answer(backend, asked)
    assert_observed(Comparison("tanh(c)", FINAL, answer.y[0], np.tanh(v), expected.h.error[0]))


# ---------------------------------------------------------------- ranges


@verifies("CELL-6", "ACT-2", on=problems())
def a_hidden_state_never_leaves_plus_or_minus_one(backend: Backend, problem: Problem) -> None:
    answer, expected = observe_answer(backend, problem)
    assert_within(Comparison("y within [-1, 1]", STEP, answer.y, np.clip(answer.y, -1, 1), expected.h.error))


@verifies("CELL-5", "ACT-1", "ACT-2", on=problems())
def a_cell_state_grows_by_at_most_one_a_step(backend: Backend, problem: Problem) -> None:
    answer, expected = observe_answer(backend, problem)
    room = np.abs(problem.state.c[0].astype(np.float64)) + len(problem.x)
    c = answer.state.c[0]
    assert_within(Comparison("c_T within |c_0| + T", FINAL, c, np.clip(c, -room, room), expected.last.error))


# ---------------------------------------------------------------- gates open or shut


@verifies("CELL-1", "CELL-2", "CELL-5", on=LASTING)
def an_open_forget_gate_and_a_shut_input_gate_carry_the_cell(backend: Backend, problem: Problem) -> None:
    problem = hold_gates(problem, f=OPEN, i=SHUT)
    answer, expected = observe_answer(backend, problem)
    assert_within(Comparison("c_T", FINAL, answer.state.c[0], problem.state.c[0], expected.last.error))


@verifies("CELL-1", "CELL-2", "CELL-5", on=LASTING)
def a_cell_with_both_gates_shut_is_empty(backend: Backend, problem: Problem) -> None:
    problem = hold_gates(problem, f=SHUT, i=SHUT)
    answer, expected = observe_answer(backend, problem)
    assert_within(Comparison("c_T", FINAL, answer.state.c[0], np.zeros(()), expected.last.error))


@verifies("CELL-1", "CELL-2", "CELL-3", "CELL-5", on=with_seed(LASTING))
def an_open_input_gate_over_a_shut_forget_gate_writes_the_candidate(backend: Backend, drawn: Seeded) -> None:
    sign = (-1) ** drawn[1]
    problem = hold_gates(drawn[0], f=SHUT, i=OPEN, g=sign * OPEN)
    answer, expected = observe_answer(backend, problem)
    assert_within(Comparison("c_T", FINAL, answer.state.c[0], np.array(sign), expected.last.error))


@verifies("CELL-1", "CELL-2", "CELL-5", on=problems(T=(1, 2, 5, 12, 33, 70), x="zero dense", W="dense", U="by-width"))
def open_gates_count_the_steps(backend: Backend, problem: Problem) -> None:
    """With every gate open and the candidate at one, the cell grows by one a step."""
    problem = hold_gates(problem, f=OPEN, i=OPEN, g=OPEN, o=OPEN)
    answer, expected = observe_answer(backend, problem)
    counted = problem.state.c[0].astype(np.float64) + len(problem.x)
    assert_within(Comparison("c_T", FINAL, answer.state.c[0], counted, expected.last.error))


@verifies("CELL-1", "CELL-5", on=LASTING)
def a_shut_input_gate_adds_nothing(backend: Backend, problem: Problem) -> None:
    problem = hold_gates(problem, i=SHUT)
    answer, expected = observe_answer(backend, problem)
    room, c = np.abs(problem.state.c[0].astype(np.float64)), answer.state.c[0]
    assert_within(Comparison("c_T within |c_0|", FINAL, c, np.clip(c, -room, room), expected.last.error))


@verifies("CELL-4", "CELL-6", on=LASTING)
def an_open_output_gate_shows_the_cell(backend: Backend, problem: Problem) -> None:
    problem = hold_gates(problem, o=OPEN)
    answer, expected = observe_answer(backend, problem)
    c = answer.state.c[0].astype(np.float64)
    shown = show_returned_cell(backend, problem, take_step(-1, expected.o), c)
    assert_within(Comparison("h_T", FINAL, answer.state.h[0], np.tanh(c), shown.error))


@verifies("CELL-4", "CELL-6", on=LASTING)
def a_shut_output_gate_shows_nothing(backend: Backend, problem: Problem) -> None:
    problem = hold_gates(problem, o=SHUT)
    answer, expected = observe_answer(backend, problem)
    assert_within(Comparison("y", STEP, answer.y, np.zeros(()), expected.h.error))


# ---------------------------------------------------------------- far out


def saturate(of: Recipe) -> Recipe:
    """Every pre-activation near +-10,000."""

    def recipe(context: Any) -> Any:
        return with_seed(of)(context).map(lambda drawn: _saturate_problem(*drawn))

    return recipe


def _saturate_problem(problem: Problem, seed: int) -> Problem:
    rng = np.random.default_rng(seed)

    def far(k: str, gate: Gate) -> Gate:
        return gate._replace(b=frozen(rng.choice([-1e4, 1e4], gate.b.shape).astype(gate.b.dtype)))

    return with_gates(problem, far)


FAR = saturate(LASTING)


@verifies("ACT-3", "ACT-1", "ACT-2", on=FAR)
def pre_activations_of_ten_thousand_only_open_and_shut_gates(backend: Backend, problem: Problem) -> None:
    """Every gate is 0 or 1 and the candidate +-1, so the cell can be counted by hand."""
    answer, expected = observe_answer(backend, problem)
    i, f, g, _ = np.split(pack(problem.layer).b > 0, 4)
    c = problem.state.c[0].astype(np.float64)
    for _ in range(len(problem.x)):
        c = np.where(f, c, 0) + np.where(i, np.where(g, 1.0, -1.0), 0)
    assert_within(Comparison("c_T", FINAL, answer.state.c[0], c, expected.last.error))


@verifies("ACT-3", on=questions(FAR, dy="dense", dh="dense", dc="dense"), needs=(Feature.GRADIENTS,))
def saturated_gates_have_finite_gradients(backend: Backend, question: Question) -> None:
    _, gradients = backend.differentiate(*question)
    assert_gradients_shaped(gradients, question.problem)
    parts = (*pack(gradients.parameters[0][0]), gradients.x, *gradients.state)
    if not all(np.isfinite(part).all() for part in parts):
        raise Refuted("a gradient is not finite though every gate is open or shut", clause="ACT-3")


@verifies("ACT-4", on=FAR)
def saturation_raises_no_floating_point_warning(backend: Backend, problem: Problem) -> None:
    raised: list[str] = []
    with np.errstate(over="call", invalid="call", divide="call", call=lambda kind, _: raised.append(kind)):
        backend.forward(problem)
    if raised:
        raise Refuted(f"NumPy reports {raised[0]} on a pre-activation of 10,000; use the stable form of ACT-1")
