"""That each output and each gate gradient is decided step by step, where it says, in the words that a user reads."""

from dataclasses import replace

import numpy as np
import pytest

from conformance.assertions.backward import assert_gate_gradients_conform
from conformance.assertions.comparison import recorded_ratios
from conformance.assertions.forward import assert_conforms
from conformance.outcome import Difference, Refuted
from lstm_spec import (
    REFERENCE,
    Answer,
)
from tests.helpers.bounded import (
    ANSWER,
    BEYOND,
    DZ,
    EXPECTED,
    FAR,
    FORWARD,
    PROBLEM,
    ROOMY,
    WITHIN,
    conforming,
    difference_at,
    ending_in,
    gates_judged,
    off,
    put,
)
from tests.helpers.problems import make_loss, make_problem


@pytest.mark.parametrize("t", [0, 2, 3])
def test_an_output_too_far_off_is_shown_at_its_step(t: int) -> None:
    index = (t, 1, 3)
    changed = ending_in(put(ANSWER.y, index, off(FORWARD.h, index, BEYOND)))
    with pytest.raises(Refuted) as refuted:
        assert_conforms(ROOMY, changed, PROBLEM)
    assert refuted.value.difference == difference_at("y", ("t", "batch", "unit"), index, FORWARD.h)
    assert (refuted.value.reason, refuted.value.clause) == (f"y{FAR}", "")


def test_the_first_wrong_output_is_the_earliest_one() -> None:
    with pytest.raises(Refuted) as refuted:
        assert_conforms(ROOMY, ending_in(put(put(ANSWER.y, (1, 0, 4), 9.0), (3, 0, 0), 9.0)), PROBLEM)
    assert refuted.value.difference is not None and refuted.value.difference.where["t"] == 1


def test_an_output_that_rounding_explains_conforms() -> None:
    index = (3, 1, 3)
    assert assert_conforms(ROOMY, ending_in(put(ANSWER.y, index, off(FORWARD.h, index, WITHIN))), PROBLEM)


def with_c(times: float) -> Answer:
    c = put(ANSWER.state.c, (0, 1, 4), off(FORWARD.last, (1, 4), times))
    return replace(ANSWER, state=ANSWER.state._replace(c=c))


def test_a_final_c_too_far_off_is_shown_at_its_unit() -> None:
    with pytest.raises(Refuted) as refuted:
        assert_conforms(ROOMY, with_c(BEYOND), PROBLEM)
    assert refuted.value.difference == difference_at("c_T", ("batch", "unit"), (1, 4), FORWARD.last)
    assert (refuted.value.reason, refuted.value.clause) == (f"c_T{FAR}", "")


def test_a_final_c_that_rounding_explains_conforms() -> None:
    assert assert_conforms(ROOMY, with_c(WITHIN), PROBLEM)


def test_a_final_h_other_than_the_last_output_breaks_its_clause() -> None:
    last = float(ANSWER.y[-1, 1, 4])
    h = put(ANSWER.state.h, (0, 1, 4), np.nextafter(last, 2))
    with pytest.raises(Refuted) as refuted:
        assert_conforms(ROOMY, replace(ANSWER, state=ANSWER.state._replace(h=h)), PROBLEM)
    where = {"batch": 1, "unit": 4}
    assert refuted.value.difference == Difference("the final h", where, last, 0.0, float(h[0, 1, 4]))
    reason = "the final h is not the same to the last bit"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SEQ-3")


EMPTY = make_problem(T=0, dtype="float64")


def test_an_empty_sequence_hands_its_state_on() -> None:
    assert assert_conforms(REFERENCE, Answer(np.empty((0, 2, 5)), EMPTY.state), EMPTY) is None


def test_what_is_not_finite_after_an_empty_sequence_is_refuted_however_large_the_state() -> None:
    large = replace(EMPTY, state=EMPTY.state._replace(c=np.full_like(EMPTY.state.c, 1e308)))
    got = Answer(np.empty((0, 2, 5)), EMPTY.state._replace(c=np.full_like(EMPTY.state.c, np.nan)))
    with pytest.raises(Refuted, match="the final c is not the same"):
        assert_conforms(REFERENCE, got, large)


@pytest.mark.parametrize("letter", "hc")
def test_a_state_changed_by_an_empty_sequence_breaks_its_clause(letter: str) -> None:
    given = getattr(EMPTY.state, letter)
    state = EMPTY.state._replace(**{letter: put(given, (0, 1, 4), 9.0)})
    with pytest.raises(Refuted) as refuted:
        assert_conforms(REFERENCE, Answer(np.empty((0, 2, 5)), state), EMPTY)
    where, what = {"layer": 0, "batch": 1, "unit": 4}, f"the final {letter}"
    assert refuted.value.difference == Difference(what, where, float(given[0, 1, 4]), 0.0, 9.0)
    assert (refuted.value.reason, refuted.value.clause) == (f"{what} is not the same to the last bit", "SHAPE-5")


@pytest.mark.parametrize("t", [0, 1, 2])
def test_a_gate_gradient_too_far_off_is_shown_at_its_step(t: int) -> None:
    index = (t, 1, 17)
    with pytest.raises(Refuted) as refuted:
        gates_judged(put(DZ, index, off(EXPECTED.dz, index, BEYOND)))
    assert refuted.value.difference == difference_at("dz", ("t", "batch", "gate row"), index, EXPECTED.dz)
    assert (refuted.value.reason, refuted.value.clause) == (f"dz{FAR}", "GRAD-3")


def test_a_gate_gradient_of_the_last_step_breaks_the_clause_on_one_step() -> None:
    index = (3, 1, 17)
    with pytest.raises(Refuted) as refuted:
        gates_judged(put(DZ, index, off(EXPECTED.dz, index, BEYOND)))
    difference = refuted.value.difference
    assert difference is not None and difference.quantity == "dz of the last step"
    assert difference.where == {"batch": 1, "gate row": 17}
    assert (refuted.value.reason, refuted.value.clause) == (f"dz of the last step{FAR}", "GRAD-2")


@pytest.mark.parametrize("t", [0, 3])
def test_a_gate_gradient_that_rounding_explains_conforms(t: int) -> None:
    changed = put(DZ, (t, 1, 17), off(EXPECTED.dz, (t, 1, 17), WITHIN))
    assert gates_judged(conforming(changed[t:]))


def test_the_first_wrong_gate_gradient_is_the_latest_one() -> None:
    with pytest.raises(Refuted) as refuted:
        gates_judged(put(put(DZ, (0, 0, 0), 9.0), (2, 1, 17), 9.0))
    assert refuted.value.difference is not None and refuted.value.difference.where["t"] == 2


def test_an_answer_changed_by_gradients_breaks_the_clause_on_that() -> None:
    with pytest.raises(Refuted) as refuted:
        gates_judged(DZ, with_c(BEYOND))
    assert (refuted.value.reason, refuted.value.clause) == (f"c_T{FAR}", "GRAD-8")


def test_a_clause_that_is_known_is_kept() -> None:
    h = put(ANSWER.state.h, (0, 1, 4), 9.0)
    with pytest.raises(Refuted) as refuted:
        gates_judged(DZ, replace(ANSWER, state=ANSWER.state._replace(h=h)))
    assert refuted.value.clause == "SEQ-3"


def test_an_empty_sequence_has_no_gate_gradients() -> None:
    empty = Answer(np.empty((0, 2, 5)), EMPTY.state)
    with pytest.raises(AssertionError, match="^an empty sequence has no gate gradients$"):
        assert_gate_gradients_conform(REFERENCE, EMPTY, make_loss(EMPTY), empty, np.empty((0, 2, 20)))


def test_each_comparison_of_an_answer_is_recorded_once() -> None:
    with recorded_ratios() as ratios:
        assert_conforms(ROOMY, with_c(0.5), PROBLEM)
    assert set(ratios) == {"y", "c_T"} and ratios["c_T"] == pytest.approx([0.5], rel=1e-6)
