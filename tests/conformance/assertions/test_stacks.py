"""A stack that cannot be looked into, for its cells pass nothing on, is judged at more than one step all the same."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.assertions import network
from conformance.assertions.comparison import Comparison, assert_within
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.assertions.order import mark_valid_steps
from conformance.assertions.widening_plan import PASSED_ON
from conformance.outcome import Inconclusive, Refuted
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import BOTH, FORWARD, Directions, Form
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array, each_array
from tools.checks.right.arithmetic import Arithmetic, divide_in_branches
from tools.checks.right.backends import compute_by_hand

DENSE = ("dense", "by-width", "by-width", "dense", "within-1", "dense")
BLIND = [("no forget gate", "relative"), ("1997 simplified", "relative"), ("standard", "absolute")]


def named(backend: Backend, grade: str) -> Backend:
    return replace(backend, description=replace(NUMPY.description, grades={"float64": grade, "bfloat16": "wide"}))


def stack(kind: str, directions: Directions = FORWARD, dtype: str = "float64", seed: int = 0) -> Problem:
    form = Form(2, directions, kind, lengths="any" if directions == BOTH else "")
    return build_problem(np.dtype(dtype), form, (4, 2, 3, 4), DENSE, seed)


def begin_anew(problem: Problem) -> Answer:
    """Each step by itself; the layers above the first begin at the initial state every time."""
    h, c = state = problem.state
    outputs = []
    for x in problem.x[:, None]:
        answer = NUMPY.forward(replace(problem, x=x, state=state))
        outputs.append(answer.y)
        state = State(*(np.concatenate([new[:1], a[1:]]) for new, a in zip(answer.state, (h, c), strict=True)))
    return Answer(np.concatenate(outputs), answer.state)


def drop_a_cell(problem: Problem) -> Answer:
    answer = NUMPY.forward(problem)
    return replace(
        answer, state=State(answer.state.h, answer.state.c * (np.arange(len(answer.state.c)) != 1)[:, None, None])
    )


@pytest.mark.parametrize("forward", [begin_anew, drop_a_cell])
@pytest.mark.parametrize(("kind", "grade"), BLIND)
def test_what_goes_wrong_above_the_first_layer_after_the_first_step_is_refuted(
    kind: str, grade: str, forward: object
) -> None:
    wrong = named(replace(NUMPY, forward=forward), grade)  # type: ignore[arg-type]
    with pytest.raises(Refuted):
        assert_network_conforms(wrong, stack(kind))


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize(("kind", "grade"), BLIND)
def test_a_right_stack_is_not(kind: str, grade: str, dtype: str) -> None:
    open_ones = 0
    for seed in range(12):
        with suppress(Inconclusive):
            assert_network_conforms(named(NUMPY, grade), stack(kind, BOTH, dtype, seed))
            continue
        open_ones += 1
    assert open_ones < 12 or dtype == "bfloat16"


@pytest.mark.parametrize(("steps", "is_right"), [(1, True), (4, False)])
def test_the_last_h_of_an_inner_layer_may_be_rounded_otherwise_than_its_copy(steps: int, is_right: bool) -> None:
    """A format of 64 bits inside rounds a number on a tie to either side, with tanh in between or without."""

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        h = answer.state.h.copy()
        h[0] += steps * np.spacing(np.abs(h[0])) * (h[0] != 0) * (len(problem.x) > 1)
        return replace(answer, state=State(h, answer.state.c))

    with nullcontext() if is_right else pytest.raises(Refuted, match="the final h of layer 0"):
        assert_network_conforms(named(replace(NUMPY, forward=forward), "relative"), stack("standard"))


# ---------------------------------------------------------------- gradients

Change = Callable[[Gradients, int, int], Gradients]  # also given T and B


def average_the_upper_layers(found: Gradients, T: int, B: int) -> Gradients:
    first, *others = found.parameters
    upper = (tuple(each_array(lambda a: a / a.dtype.type(B), p) for p in row) for row in others)
    return replace(found, parameters=(first, *upper))


def cut_off_before_the_last_step(found: Gradients, T: int, B: int) -> Gradients:
    return replace(found, x=np.where(np.arange(T)[:, None, None] < T - 1, found.x.dtype.type(0), found.x))


def drop_the_first_upper_state(found: Gradients, T: int, B: int) -> Gradients:
    h = found.state.h.copy()
    h[1] *= T == 1
    return replace(found, state=State(h, found.state.c))


@pytest.mark.parametrize("change", [average_the_upper_layers, cut_off_before_the_last_step, drop_the_first_upper_state])
@pytest.mark.parametrize(("kind", "grade"), BLIND)
def test_what_goes_wrong_in_the_gradient_of_a_stack_with_more_than_one_step_or_sample_is_refuted(
    kind: str, grade: str, change: Change
) -> None:
    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        return answer, change(found, len(problem.x), problem.x.shape[1])

    wrong, problem = named(replace(NUMPY, gradients=gradients), grade), stack(kind)
    with pytest.raises(Refuted):
        assert_network_gradients_conform(wrong, problem, build_loss(problem, ("dense", "dense", "dense"), 0))


@pytest.mark.parametrize(("kind", "grade"), BLIND)
def test_a_gradient_in_the_padding_of_a_stack_is_refuted(kind: str, grade: str) -> None:
    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        return answer, replace(found, x=np.where(mark_valid_steps(problem), found.x, found.x.dtype.type(7)))

    wrong, problem = named(replace(NUMPY, gradients=gradients), grade), stack(kind, BOTH)
    with pytest.raises(Refuted, match="dx beyond the length"):
        assert_network_gradients_conform(wrong, problem, build_loss(problem, ("dense", "dense", "dense"), 0))


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize(("kind", "grade"), BLIND)
def test_the_gradient_of_a_right_stack_is_not(
    kind: str, grade: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, conclusive = list[Comparison](), 0

    def note(comparison: Comparison) -> None:
        compared.append(comparison)
        assert_within(comparison)

    monkeypatch.setattr(network, "assert_within", note)
    for seed in range(12):
        problem = stack(kind, BOTH, dtype, seed)
        loss = build_loss(problem, ("dense", "dense", "dense"), seed)
        compared.clear()
        network.assert_network_gradients_conform_freely(named(NUMPY, grade), problem, loss)
        conclusive += any(comparison.quantity.startswith("dU") for comparison in compared)
    assert conclusive > 6


def test_the_gradients_of_a_stack_without_samples_are_right_by_a_free_run_too() -> None:
    problem = build_problem(np.dtype("float32"), Form(2, BOTH, lengths="any"), (3, 0, 2, 4), ("dense",) * 6, 1)
    loss = build_loss(problem, ("dense",) * 3, 1)
    assert network.assert_network_gradients_conform_freely(named(NUMPY, "relative"), problem, loss)


# ---------------------------------------------------------------- cells that pass on not quite what they are given


def short_by(roundoffs: int) -> Backend:
    """A σ that is at most 1 less so many roundoffs; ACC-1 allows 10 in all."""

    def sigmoid(z: Array) -> Array:
        return divide_in_branches(z) * z.dtype.type(1 - roundoffs * np.finfo(z.dtype).epsneg)

    return compute_by_hand("short", Arithmetic(sigmoid=sigmoid))


@pytest.mark.parametrize("kind", PASSED_ON)
@pytest.mark.parametrize("directions", [FORWARD, BOTH])
@pytest.mark.parametrize("layers", [2, 3])
def test_gates_that_never_open_wholly_do_not_refute_the_gradients_of_a_stack(
    layers: int, directions: Directions, kind: str
) -> None:
    form = Form(layers, directions, kind)
    for seed in range(8):
        problem = build_problem(np.dtype("float32"), form, (4, 2, 3, 4), DENSE, seed)
        assert_network_gradients_conform(short_by(6), problem, build_loss(problem, ("dense",) * 3, seed))


def test_gates_that_open_less_than_is_allowed_are_refuted() -> None:
    problem = build_problem(np.dtype("float32"), Form(2, FORWARD), (4, 2, 3, 4), DENSE, 0)
    with pytest.raises(Refuted):
        assert_network_gradients_conform(short_by(200), problem, build_loss(problem, ("dense",) * 3, 0))
