"""That what is not finite is inconclusive where magnitudes came near the largest number, and nowhere else."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.arrays import Limits
from conformance.assertions import overflow
from conformance.assertions.backward import (
    Part,
    assert_gate_gradients_conform,
    assert_gradients_conform_freely,
    assert_part_conforms,
    assert_part_finite_enough,
    name_parts,
)
from conformance.assertions.comparison import model_of
from conformance.assertions.forward import assert_conforms
from conformance.outcome import Inconclusive, Refuted
from conformance.tolerance.backpropagation import observed_backpropagation
from conformance.tolerance.trajectories import observed_trajectory
from lstm_spec import (
    REFERENCE,
    Answer,
    Array,
    Cotangents,
    Gate,
    Parameters,
    Problem,
    State,
)
from tests.helpers.bounded import DZ, EXPECTED, FAR, GRADIENTS, NEAR_THE_END, PROBLEM, gates_judged, put
from tests.helpers.problems import make_problem


def small(T: int = 1, W: float = 0, U: float = 0, x: float = 0, h: float = 0, c: float = 0) -> Problem:
    """A problem with B = 1, I = H = 2 whose arrays hold one number, once."""

    def once(value: float, *shape: int) -> Array:
        a = np.zeros(shape, np.float32)
        a.flat[-1:] = value
        return a

    quiet, loud = (Gate(once(w, 2, 2), once(u, 2, 2), once(0, 2)) for w, u in ((0, 0), (W, U)))
    state = State(once(h, 1, 1, 2), once(c, 1, 1, 2))
    return Problem(((Parameters(quiet, loud, quiet, quiet),),), once(x, T, 1, 2), state)


def ends_at(monkeypatch: pytest.MonkeyPatch, magnitude: float, room: float = 2.0**10) -> None:
    """The dtype's largest number is so much larger than this magnitude."""
    monkeypatch.setattr(overflow, "limits", lambda dtype: Limits(magnitude * room, 1.0, 1.0))


def lost(problem: Problem) -> Answer:
    nan = np.full((len(problem.x), 1, 2), np.nan, problem.dtype)
    return Answer(nan, State(nan[-1:], problem.state.c))


each_room = pytest.mark.parametrize(
    ("dtype", "room"), [("float32", 2.0**10), ("float16", 2.0**4), ("float64", 2.0**10)]
)
LOUD = small(W=-7, x=-5, U=-11, h=-3, c=-13)
BY_HAND = 5 * 7 + (3 + 2) * 11 + 13  # what x, h, and c can add to a pre-activation or a cell


@each_room
def test_an_answer_may_overflow_from_where_magnitudes_come_near(
    monkeypatch: pytest.MonkeyPatch, dtype: str, room: float
) -> None:
    ends_at(monkeypatch, BY_HAND, room)
    problem = replace(LOUD, x=LOUD.x.astype(dtype))
    answer = lost(replace(problem, state=State(*(a.astype(dtype) for a in LOUD.state))))
    with pytest.raises(Inconclusive, match=f"^{NEAR_THE_END}$"):
        overflow.assert_finite_enough(answer, problem)


@each_room
def test_an_answer_may_not_overflow_short_of_it(monkeypatch: pytest.MonkeyPatch, dtype: str, room: float) -> None:
    ends_at(monkeypatch, BY_HAND * (1 + 1e-9), room)
    problem = replace(LOUD, x=LOUD.x.astype(dtype), state=State(*(a.astype(dtype) for a in LOUD.state)))
    overflow.assert_finite_enough(lost(problem), problem)


def test_magnitudes_of_a_finite_answer_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_at(monkeypatch, 0.0)
    assert assert_conforms(REFERENCE, REFERENCE.forward(LOUD), LOUD)


def test_magnitudes_of_no_numbers_are_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """W is (20, 0) where there is no input."""
    problem = make_problem(I=0, scale=0.0)
    ends_at(monkeypatch, 1e-9)
    overflow.assert_finite_enough(Answer(np.full((4, 2, 5), np.nan), problem.state), problem)


OVERFLOWS: dict[str, tuple[Problem, float]] = {
    "x": (small(T=2, x=-9), 9.0),
    "h": (small(T=2, h=-9), 9.0),
    "W": (small(T=2, W=-9), 9.0),
    "U": (small(T=2, U=-9), 9.0),
    "c and the steps": (small(T=2, c=-9), 11.0),
    "one step": (small(T=1, x=0.5, c=0), 1.0),
}
each_overflow = pytest.mark.parametrize("of", OVERFLOWS)


def part_lost(monkeypatch: pytest.MonkeyPatch, of: str, nearer: float, got: float = np.nan) -> None:
    problem, factor = OVERFLOWS[of]
    dz = np.zeros((len(problem.x), 1, 8))
    dz[0, 0, :2] = 3, -4
    ends_at(monkeypatch, 7 * factor * nearer)
    assert_part_finite_enough(Part("dh_0", ("batch", "unit"), np.array([[0, got]]), EXPECTED.dh), problem, dz)


@each_overflow
def test_a_gradient_may_overflow_from_where_magnitudes_come_near(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    with pytest.raises(Inconclusive, match=f"^{NEAR_THE_END}$"):
        part_lost(monkeypatch, of, 1)


@each_overflow
def test_a_gradient_may_not_overflow_short_of_it(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    part_lost(monkeypatch, of, 1 + 1e-9)


@each_overflow
def test_magnitudes_of_a_finite_gradient_do_not_matter(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    part_lost(monkeypatch, of, 1, got=1.0)


def test_a_gradient_that_may_have_overflowed_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_at(monkeypatch, 0.0)
    part = name_parts(GRADIENTS, EXPECTED)["dh_0"]
    with pytest.raises(Inconclusive, match=f"^{NEAR_THE_END}$"):
        assert_part_conforms(part._replace(got=part.got * np.inf), PROBLEM, DZ)


def cotangents(y: tuple[float, ...], h: float = 0, c: float = 0) -> Cotangents:
    dy, (dh, dc) = np.zeros((len(y), 1, 2)), np.zeros((2, 1, 1, 2))
    dy[:, 0, 1], dh[0, 0, 0], dc[0, 0, 1] = y, h, c
    return Cotangents(dy, State(dh, dc))


DEEP, FLAT = small(T=3, U=-2, c=-4), small(T=1)
LATER = 8 + 8  # the gate gradients of the step after
Lost = tuple[Problem, Cotangents, tuple[int, ...], float]
LOST: dict[str, Lost] = {
    "in the middle": (DEEP, cotangents((1, -5, 9), h=-3), (1,), (5 + 3 + LATER * 2) * (4 + 3)),
    "in the middle and before": (DEEP, cotangents((1, -5, 9), h=-3), (0, 1), (5 + 3 + LATER * 2) * (4 + 3)),
    "at the last step": (DEEP, cotangents((1, -5, 9), h=-3), (2,), (9 + 3) * (4 + 3)),
    "from above": (DEEP, cotangents((0, 0, 0), c=-1000), (1,), 1000 * (4 + 3)),
    "in one step": (FLAT, cotangents((5,)), (0,), 5),
}
each_loss = pytest.mark.parametrize("case", LOST)


def dz_lost(problem: Problem, steps: tuple[int, ...]) -> Array:
    dz = np.zeros((len(problem.x), 1, 8))
    dz[-1, 0, 2:4] = 8, -8
    dz[list(steps), 0, 5] = np.nan
    return dz


def gates_lost(problem: Problem, d: Cotangents, steps: tuple[int, ...]) -> None:
    assert_gate_gradients_conform(REFERENCE, problem, d, REFERENCE.forward(problem), dz_lost(problem, steps))


@each_loss
def test_gate_gradients_may_overflow_from_where_magnitudes_come_near(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    problem, d, steps, magnitude = LOST[case]
    ends_at(monkeypatch, magnitude)
    with pytest.raises(Inconclusive, match=f"^{NEAR_THE_END}$"):
        gates_lost(problem, d, steps)


@each_loss
def test_gate_gradients_may_not_overflow_short_of_it(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    problem, d, steps, magnitude = LOST[case]
    ends_at(monkeypatch, magnitude * (1 + 1e-9))
    with pytest.raises(Refuted, match=f"^dz.*{FAR}$"):
        gates_lost(problem, d, steps)


def with_magnitude_of_dz() -> tuple[Problem, Cotangents, float]:
    """A large cell, whose forget gate has a larger gradient than anything that reaches the step."""
    problem, d = small(T=2, c=4000), cotangents((0, 0), c=1)
    model = model_of(REFERENCE, problem)
    forward = observed_trajectory(problem, REFERENCE.forward(problem).y, model)
    expected = observed_backpropagation(problem, forward, d, dz_lost(problem, ()) * 0, model)
    return problem, d, float(np.abs(expected.dz.value[0]).sum()) * (4000 + 2)


@pytest.mark.parametrize(("nearer", "raised"), [(1 - 1e-9, Inconclusive), (1 + 1e-9, Refuted)])
def test_gate_gradients_may_overflow_by_their_own_magnitude(
    monkeypatch: pytest.MonkeyPatch, nearer: float, raised: Any
) -> None:
    problem, d, magnitude = with_magnitude_of_dz()
    ends_at(monkeypatch, magnitude * nearer)
    dz = put(np.zeros((2, 1, 8)), (0, 0, 5), np.nan)
    with pytest.raises(raised):
        assert_gate_gradients_conform(REFERENCE, problem, d, REFERENCE.forward(problem), dz)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gate_gradient_that_is_lost_without_reason_is_shown_where_it_is(value: float) -> None:
    with pytest.raises(Refuted) as refuted:
        gates_judged(put(DZ, (2, 1, 17), value))
    assert refuted.value.difference is not None
    assert refuted.value.difference.where == {"t": 2, "batch": 1, "gate row": 17}


@pytest.mark.parametrize(("each", "expected"), [(1000, Inconclusive), (1, Refuted)])
def test_without_probes_a_sum_over_samples_may_overflow_where_it_comes_near(each: float, expected: Any) -> None:
    """At z = 0 each of 400 samples adds half of its cotangent to db."""
    zeros = np.zeros((1, 400, 2), np.float16)
    gate = Gate(*(np.zeros(shape, np.float16) for shape in ((2, 2), (2, 2), 2)))
    problem = Problem(((Parameters(gate, gate, gate, gate),),), zeros, State(zeros, zeros))
    d = Cotangents(zeros, State(zeros, zeros + np.float16(each)))
    with np.errstate(over="ignore"):
        _, gradients = NUMPY.differentiate(problem, d)
    (p,) = gradients.parameters[0]
    infinite = replace(gradients, parameters=((p._replace(g=p.g._replace(b=p.g.b + np.float16(np.inf))),),))
    assert np.isinf(p.g.b).all() == (each == 1000)
    with pytest.raises(expected), np.errstate(over="ignore"):
        assert_gradients_conform_freely(NUMPY, problem, d, infinite)
