"""When a free run still says something, and that two runs may differ by the errors of both."""

from dataclasses import replace

import numpy as np
import pytest

from conformance.assertions import backward, forward
from conformance.assertions.backward import free_gradients
from conformance.assertions.comparison import model_of
from conformance.assertions.forward import assert_answers_agree, free_run
from conformance.diagnosis.probes import make_probe
from conformance.outcome import Difference, Inconclusive, Refuted
from conformance.problems.question import with_gates
from conformance.tolerance.backpropagation import free_backpropagation
from conformance.tolerance.conclusive import largest_conclusive_error
from conformance.tolerance.layer_backward import Backpropagation
from conformance.tolerance.rounding import Bounded
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import (
    REFERENCE,
    Answer,
    Array,
    Cotangents,
    ErrorModel,
    State,
    error_model,
)
from tests.helpers.bounded import ANSWER, BEYOND, EXPECTED, FAR, GROWN, LOSS, OTHER, PROBLEM, ROOMY, WIDE, WITHIN
from tests.helpers.problems import make_problem


@pytest.mark.parametrize(
    ("model", "largest"),
    [
        (ErrorModel(2.0**-24, 0, 0), 1e-2),
        (ErrorModel(2.0**-8, 0, 0), 2.0**-2),
        (ErrorModel(2.0**-24, 0, 0, u_h=2.0**-8), 2.0**-2),
        (ErrorModel(2.0**-24, 0, 0, u_c=2.0**-8), 2.0**-2),
    ],
    ids=["small", "u", "u_h", "u_c"],
)
def test_a_few_of_the_largest_roundings_are_conclusive(model: ErrorModel, largest: float) -> None:
    assert largest_conclusive_error(model) == largest


def largest_error() -> float:
    return float(free_trajectory(PROBLEM, model_of(ROOMY, PROBLEM)).h.error.max())


def test_a_free_run_at_the_end_of_what_is_conclusive_is_conclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "largest_conclusive_error", lambda model: largest_error())
    assert free_run(ROOMY, PROBLEM)


def test_a_free_run_beyond_what_is_conclusive_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "largest_conclusive_error", lambda model: np.nextafter(largest_error(), 0))
    with pytest.raises(Inconclusive, match=f"^{GROWN}$"):
        free_run(ROOMY, PROBLEM)


def test_a_free_run_of_no_samples_is_conclusive() -> None:
    assert free_run(REFERENCE, make_problem(B=0)).h.error.size == 0


def test_nothing_is_handed_on_in_a_free_run_unless_told() -> None:
    once, told, handed_on = free_run(WIDE, PROBLEM), free_run(WIDE, PROBLEM, False), free_run(WIDE, PROBLEM, True)
    assert np.array_equal(once.c.error, told.c.error) and not np.array_equal(once.c.error, handed_on.c.error)


def agreeing(quantity: str, times: float, handed_on: bool) -> tuple[Answer, Answer, Difference]:
    """Two answers that are so many allowed errors apart at one element, and what is to be said of it."""
    model = model_of(WIDE, PROBLEM)
    mine, yours = (free_trajectory(problem, model, handed_on) for problem in (PROBLEM, OTHER))
    room: dict[str, Array] = {
        "y": mine.h.error + yours.h.error,
        "c_T": mine.last.error + yours.last.error,
        "h_T": mine.h.error[-1] + yours.h.error[-1],
    }
    index = (2, 1, 3) if quantity == "y" else (1, 3)
    allowed = float(room[quantity][index])
    y, h, c = np.zeros((4, 2, 5)), np.zeros((1, 2, 5)), np.zeros((1, 2, 5))
    b = Answer(y.copy(), State(h.copy(), c.copy()))
    dict(y=y, h_T=h[0], c_T=c[0])[quantity][index] = times * allowed
    where = dict(zip(("t", "batch", "unit")[-len(index) :], index, strict=True))
    return Answer(y, State(h, c)), b, Difference(quantity, where, 0.0, allowed, times * allowed)


either_way = pytest.mark.parametrize("handed_on", [False, True], ids=["at once", "handed on"])


@either_way
@pytest.mark.parametrize("quantity", ["y", "c_T", "h_T"])
def test_answers_further_apart_than_both_may_be_off_do_not_agree(quantity: str, handed_on: bool) -> None:
    a, b, difference = agreeing(quantity, BEYOND, handed_on)
    with pytest.raises(Refuted) as refuted:
        assert_answers_agree(WIDE, (PROBLEM, a), (OTHER, b), handed_on)
    assert refuted.value.difference == difference
    assert refuted.value.reason == f"{quantity}{FAR}"


@either_way
@pytest.mark.parametrize("quantity", ["y", "c_T", "h_T"])
def test_answers_as_far_apart_as_both_may_be_off_agree(quantity: str, handed_on: bool) -> None:
    a, b, _ = agreeing(quantity, WITHIN, handed_on)
    assert_answers_agree(WIDE, (PROBLEM, a), (OTHER, b), handed_on)


def test_answers_agree_as_if_nothing_were_handed_on_unless_told() -> None:
    a, b, difference = agreeing("y", BEYOND, False)
    with pytest.raises(Refuted) as refuted:
        assert_answers_agree(WIDE, (PROBLEM, a), (OTHER, b))
    assert refuted.value.difference == difference


@pytest.mark.parametrize("first", [True, False], ids=["the first", "the second"])
def test_answers_that_agree_have_their_shapes(first: bool) -> None:
    bad, good = replace(ANSWER, y=np.zeros((7, 5))), ANSWER
    with pytest.raises(Refuted, match=r"^y has shape \(7, 5\), expected \(4, 2, 5\)$"):
        assert_answers_agree(ROOMY, (PROBLEM, bad if first else good), (PROBLEM, good if first else bad))


@either_way
def test_free_gradients_start_from_a_free_run(handed_on: bool) -> None:
    model = model_of(WIDE, PROBLEM)
    found = free_gradients(WIDE, PROBLEM, LOSS, handed_on)
    wanted = free_backpropagation(PROBLEM, free_trajectory(PROBLEM, model, handed_on), LOSS, model, handed_on)
    assert np.array_equal(found.dz, wanted.dz) and np.array_equal(found.dW, wanted.dW)
    assert np.array_equal(found.dc, wanted.dc)


def test_nothing_is_handed_on_in_free_gradients_unless_told() -> None:
    found, wanted = free_gradients(WIDE, PROBLEM, LOSS), free_gradients(WIDE, PROBLEM, LOSS, False)
    assert np.array_equal(found.dz, wanted.dz) and np.array_equal(found.dc, wanted.dc)


LARGEST = 3.0
AT_THE_END = 2.0 * 1e-2 * LARGEST  # twice the room of the states


def growing(monkeypatch: pytest.MonkeyPatch, error: float, largest: str) -> Backpropagation:
    """Free gradients with this error of dz, where the largest magnitude is that of one of four."""
    size = {name: LARGEST if name == largest else 1.0 for name in ("dz", "dy", "dh_T", "dc_T")}
    dz = Bounded(np.full((4, 2, 20), -size["dz"]), np.full((4, 2, 20), error))
    monkeypatch.setattr(backward, "free_backpropagation", lambda *_: replace(EXPECTED, dz=dz))
    state = State(np.full((1, 2, 5), -size["dh_T"]), np.full((1, 2, 5), size["dc_T"]))
    return free_gradients(ROOMY, PROBLEM, Cotangents(np.full((4, 2, 5), size["dy"]), state))


each_magnitude = pytest.mark.parametrize("largest", ["dz", "dy", "dh_T", "dc_T"])


@each_magnitude
def test_free_gradients_at_the_end_of_what_is_conclusive_are_conclusive(
    monkeypatch: pytest.MonkeyPatch, largest: str
) -> None:
    assert growing(monkeypatch, AT_THE_END, largest)


@each_magnitude
@pytest.mark.parametrize("error", [np.nextafter(AT_THE_END, 1), np.nan])
def test_free_gradients_beyond_what_is_conclusive_are_not(
    monkeypatch: pytest.MonkeyPatch, largest: str, error: float
) -> None:
    with pytest.raises(Inconclusive, match=f"^{GROWN}$"):
        growing(monkeypatch, error, largest)


def test_where_u_is_zero_all_steps_at_once_are_what_one_after_the_other_is() -> None:
    """At grade relative nothing is rounded that is handed on, so `handed_on` only asks for the steps one by one."""
    example, d = make_probe(0, (7, 3, 2, 4), "float32")
    problem = with_gates(example, lambda _, gate: gate._replace(U=gate.U * 0))
    model = error_model("relative", "float32")
    once, steps = (free_trajectory(problem, model, handed_on=handed_on) for handed_on in (False, True))
    back, back_steps = (
        free_backpropagation(problem, forward, d, model, handed_on=handed_on)
        for forward, handed_on in ((once, False), (steps, True))
    )
    for one, other in ((once, steps), (back, back_steps)):
        for name, q in ((name, q) for name, q in vars(one).items() if isinstance(q, Bounded)):
            np.testing.assert_allclose(q.value, getattr(other, name).value, rtol=1e-13, atol=0, err_msg=name)
            np.testing.assert_allclose(q.error, getattr(other, name).error, rtol=1e-12, atol=0, err_msg=name)
