"""Problems, cotangents, grades and orders that make no sense are refused in one sentence."""

from collections.abc import Callable

import pytest

from lstm_spec import (
    Cotangents,
    Packed,
    Problem,
    error_model,
    from_packed,
    pack,
    unpack,
)
from lstm_spec.validation import check_cotangents, checked
from tests.helpers.malformed import MALFORMED, WELL_FORMED, both_ways, projected, well_formed, zeros


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_problem_is_refused_in_a_sentence(
    case: tuple[Callable[[Problem], Problem], type[Exception], str],
) -> None:
    malform, kind, sentence = case
    with pytest.raises(kind) as refused:
        checked(malform(well_formed()))
    assert sentence in str(refused.value)
    assert "expected" in str(refused.value) and ";" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("form", WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_well_formed_problem_is_let_through(form: Callable[[Problem], Problem]) -> None:
    checked(form(well_formed()))


def test_cotangents_of_another_shape_are_refused() -> None:
    problem, state = well_formed(), well_formed().state
    with pytest.raises(
        ValueError,
        match=r"the cotangent of y has shape \(2, 3, 4\), expected \(2, 3, 5\) for T = 2, B = 3, H = 5; a cotangent",
    ):
        check_cotangents(problem, Cotangents(zeros(2, 3, 4), state))
    with pytest.raises(TypeError, match="the cotangent of state.c is float64, expected float32 like x; convert it"):
        check_cotangents(problem, Cotangents(zeros(2, 3, 5), state._replace(c=zeros(1, 3, 5, dtype="float64"))))


def test_cotangents_are_as_wide_as_what_a_network_returns() -> None:
    cotangents = Cotangents(zeros(2, 3, 5), well_formed().state)
    with pytest.raises(ValueError, match=r"of y has shape \(2, 3, 5\), expected \(2, 3, 10\) for T = 2, B = 3, H = 5;"):
        check_cotangents(both_ways(well_formed()), cotangents)
    with pytest.raises(
        ValueError, match=r"expected \(2, 3, 2\) for T = 2, B = 3, H = 5, P = 2 \(the rows of R\); a cot"
    ):
        check_cotangents(projected(well_formed()), cotangents)


# ---------------------------------------------------------------- grades, orders and adapters


def test_an_unknown_grade_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError) as refused:
        error_model("perfect", "float32")
    assert str(refused.value) == (
        "grade 'perfect' is not defined at float32, expected one of: absolute, relative; "
        "name one of them in Description.grades"
    )


def test_a_grade_at_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ValueError, match="grade 'relative' is not defined at float8, expected one of: none yet; name"):
        error_model("relative", "float8")


ORDERS = r"order is 'ifco', expected a permutation of 'ifgo'; write g for the candidate \(often c\)"


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=ORDERS):
        pack(well_formed().layer, "ifco")
    with pytest.raises(ValueError, match=ORDERS):
        unpack(Packed(zeros(20, 4), zeros(20, 5), zeros(20)), "ifco")


def test_an_adapter_refuses_an_order_before_it_is_called() -> None:
    with pytest.raises(ValueError, match=ORDERS):
        from_packed(lambda *arrays: arrays[:3], order="ifco")


@pytest.mark.parametrize("biases", [0, 3, "2"])
def test_an_adapter_refuses_another_number_of_biases(biases: int) -> None:
    with pytest.raises(ValueError, match=f"biases is {biases!r}, expected 1 or 2; a gate's bias is needed"):
        from_packed(lambda *arrays: arrays[:3], biases=biases)
