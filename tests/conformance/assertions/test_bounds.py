"""What is close enough, where the first difference is, and what lies outside the domain of a bound."""

from dataclasses import replace

import numpy as np
import pytest

from conformance.assertions.backward import assert_gate_gradients_conform, assert_part_conforms, name_parts
from conformance.assertions.comparison import Comparison, assert_observed, assert_same, assert_within, recorded_ratios
from conformance.assertions.forward import assert_conforms, free_run
from conformance.assertions.probes import add_probes, probe_gates
from conformance.outcome import Difference, Inconclusive, Refuted
from conformance.problems.question import with_gates
from conformance.tolerance.rounding import Bounded, product
from lstm_spec import (
    GRADES,
    REFERENCE,
    Answer,
    Description,
    Feature,
    Shapes,
    State,
    pack,
)
from tests.helpers.problems import make_loss, make_problem


def test_an_error_at_the_bound_passes_and_one_beyond_it_does_not() -> None:
    assert_within(Comparison("q", ("t",), np.array([1.5]), np.array([1.0]), np.array([0.5])))
    with pytest.raises(Refuted):
        assert_within(Comparison("q", ("t",), np.array([1.5]), np.array([1.0]), np.array([0.499])))


@pytest.mark.parametrize(
    ("got", "expected", "allowed"), [(np.nan, 0, 1), (0, np.nan, 1), (0, 0, np.nan), (np.inf, 0, 1)]
)
def test_what_is_not_a_number_is_never_close_enough(got: float, expected: float, allowed: float) -> None:
    with pytest.raises(Refuted):
        assert_within(Comparison("q", ("t",), *(np.array([float(a)]) for a in (got, expected, allowed))))


def test_two_numbers_are_compared_more_exactly_than_their_own_dtype_can() -> None:
    """2^24 and -1 are 2^24 + 1 apart, which float32 does not hold."""
    one, other = np.array([2**24], np.float32), np.array([-1], np.float32)
    with pytest.raises(Refuted):
        assert_within(Comparison("q", ("t",), one, other, np.array([2**24 + 0.5])))


def test_a_refusal_names_the_quantity_and_the_element() -> None:
    got = np.array([[0.0, 0.0], [0.0, 3.0]])
    with pytest.raises(Refuted) as refuted:
        assert_within(Comparison("q", ("batch", "unit"), got, np.array(1.0), np.array(1.5)))
    assert refuted.value.reason == "q is further from the equations than rounding can explain"
    assert refuted.value.difference == Difference("q", {"batch": 1, "unit": 1}, 1.0, 1.5, 3.0)


def test_a_difference_along_one_axis_is_shown_there() -> None:
    with pytest.raises(Refuted) as refuted:
        assert_within(Comparison("q", ("unit",), np.array([0.0, 0.0, 3.0]), np.zeros(()), np.ones(())))
    assert refuted.value.difference == Difference("q", {"unit": 2}, 0.0, 1.0, 3.0)


@pytest.mark.parametrize("axes", [("t",), ("t", "batch", "unit")])
def test_axes_that_do_not_fit_are_an_error_of_the_suite(axes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        assert_within(Comparison("q", axes, np.ones((1, 1)), np.zeros(()), np.zeros(())))


@pytest.mark.parametrize(("backwards", "t"), [(False, 1), (True, 3)])
def test_the_first_difference_is_where_the_error_arises(backwards: bool, t: int) -> None:
    got = np.zeros((5, 2))
    got[1, 1] = got[2, 1] = got[3, 0] = 3
    with pytest.raises(Refuted) as refuted:
        assert_within(Comparison("q", ("t", "unit"), got, np.zeros(()), np.ones(()), backwards))
    difference = refuted.value.difference
    assert difference is not None and difference.where["t"] == t and difference.ratio == 3


def test_the_same_means_to_the_last_bit() -> None:
    one = np.ones(3, np.float32)
    assert_same("q", one, one.copy(), ("t",))
    with pytest.raises(Refuted):
        assert_same("q", np.nextafter(one, 2), one, ("t",))


def test_what_is_not_a_number_is_the_same_as_itself() -> None:
    nan = np.array([np.nan, 1.0])
    assert_same("q", nan, nan.copy(), ("t",))


@pytest.mark.parametrize(("got", "expected"), [(np.nan, 0.0), (np.inf, np.finfo(np.float64).max)])
def test_what_is_not_finite_is_not_the_same_as_a_number(got: float, expected: float) -> None:
    with pytest.raises(Refuted) as refuted:
        assert_same("q", np.array([got]), np.array([expected]), ("t",), "SEQ-3")
    assert (refuted.value.reason, refuted.value.clause) == ("q is not the same to the last bit", "SEQ-3")
    difference = refuted.value.difference
    assert difference is not None and (difference.quantity, difference.where) == ("q", {"t": 0})


def test_what_is_not_the_same_names_the_quantity_and_the_element() -> None:
    with pytest.raises(Refuted) as refuted:
        assert_same("q", np.array([1.0, 3.0]), np.array([1.0, 2.0]), ("unit",))
    assert (refuted.value.reason, refuted.value.clause) == ("q is not the same to the last bit", "")
    assert refuted.value.difference == Difference("q", {"unit": 1}, 2.0, 0.0, 3.0)


def test_a_free_run_in_which_rounding_grows_is_inconclusive() -> None:
    with pytest.raises(Inconclusive):
        free_run(REFERENCE, make_problem(T=60, H=16, scale=4.0))


def test_the_reference_conforms_and_its_ratios_are_recorded() -> None:
    problem, quantities = make_problem(), ("dW", "dU", "db", "dx", "dh_0", "dc_0")
    with recorded_ratios() as ratios:
        found = probe_gates(REFERENCE, problem, make_loss(problem))
        expected = assert_gate_gradients_conform(REFERENCE, problem, make_loss(problem), found.answer, found.dz)
        for part in name_parts(found.gradients, expected).values():
            assert_part_conforms(part, problem, found.dz)
    assert set(ratios) == {"y", "c_T", "dz", *quantities}
    assert 0 < max(ratios["y"]) < 1


def compared(got: list[float], expected: list[float], allowed: float) -> Comparison:
    return Comparison("q", ("t",), *(np.array(a) for a in (got, expected, [allowed] * len(got))))


def test_the_largest_ratio_of_each_comparison_is_recorded() -> None:
    with recorded_ratios() as ratios:
        assert_observed(compared([1.0, 4.0, 0.0], [2.0, 2.0, 0.0], 8.0))
        assert_observed(compared([1.0], [2.0], 4.0))
    assert ratios == {"q": [0.25, 0.25]}


def test_no_error_is_a_ratio_of_zero_though_nothing_is_allowed() -> None:
    with recorded_ratios() as ratios:
        assert_observed(compared([1.0, 2.0], [1.0, 2.0], 0.0))
    assert ratios == {"q": [0.0]}


def test_an_error_where_none_is_allowed_is_an_infinite_ratio() -> None:
    with recorded_ratios() as ratios, pytest.raises(Refuted):
        assert_observed(compared([1.0, 3.0], [1.0, 2.0], 0.0))
    assert ratios == {"q": [np.inf]}


def test_a_comparison_of_nothing_is_not_recorded() -> None:
    with recorded_ratios() as ratios:
        assert_observed(compared([], [], 1.0))
    assert ratios == {}


def test_nothing_is_recorded_once_it_is_closed() -> None:
    with recorded_ratios() as ratios:
        pass
    assert_observed(compared([1.0], [2.0], 4.0))
    assert ratios == {}


@pytest.mark.parametrize("quantity", ["y", "c_T"])
def test_a_last_bit_too_many_is_refuted_where_the_bound_is_tight(quantity: str) -> None:
    """Ten allowed errors on one element, at one step, are seen there."""
    problem = make_problem()
    answer = REFERENCE.forward(problem)
    y, c = answer.y.astype(np.float64), answer.state.c.astype(np.float64)
    (y if quantity == "y" else c)[-1, 0, 0] *= 1 + 1e-4
    changed = Answer(y.astype(np.float32), State(y[-1:].astype(np.float32), c.astype(np.float32)))
    with pytest.raises(Refuted) as refuted:
        assert_conforms(REFERENCE, changed, problem)
    difference = refuted.value.difference
    assert difference is not None and difference.quantity == quantity


def test_an_overflow_is_inconclusive_only_where_magnitudes_come_near_the_largest_number() -> None:
    problem, large = make_problem(), np.float32(1e38)
    bad = Answer(np.full_like(REFERENCE.forward(problem).y, np.nan), problem.state)
    bad = replace(bad, state=State(bad.y[-1:], problem.state.c))
    with pytest.raises(Refuted):
        assert_conforms(REFERENCE, bad, problem)
    huge = with_gates(problem, lambda _, gate: gate._replace(W=gate.W * large))
    with pytest.raises(Inconclusive):
        assert_conforms(REFERENCE, bad, huge)


@pytest.mark.parametrize("lost", [np.inf, -np.inf, np.nan])
def test_an_overflow_of_the_gradient_is_inconclusive_only_where_cotangents_are_huge(lost: float) -> None:
    problem = make_problem()
    answer = REFERENCE.forward(problem)
    dz = np.full((4, 2, 20), lost, np.float32)
    with pytest.raises(Refuted):
        assert_gate_gradients_conform(REFERENCE, problem, make_loss(problem), answer, dz)
    with pytest.raises(Inconclusive):
        assert_gate_gradients_conform(REFERENCE, problem, make_loss(problem, 1e36), answer, dz)


def test_probes_change_nothing_but_show_the_gate_gradients() -> None:
    """With one step and one sample db is dz itself."""
    problem = make_problem(T=1, B=1)
    found = probe_gates(REFERENCE, problem, make_loss(problem))
    assert_conforms(REFERENCE, found.answer, problem)
    assert np.array_equal(found.dz[0, 0], pack(found.gradients.parameters[0][0]).b)


def test_probes_in_blocks_show_the_same_gate_gradients() -> None:
    shapes = Shapes(I=range(1, 9))
    narrow = replace(REFERENCE, description=replace(REFERENCE.description, shapes=shapes))
    problem = make_problem(dtype="float64")
    whole, blocks = (probe_gates(backend, problem, make_loss(problem)) for backend in (REFERENCE, narrow))
    assert np.array_equal(whole.dz, blocks.dz) and np.array_equal(whole.gradients.x, blocks.gradients.x)


def test_a_widened_problem_has_the_width_asked_for_and_identity_weights() -> None:
    problem = make_problem()
    wide = add_probes(problem, range(0, 20), 24)
    assert wide.x.shape == (4, 2, 24) and not wide.x[..., 3:].any()
    stacked = np.concatenate([gate.W for gate in wide.layer[:4]])
    assert np.array_equal(stacked[:, 3:23], np.eye(20)) and not stacked[:, 23:].any()


def test_a_backend_offers_gradients_only_with_the_function() -> None:
    claimed = replace(REFERENCE, gradients=None, description=Description(features=frozenset({Feature.GRADIENTS})))
    assert not claimed.offers(Feature.GRADIENTS) and REFERENCE.offers(Feature.GRADIENTS)


def test_zero_times_an_error_that_overflowed_may_be_anything() -> None:
    zero, lost = Bounded(np.zeros(1), np.zeros(1)), Bounded(np.ones(1), np.full(1, np.inf))
    with np.errstate(invalid="ignore"):
        found = product((zero, lost), 1, GRADES["relative", "float32"])
    assert found.value == 0 and found.error == np.inf


@pytest.mark.parametrize(("scale", "raised"), [(1.0, Refuted), (400.0, Inconclusive)])
def test_float16_may_overflow_where_magnitudes_come_near_its_end_and_not_before(
    scale: float, raised: type[Exception]
) -> None:
    problem = make_problem(T=1, B=1, I=1, H=1, scale=scale, dtype="float16")
    lost = Answer(np.full((1, 1, 1), np.nan, np.float16), problem.state)
    with pytest.raises(raised):
        assert_conforms(replace(REFERENCE, description=Description(dtypes=("float16",))), lost, problem)
