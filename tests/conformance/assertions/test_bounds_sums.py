"""That each gradient that is a sum over gate gradients is decided where it says."""

from dataclasses import replace

import numpy as np
import pytest

from conformance.assertions.backward import (
    assert_gradients_conform_freely,
    assert_part_conforms,
    free_gradients,
    name_parts,
)
from conformance.outcome import Refuted
from conformance.tolerance.layer_backward import Backpropagation
from lstm_spec import (
    Gradients,
    Packed,
    State,
    pack,
    unpack,
)
from tests.helpers.bounded import (
    BEYOND,
    DZ,
    EXPECTED,
    FAR,
    GRADIENTS,
    LOSS,
    PROBLEM,
    ROOMY,
    WITHIN,
    difference_at,
    off,
    put,
)

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
    assert_gradients_conform_freely(ROOMY, PROBLEM, LOSS, gradients)
    return free_gradients(ROOMY, PROBLEM, LOSS)


@each_part
def test_a_gradient_too_far_off_from_a_free_run_is_shown(quantity: str) -> None:
    axes, index = PARTS[quantity]
    expected = name_parts(GRADIENTS, judged_freely(GRADIENTS))[quantity].expected
    with pytest.raises(Refuted) as refuted:
        judged_freely(with_element(quantity, index, off(expected, index, BEYOND)))
    assert refuted.value.difference == difference_at(quantity, axes, index, expected)
    assert (refuted.value.reason, refuted.value.clause) == (f"{quantity}{FAR}", "")


@each_part
def test_a_gradient_that_a_free_run_explains_conforms(quantity: str) -> None:
    _, index = PARTS[quantity]
    expected = name_parts(GRADIENTS, judged_freely(GRADIENTS))[quantity].expected
    assert judged_freely(with_element(quantity, index, off(expected, index, WITHIN)))


def test_gradients_judged_freely_have_their_shapes() -> None:
    with pytest.raises(Refuted, match=r"^the gradient of x has shape \(1, 1, 1\), expected \(4, 2, 3\)$"):
        judged_freely(replace(GRADIENTS, x=np.zeros((1, 1, 1))))


@each_part
def test_a_gradient_too_far_off_from_the_gate_gradients_is_shown(quantity: str) -> None:
    axes, index = PARTS[quantity]
    expected = name_parts(GRADIENTS, EXPECTED)[quantity].expected
    changed = name_parts(with_element(quantity, index, off(expected, index, BEYOND)), EXPECTED)[quantity]
    with pytest.raises(Refuted) as refuted:
        assert_part_conforms(changed, PROBLEM, DZ)
    assert refuted.value.difference == difference_at(quantity, axes, index, expected)


@each_part
def test_a_gradient_that_rounding_explains_conforms(quantity: str) -> None:
    _, index = PARTS[quantity]
    expected = name_parts(GRADIENTS, EXPECTED)[quantity].expected
    assert_part_conforms(
        name_parts(with_element(quantity, index, off(expected, index, WITHIN)), EXPECTED)[quantity], PROBLEM, DZ
    )


def dx_wrong_twice() -> Gradients:
    return replace(GRADIENTS, x=put(put(GRADIENTS.x, (0, 0, 0), 9.0), (2, 1, 1), 9.0))


def test_the_first_wrong_gradient_of_x_is_the_latest_one() -> None:
    with pytest.raises(Refuted) as refuted:
        assert_part_conforms(name_parts(dx_wrong_twice(), EXPECTED)["dx"], PROBLEM, DZ)
    assert refuted.value.difference is not None and refuted.value.difference.where["t"] == 2


def test_the_first_wrong_gradient_of_x_is_the_latest_one_of_a_free_run() -> None:
    with pytest.raises(Refuted) as refuted:
        judged_freely(dx_wrong_twice())
    assert refuted.value.difference is not None and refuted.value.difference.where["t"] == 2


@pytest.mark.parametrize("quantity", ["dW", "dU", "dh_0", "dc_0"])
def test_the_first_wrong_row_is_shown_where_there_is_no_time(quantity: str) -> None:
    part = name_parts(GRADIENTS, EXPECTED)[quantity]
    with pytest.raises(Refuted) as refuted:
        assert_part_conforms(part._replace(got=part.got + 9.0), PROBLEM, DZ)
    assert refuted.value.difference is not None and set(refuted.value.difference.where.values()) == {0}
