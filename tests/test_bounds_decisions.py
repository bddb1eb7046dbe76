"""That each decision of `bounds.py` falls where it says, and is told in the words that a user reads."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance import bounds
from conformance.backpropagation import Backpropagation, free_backpropagation, observed_backpropagation
from conformance.bounds import (
    Part,
    assert_answer_shaped,
    assert_answers_agree,
    assert_conforms,
    assert_gate_gradients_conform,
    assert_gradients_conform_freely,
    assert_gradients_shaped,
    assert_part_conforms,
    assert_part_finite_enough,
    conclusive,
    free_gradients,
    free_run,
    model_of,
    parts,
    recorded_ratios,
)
from conformance.dtypes import Limits
from conformance.property import Difference, Inconclusive, Refuted
from conformance.rounding import Bounded
from conformance.trajectories import free_trajectory, observed_trajectory
from lstm_spec import (
    GRADES,
    REFERENCE,
    Answer,
    Array,
    Backend,
    Cotangents,
    Description,
    ErrorModel,
    Gate,
    Gradients,
    Packed,
    Parameters,
    Problem,
    State,
    pack,
    unpack,
)
from tests.test_bounds import loss_on, problem_of

FAR = " is further from the equations than rounding can explain"
GROWN = "rounding may have grown too much"
NEAR_THE_END = "magnitudes came near the largest number of the dtype"
BEYOND, WITHIN = 1.001, 0.999  # of what is allowed


def judged_at(grade: str, dtype: str) -> Backend:
    """float64 numbers with the room of a smaller dtype, so that a number can be put anywhere in it."""
    return replace(REFERENCE, description=Description(grades={"float64": GRADES[grade, dtype]}))


ROOMY, WIDE = judged_at("relative", "float32"), judged_at("wide", "float16")
PROBLEM = problem_of(scale=0.5, dtype="float64")
OTHER = replace(PROBLEM, x=PROBLEM.x * 0.5)
LOSS = loss_on(PROBLEM)
ANSWER, GRADIENTS = REFERENCE.gradients(PROBLEM, LOSS)  # type: ignore[misc]
FORWARD = observed_trajectory(PROBLEM, ANSWER.y, model_of(ROOMY, PROBLEM))


def put(a: Array, index: tuple[int, ...], value: float) -> Array:
    """A copy with one other element."""
    a = a.copy()
    a[index] = value
    return a


def off(expected: Bounded, index: tuple[int, ...], times: float) -> float:
    """So many allowed errors away."""
    return float(expected.value[index] + times * expected.error[index])


def difference_at(quantity: str, axes: tuple[str, ...], index: tuple[int, ...], expected: Bounded) -> Difference:
    where = dict(zip(axes, index, strict=True))
    value, error = float(expected.value[index]), float(expected.error[index])
    return Difference(quantity, where, value, error, off(expected, index, BEYOND))


def ending_in(y: Array) -> Answer:
    return Answer(y, State(y[-1:].copy(), ANSWER.state.c))


# ---------------------------------------------------------------- shapes

SHAPED: dict[str, tuple[str, Callable[[Array], Answer]]] = {
    "y": ("(4, 2, 5)", lambda a: replace(ANSWER, y=a)),
    "the final h": ("(1, 2, 5)", lambda a: replace(ANSWER, state=ANSWER.state._replace(h=a))),
    "the final c": ("(1, 2, 5)", lambda a: replace(ANSWER, state=ANSWER.state._replace(c=a))),
}
each_output = pytest.mark.parametrize("what", SHAPED)


@each_output
def test_an_output_of_another_shape_is_refused(what: str) -> None:
    shape, answered = SHAPED[what]
    with pytest.raises(Refuted) as refuted:
        assert_answer_shaped(answered(np.zeros((7, 5))), PROBLEM)
    assert (refuted.value.reason, refuted.value.clause) == (f"{what} has shape (7, 5), expected {shape}", "SHAPE-1")


@each_output
def test_an_output_of_another_dtype_breaks_the_clause_on_dtypes(what: str) -> None:
    _, answered = SHAPED[what]
    shape = (4, 2, 5) if what == "y" else (1, 2, 5)
    with pytest.raises(Refuted) as refuted:
        assert_answer_shaped(answered(np.zeros(shape, np.float32)), PROBLEM)
    reason = f"{what} is float32, expected float64 like the problem"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-2")


@each_output
def test_an_output_that_is_no_array_is_refused(what: str) -> None:
    _, answered = SHAPED[what]
    with pytest.raises(Refuted) as refuted:
        assert_answer_shaped(answered(Gate(0, 0, 0)), PROBLEM)  # type: ignore[arg-type]
    reason = f"{what} is a lstm_spec.types.Gate, expected a numpy.ndarray; convert it before returning it"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-1")


def with_parameter(letter: str, part: str, a: Array) -> Gradients:
    layer = GRADIENTS.parameters[0][0]
    changed: Parameters = layer._replace(**{letter: getattr(layer, letter)._replace(**{part: a})})
    return replace(GRADIENTS, parameters=((changed,),))


def with_state(**parts: Array) -> Gradients:
    return replace(GRADIENTS, state=GRADIENTS.state._replace(**parts))


SHAPED_GRADIENTS: dict[str, tuple[tuple[int, ...], Callable[[Array], Gradients]]] = {
    "x": ((4, 2, 3), lambda a: replace(GRADIENTS, x=a)),
    "h_0": ((1, 2, 5), lambda a: with_state(h=a)),
    "c_0": ((1, 2, 5), lambda a: with_state(c=a)),
    **{
        f"{letter}.{part}": (shape, lambda a, letter=letter, part=part: with_parameter(letter, part, a))
        for letter in "ifgo"
        for part, shape in (("W", (5, 3)), ("U", (5, 5)), ("b", (5,)))
    },
}
each_gradient = pytest.mark.parametrize("of", SHAPED_GRADIENTS)


@each_gradient
def test_a_gradient_of_another_shape_is_refused(of: str) -> None:
    shape, found = SHAPED_GRADIENTS[of]
    with pytest.raises(Refuted) as refuted:
        assert_gradients_shaped(found(np.zeros((7, 7))), PROBLEM)
    reason = f"the gradient of {of} has shape (7, 7), expected {shape}"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-3")


@each_gradient
def test_a_gradient_of_another_dtype_is_refused(of: str) -> None:
    shape, found = SHAPED_GRADIENTS[of]
    with pytest.raises(Refuted) as refuted:
        assert_gradients_shaped(found(np.zeros(shape, np.float32)), PROBLEM)
    reason = f"the gradient of {of} is float32, expected float64 like the problem"
    assert (refuted.value.reason, refuted.value.clause) == (reason, "SHAPE-3")


# ---------------------------------------------------------------- outputs


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


EMPTY = problem_of(T=0, dtype="float64")


def test_an_empty_sequence_hands_its_state_on() -> None:
    assert assert_conforms(REFERENCE, Answer(np.empty((0, 2, 5)), EMPTY.state), EMPTY) is None


@pytest.mark.parametrize("letter", "hc")
def test_a_state_changed_by_an_empty_sequence_breaks_its_clause(letter: str) -> None:
    given = getattr(EMPTY.state, letter)
    state = EMPTY.state._replace(**{letter: put(given, (0, 1, 4), 9.0)})
    with pytest.raises(Refuted) as refuted:
        assert_conforms(REFERENCE, Answer(np.empty((0, 2, 5)), state), EMPTY)
    where, what = {"layer": 0, "batch": 1, "unit": 4}, f"the final {letter}"
    assert refuted.value.difference == Difference(what, where, float(given[0, 1, 4]), 0.0, 9.0)
    assert (refuted.value.reason, refuted.value.clause) == (f"{what} is not the same to the last bit", "SHAPE-5")


# ---------------------------------------------------------------- gate gradients


def gate_gradients(dz: Array) -> Backpropagation:
    return observed_backpropagation(PROBLEM, FORWARD, LOSS, dz, model_of(ROOMY, PROBLEM))


def conforming(given: Array) -> Array:
    """Gate gradients (T, B, 4H) that end as given, and each follow from the later ones to the last bit before."""
    dz = np.concatenate([np.zeros((4 - len(given), 2, 20)), given])
    for t in reversed(range(4 - len(given))):
        dz[t] = gate_gradients(dz).dz.value[t]
    return dz


DZ = conforming(np.empty((0, 2, 20)))
EXPECTED = gate_gradients(DZ)


def gates_judged(dz: Array, answer: Answer = ANSWER) -> Backpropagation:
    return assert_gate_gradients_conform(ROOMY, PROBLEM, LOSS, answer, dz)


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
        assert_gate_gradients_conform(REFERENCE, EMPTY, loss_on(EMPTY), empty, np.empty((0, 2, 20)))


# ---------------------------------------------------------------- gradients

PARTS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "dW": (("gate row", "input"), (17, 2)),
    "dU": (("gate row", "unit"), (6, 4)),
    "db": (("gate row",), (13,)),
    "dx": (("t", "batch", "input"), (2, 1, 0)),
    "dh_0": (("batch", "unit"), (1, 4)),
    "dc_0": (("batch", "unit"), (0, 3)),
}
each_part = pytest.mark.parametrize("quantity", PARTS)


def with_element(quantity: str, index: tuple[int, ...], value: float) -> Gradients:
    """The gradients with one other element."""
    dW, dU, db = pack(GRADIENTS.parameters[0][0])
    x, h, c = GRADIENTS.x.copy(), GRADIENTS.state.h.copy(), GRADIENTS.state.c.copy()
    dict(dW=dW, dU=dU, db=db, dx=x, dh_0=h[0], dc_0=c[0])[quantity][index] = value
    return Gradients(((unpack(Packed(dW, dU, db)),),), x, State(h, c))


def judged_freely(gradients: Gradients) -> Backpropagation:
    return assert_gradients_conform_freely(ROOMY, PROBLEM, LOSS, gradients)


@each_part
def test_a_gradient_too_far_off_from_a_free_run_is_shown(quantity: str) -> None:
    axes, index = PARTS[quantity]
    expected = parts(GRADIENTS, judged_freely(GRADIENTS))[quantity].expected
    with pytest.raises(Refuted) as refuted:
        judged_freely(with_element(quantity, index, off(expected, index, BEYOND)))
    assert refuted.value.difference == difference_at(quantity, axes, index, expected)
    assert (refuted.value.reason, refuted.value.clause) == (f"{quantity}{FAR}", "")


@each_part
def test_a_gradient_that_a_free_run_explains_conforms(quantity: str) -> None:
    _, index = PARTS[quantity]
    expected = parts(GRADIENTS, judged_freely(GRADIENTS))[quantity].expected
    assert judged_freely(with_element(quantity, index, off(expected, index, WITHIN)))


def test_gradients_judged_freely_have_their_shapes() -> None:
    with pytest.raises(Refuted, match=r"^the gradient of x has shape \(1, 1, 1\), expected \(4, 2, 3\)$"):
        judged_freely(replace(GRADIENTS, x=np.zeros((1, 1, 1))))


@each_part
def test_a_gradient_too_far_off_from_the_gate_gradients_is_shown(quantity: str) -> None:
    axes, index = PARTS[quantity]
    expected = parts(GRADIENTS, EXPECTED)[quantity].expected
    changed = parts(with_element(quantity, index, off(expected, index, BEYOND)), EXPECTED)[quantity]
    with pytest.raises(Refuted) as refuted:
        assert_part_conforms(changed, PROBLEM, DZ)
    assert refuted.value.difference == difference_at(quantity, axes, index, expected)


@each_part
def test_a_gradient_that_rounding_explains_conforms(quantity: str) -> None:
    _, index = PARTS[quantity]
    expected = parts(GRADIENTS, EXPECTED)[quantity].expected
    assert_part_conforms(
        parts(with_element(quantity, index, off(expected, index, WITHIN)), EXPECTED)[quantity], PROBLEM, DZ
    )


def dx_wrong_twice() -> Gradients:
    return replace(GRADIENTS, x=put(put(GRADIENTS.x, (0, 0, 0), 9.0), (2, 1, 1), 9.0))


def test_the_first_wrong_gradient_of_x_is_the_latest_one() -> None:
    with pytest.raises(Refuted) as refuted:
        assert_part_conforms(parts(dx_wrong_twice(), EXPECTED)["dx"], PROBLEM, DZ)
    assert refuted.value.difference is not None and refuted.value.difference.where["t"] == 2


def test_the_first_wrong_gradient_of_x_is_the_latest_one_of_a_free_run() -> None:
    with pytest.raises(Refuted) as refuted:
        judged_freely(dx_wrong_twice())
    assert refuted.value.difference is not None and refuted.value.difference.where["t"] == 2


@pytest.mark.parametrize("quantity", ["dW", "dU", "dh_0", "dc_0"])
def test_the_first_wrong_row_is_shown_where_there_is_no_time(quantity: str) -> None:
    part = parts(GRADIENTS, EXPECTED)[quantity]
    with pytest.raises(Refuted) as refuted:
        assert_part_conforms(part._replace(got=part.got + 9.0), PROBLEM, DZ)
    assert refuted.value.difference is not None and set(refuted.value.difference.where.values()) == {0}


# ---------------------------------------------------------------- free runs


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
    assert conclusive(model) == largest


def largest_error() -> float:
    return float(free_trajectory(PROBLEM, model_of(ROOMY, PROBLEM)).h.error.max())


def test_a_free_run_at_the_end_of_what_is_conclusive_is_conclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "conclusive", lambda model: largest_error())
    assert free_run(ROOMY, PROBLEM)


def test_a_free_run_beyond_what_is_conclusive_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "conclusive", lambda model: np.nextafter(largest_error(), 0))
    with pytest.raises(Inconclusive, match=f"^{GROWN}$"):
        free_run(ROOMY, PROBLEM)


def test_a_free_run_of_no_samples_is_conclusive() -> None:
    assert free_run(REFERENCE, problem_of(B=0)).h.error.size == 0


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
    monkeypatch.setattr(bounds, "free_backpropagation", lambda *_: replace(EXPECTED, dz=dz))
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


# ---------------------------------------------------------------- overflow


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
    monkeypatch.setattr(bounds, "limits", lambda dtype: Limits(magnitude * room, 1.0, 1.0))


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
        bounds._assert_finite_enough(answer, problem)


@each_room
def test_an_answer_may_not_overflow_short_of_it(monkeypatch: pytest.MonkeyPatch, dtype: str, room: float) -> None:
    ends_at(monkeypatch, BY_HAND * (1 + 1e-9), room)
    problem = replace(LOUD, x=LOUD.x.astype(dtype))
    bounds._assert_finite_enough(lost(problem), problem)


def test_magnitudes_of_a_finite_answer_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_at(monkeypatch, 0.0)
    assert assert_conforms(REFERENCE, REFERENCE.forward(LOUD), LOUD)


def test_magnitudes_of_no_numbers_are_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """W is (20, 0) where there is no input."""
    problem = problem_of(I=0, scale=0.0)
    ends_at(monkeypatch, 1e-9)
    bounds._assert_finite_enough(Answer(np.full((4, 2, 5), np.nan), problem.state), problem)


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
    part = parts(GRADIENTS, EXPECTED)["dh_0"]
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


# ---------------------------------------------------------------- recorded


def test_each_comparison_of_an_answer_is_recorded_once() -> None:
    with recorded_ratios() as ratios:
        assert_conforms(ROOMY, with_c(0.5), PROBLEM)
    assert set(ratios) == {"y", "c_T"} and ratios["c_T"] == pytest.approx([0.5], rel=1e-6)
