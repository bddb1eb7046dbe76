"""That the batched float64 oracle of the judge is the specification, as nearly as it says itself."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.assertions.backward import name_parts
from conformance.assertions.comparison import model_of
from conformance.problems.question import Context, Question, Recipe
from conformance.problems.recipes import problems, questions
from conformance.tolerance.backpropagation import free_backpropagation, observed_backpropagation
from conformance.tolerance.reading import Trajectory
from conformance.tolerance.rounding import Bounded
from conformance.tolerance.tangents import push_tangent
from conformance.tolerance.trajectories import free_trajectory, observed_trajectory
from lstm_spec import REFERENCE, Array, ErrorModel, Parameters, Problem, State, network, pack
from lstm_spec.equations import cell
from lstm_spec.gradients import cell_gradient

SHAPES = dict(B=3, I=(2, 5), H=(3, 4), x="dense", W="by-width", b="dense shifted", h="within-1", c="dense")
LOSS = dict(dy="dense", dh="dense", dc="dense")
SHORT = questions(problems(T=(1, 4, 10), U="by-width", **SHAPES), **LOSS)
LONG = questions(problems(T=(500, 601), U="dense", **SHAPES), **LOSS)
LONG_AND_TAME = questions(problems(T=(500, 601), U="sparse", **SHAPES), **LOSS)  # free errors would outgrow a dense U

FEW = settings(max_examples=3, derandomize=True, database=None, deadline=None)
in_either_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
observed_at_any_length = pytest.mark.parametrize("recipe", [SHORT, LONG], ids=["short", "long"])
free_at_any_length = pytest.mark.parametrize("recipe", [SHORT, LONG_AND_TAME], ids=["short", "long"])


def drawn(data: st.DataObject, recipe: Recipe, dtype: str = "float64") -> Question:
    return data.draw(recipe(Context(np.dtype(dtype), REFERENCE.description)))


def model(problem: Problem) -> ErrorModel:
    return model_of(REFERENCE, problem)


def within(got: Array, expected: Bounded) -> bool:
    return got.shape == expected.value.shape and bool((np.abs(got - expected.value) <= expected.error).all())


def of_step(q: Bounded, *index: int) -> Bounded:
    return Bounded(q.value[index], q.error[index])


def state_before(forward: Trajectory, t: int, b: int) -> State:
    return State(forward.h_before.value[t, b], forward.c_before.value[t, b])


# ---------------------------------------------------------------- forward


@in_either_dtype
@free_at_any_length
@FEW
@given(st.data())
def test_a_free_trajectory_is_a_run_of_the_equations(dtype: str, recipe: Recipe, data: st.DataObject) -> None:
    problem, _ = drawn(data, recipe, dtype)
    answer = network.forward(problem)
    free = free_trajectory(problem, model(problem))
    assert within(answer.y, free.h)
    assert within(answer.state.c[0], of_step(free.c, -1))


@in_either_dtype
@observed_at_any_length
@FEW
@given(st.data())
def test_a_trajectory_observed_on_a_run_of_the_equations_is_that_run(
    dtype: str, recipe: Recipe, data: st.DataObject
) -> None:
    problem, _ = drawn(data, recipe, dtype)
    answer = network.forward(problem)
    observed = observed_trajectory(problem, answer.y, model(problem))
    assert within(answer.y, observed.h)
    assert within(answer.state.c[0], of_step(observed.c, -1))


@observed_at_any_length
@FEW
@given(st.data())
def test_every_observed_step_starts_from_the_hidden_state_it_was_shown(recipe: Recipe, data: st.DataObject) -> None:
    """However wrong the hidden states are; the cell state is the trajectory's own."""
    problem, _ = drawn(data, recipe)
    right = network.forward(problem).y
    y = right + np.random.default_rng(1).uniform(-0.5, 0.5, right.shape)
    observed = observed_trajectory(problem, y, model(problem))
    np.testing.assert_array_equal(observed.h_before.value, np.concatenate([problem.state.h, y[:-1]]))
    np.testing.assert_array_equal(observed.c_before.value, np.concatenate([problem.state.c, observed.c.value[:-1]]))
    for t, b in np.ndindex(y.shape[:2]):
        h, c = cell(problem.layer, problem.x[t, b], state_before(observed, t, b))
        assert within(h, of_step(observed.h, t, b)) and within(c, of_step(observed.c, t, b))


@in_either_dtype
@free_at_any_length
@FEW
@given(st.data())
def test_observed_and_free_trajectories_of_one_run_agree_in_every_quantity(
    dtype: str, recipe: Recipe, data: st.DataObject
) -> None:
    problem, _ = drawn(data, recipe, dtype)
    free = free_trajectory(problem, model(problem))
    observed = observed_trajectory(problem, network.forward(problem).y, model(problem))
    for field in fields(Trajectory):
        one, other = getattr(free, field.name), getattr(observed, field.name)
        assert within(one.value, Bounded(other.value, other.error + one.error)), field.name


# ---------------------------------------------------------------- backward


def gate_gradients(dp: Parameters) -> Array:
    """The gradient of a step's bias is the step's gate gradient."""
    return pack(dp).b


@in_either_dtype
@free_at_any_length
@FEW
@given(st.data())
def test_a_free_backpropagation_is_the_gradient_of_the_equations(
    dtype: str, recipe: Recipe, data: st.DataObject
) -> None:
    problem, d = drawn(data, recipe, dtype)
    _, gradients = network.gradients(problem, d)
    free = free_backpropagation(problem, free_trajectory(problem, model(problem)), d, model(problem))
    for name, part in name_parts(gradients, free).items():
        assert within(part.got, part.expected), name


@observed_at_any_length
@FEW
@given(st.data())
def test_every_observed_backward_step_starts_from_the_gate_gradients_it_was_shown(
    recipe: Recipe, data: st.DataObject
) -> None:
    """However wrong they are; the cotangent of the cell state is the trajectory's own."""
    problem, d = drawn(data, recipe)
    T, B, _, H = problem.sizes
    forward = observed_trajectory(problem, network.forward(problem).y, model(problem))
    dz = np.random.default_rng(1).standard_normal((T, B, 4 * H))
    observed = observed_backpropagation(problem, forward, d, dz, model(problem))
    dh = d.y + np.concatenate([dz[1:] @ pack(problem.layer).U, d.state.h])
    for b in range(B):
        dc = d.state.c[0, b]
        for t in reversed(range(T)):
            before, after = state_before(forward, t, b), State(dh[t, b], dc)
            dp, _, (_, dc) = cell_gradient(problem.layer, problem.x[t, b], before, after)
            assert within(gate_gradients(dp), of_step(observed.dz, t, b))
        assert within(dc, of_step(observed.dc, b))


@observed_at_any_length
@FEW
@given(st.data())
def test_observed_sums_are_over_the_gate_gradients_that_were_shown(recipe: Recipe, data: st.DataObject) -> None:
    problem, d = drawn(data, recipe)
    T, B, _, H = problem.sizes
    forward = observed_trajectory(problem, network.forward(problem).y, model(problem))
    dz = np.random.default_rng(1).standard_normal((T, B, 4 * H))
    observed = observed_backpropagation(problem, forward, d, dz, model(problem))
    W, U, _ = pack(problem.layer)
    assert within(np.einsum("tbk,tbi->ki", dz, problem.x), observed.dW)
    assert within(np.einsum("tbk,tbh->kh", dz, forward.h_before.value), observed.dU)
    assert within(dz.sum(axis=(0, 1)), observed.db)
    assert within(np.einsum("tbk,ki->tbi", dz, W), observed.dx)
    assert within(np.einsum("bk,kh->bh", dz[0], U), observed.dh)


@free_at_any_length
@FEW
@given(st.data())
def test_the_tangent_is_the_adjoint_of_the_gradient(recipe: Recipe, data: st.DataObject) -> None:
    """<d, J v> = <J^T d, v>, as nearly as a second run of the gradients would be."""
    problem, d = drawn(data, recipe)
    rng = np.random.default_rng(1)
    dx, dh, dc = (rng.standard_normal(a.shape) for a in (problem.x, *problem.state))
    moved = push_tangent(problem, dx, State(dh, dc))
    _, gradients = network.gradients(problem, d)
    free = free_backpropagation(problem, free_trajectory(problem, model(problem)), d, model(problem))
    pushed = sum(np.vdot(a, b) for a, b in zip((d.y, *d.state), (moved.y, *moved.state), strict=True))
    pulled = sum(np.vdot(a, b) for a, b in zip((gradients.x, *gradients.state), (dx, dh, dc), strict=True))
    room = sum(
        (np.abs(v) * e.error).sum() for v, e in zip((dx, dh[0], dc[0]), (free.dx, free.dh, free.dc), strict=True)
    )
    assert abs(pushed - pulled) <= room
