"""Gradient flow over long sequences: along the cell only the forget gates count, at every lag.

U = 0 cuts the path through h, so what is expected is a product that can be written down.
"""

from typing import Any

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.comparison import Comparison, assert_within, model_of
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.outcome import Inconclusive
from conformance.problems.derived import with_seed
from conformance.problems.question import Question, Recipe, with_gates
from conformance.problems.recipes import problems, questions
from conformance.property import verifies
from conformance.tolerance.backpropagation import free_backpropagation
from conformance.tolerance.layer_backward import Backpropagation
from conformance.tolerance.rounding import sigmoid_value
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import Backend, Cotangents, ErrorModel, Feature, Gate, Problem
from lstm_spec.types import Array

NEEDS = (Feature.GRADIENTS,)
FINAL = ("batch", "unit")
LONGEST = 2000  # steps; fewer where a step rounds so coarsely that little is left of more
ROUNDINGS = 16  # of each step, about


def draw_carousels(x: str, forget: str) -> Recipe:
    """A loss on c_T alone; U = 0, so that only the cell carries anything."""

    def recipe(context: Any) -> Any:
        T = _choose_lengths(context.model)
        cells = problems(T=T, B=(1, 2, 3), I=(1, 2), H=(1, 2, 3, 5), x=x, W="dense small", U="zero", c="dense wide")
        asked = questions(cells, dy="zero", dh="zero", dc="dense")
        return with_seed(asked)(context).map(lambda drawn: _set_forget_bias(drawn[0], drawn[1], forget))

    return recipe


def _choose_lengths(model: ErrorModel) -> range:
    longest = min(LONGEST, int(0.5 / (ROUNDINGS * (model.u + model.u_c))))
    return range(33 if longest > 33 else 2, longest + 1)


def allowed_flow(backend: Backend, problem: Problem, d: Cotangents) -> Backpropagation:
    """How far the gradients may be off; Inconclusive where that is as much as the loss itself."""
    model = model_of(backend, problem)
    allowed = free_backpropagation(problem, free_trajectory(problem, model), d, model)
    if not allowed.dc.error.max(initial=0) <= np.abs(d.state.c.astype(np.float64)).max(initial=0):
        raise Inconclusive("rounding may have changed the gradient by as much as it is")
    return allowed


def _set_forget_bias(question: Question, seed: int, forget: str) -> Question:
    rng = np.random.default_rng(seed)
    low, high = {"open": (1000, 1000), "long": (2, 9), "any": (-1, 9)}[forget]

    def set_bias(k: str, gate: Gate) -> Gate:
        if k == "f":
            return gate._replace(b=frozen(rng.uniform(low, high, gate.b.shape).astype(gate.b.dtype)))
        shut = k == "i" and forget == "open"
        return gate._replace(b=frozen(np.full_like(gate.b, -1000))) if shut else gate

    return Question(with_gates(question.problem, set_bias), question.d)


def forget_gates(problem: Problem) -> Array:
    """f_t (T, B, H) where U = 0."""
    gate = problem.layer.f
    assert gate is not None
    return sigmoid_value(problem.x.astype(np.float64) @ gate.W.T.astype(np.float64) + gate.b)


@verifies("FLOW-1", on=draw_carousels("dense sparse", "any"), needs=NEEDS, long=True)
def along_the_cell_the_gradient_is_the_product_of_the_forget_gates(backend: Backend, question: Question) -> None:
    problem, d = question
    _, gradients = backend.differentiate(problem, d)
    assert_gradients_shaped(gradients, problem)
    product = d.state.c[0] * np.prod(forget_gates(problem), axis=0)
    allowed = allowed_flow(backend, problem, d).dc.error
    assert_within(Comparison("dc_0", FINAL, gradients.state.c[0], product, allowed))


@verifies("FLOW-2", on=draw_carousels("dense sparse", "open"), needs=NEEDS, long=True)
def an_open_forget_gate_carries_the_gradient_unchanged(backend: Backend, question: Question) -> None:
    problem, d = question
    _, gradients = backend.differentiate(problem, d)
    assert_gradients_shaped(gradients, problem)
    allowed = allowed_flow(backend, problem, d).dc.error
    assert_within(Comparison("dc_0", FINAL, gradients.state.c[0], d.state.c[0], allowed))


@verifies("FLOW-2", "CELL-5", on=draw_carousels("dense sparse", "open"), long=True)
def an_open_forget_gate_carries_the_cell_for_any_number_of_steps(backend: Backend, question: Question) -> None:
    problem = question.problem
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    allowed = free_trajectory(problem, model_of(backend, problem)).last.error
    assert_within(Comparison("c_T", FINAL, answer.state.c[0], problem.state.c[0], allowed))


@verifies("FLOW-3", "FLOW-1", "GRAD-3", on=draw_carousels("zero", "long"), needs=NEEDS, long=True)
def the_gradient_decays_at_the_rate_of_the_forget_gate_at_every_lag(backend: Backend, question: Question) -> None:
    """With x = 0 and one input of weight 1 into each candidate, dx_t shows the gradient at lag T - t."""
    problem, d = _read_through_the_candidate(question)
    _, gradients = backend.differentiate(problem, d)
    assert_gradients_shaped(gradients, problem)
    T = len(problem.x)
    f, i = (sigmoid_value(gate.b.astype(np.float64)) for gate in (problem.layer.f, problem.layer.i) if gate)
    slope = 1 - np.tanh(problem.layer.g.b.astype(np.float64)) ** 2
    lag = np.arange(T - 1, -1, -1)[:, None, None]
    expected = (d.state.c[0] * f**lag * i * slope).sum(axis=-1, keepdims=True)
    allowed = allowed_flow(backend, problem, d).dx.error
    assert_within(Comparison("dx", ("t", "batch", "input"), gradients.x, expected, allowed, backwards=True))


def _read_through_the_candidate(question: Question) -> Question:
    problem, d = question
    return Question(with_gates(problem, lambda k, gate: gate._replace(W=frozen(np.full_like(gate.W, k == "g")))), d)
