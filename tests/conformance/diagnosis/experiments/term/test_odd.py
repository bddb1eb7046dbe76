"""Right implementations of odd construction, at a grade that they do not meet: no cause is named but the true one."""

import pytest

from conformance.diagnosis.experiments.diagnose import inquire
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.term import find_term
from conformance.diagnosis.experiments.term.formula import NAMES
from conformance.targets.border import guard_backend
from tests.planted.odd import FIRST, FROM_TANH, Odd

COARSE = (
    "σ is right but for its small values, of which only multiples of a unit are left: it is computed as ½ + ½ tanh(z/2)"
)


@pytest.mark.parametrize("odd", FIRST.values(), ids=FIRST)
def test_no_cause_is_named(odd: Odd) -> None:
    inquiry = inquire(guard_backend(odd.build()), "float64", seconds=90.0)
    assert not inquiry.has_formula
    assert not any(name in inquiry.sentence for name in (*NAMES.values(), "the cell state is", "the hidden state is"))


@pytest.mark.parametrize("odd", FIRST.values(), ids=FIRST)
@pytest.mark.parametrize("backward", [False, True])
def test_no_formula_is_certain(odd: Odd, backward: bool) -> None:
    found = find_term(Laboratory(guard_backend(odd.build()), "float32", backward=backward, seconds=90.0))
    assert found is None or not found.is_certain


@pytest.mark.parametrize("odd", FROM_TANH.values(), ids=FROM_TANH)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sigma_that_has_lost_its_small_values_is_named(odd: Odd, dtype: str) -> None:
    inquiry = inquire(guard_backend(odd.build()), dtype, seconds=90.0)
    assert inquiry.has_formula and inquiry.sentence.startswith(COARSE)
