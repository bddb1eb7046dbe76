"""A stack that cannot be looked into, for its cells pass nothing on, is judged at more than one step all the same."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.assertions.network import assert_network_conforms
from conformance.outcome import Inconclusive, Refuted
from conformance.problems.build import build_problem
from conformance.problems.form import BOTH, FORWARD, Directions, Form
from lstm_spec import Answer, Backend, Problem, State

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
