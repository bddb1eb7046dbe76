"""How accurate the σ and tanh of an implementation are: the figures, and the warnings."""

import json
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.measurements import activation_text
from conformance.measurements.activation_text import accuracy_data, describe_accuracy, list_warnings
from conformance.measurements.activations import SYMBOLS, list_arguments, probe_activations
from conformance.targets.resolve import resolve
from lstm_spec import Array
from tests.helpers import specimens
from tests.helpers.activations import (
    DTYPES,
    F32,
    OWN,
    by_sigmoid,
    graded,
    hard,
    lengthened,
    made_of,
    naive,
    stable,
)

# ---------------------------------------------------------------- right ones

MOST = {"float32": (6.0, 3.0), "float64": (4.0, 2.5), "bfloat16": (0.51, 0.51), "float16": (0.51, 0.51)}  # ulp


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_a_right_backend_meets_its_grade_without_a_warning(name: str, dtype: str) -> None:
    if name == "torch":
        pytest.importorskip("torch")
    found = probe_activations(resolve(name), dtype)
    assert list_warnings(found) == []
    for name, most in zip(SYMBOLS, MOST[dtype], strict=True):
        figure = found.figures[name]
        assert figure.met and figure.alone and 0.4 < figure.ulp < most
    assert found.grade in found.meets


def test_every_number_of_16_bits_is_an_argument_and_20_000_of_more() -> None:
    assert [len(np.unique(list_arguments(d).view(np.uint16))) for d in DTYPES[2:]] == [65_280, 63_488]
    for dtype, count in (("float32", 20_099), ("float64", 20_100)):
        v = list_arguments(dtype)
        assert len(np.unique(v)) == len(v) == count and 0 in v and np.abs(v[v != 0]).min() >= np.finfo(dtype).tiny
    assert np.abs(list_arguments("float32")).max() == 110 and np.abs(list_arguments("float64")).max() == 745


def test_the_figure_is_the_error_of_the_function() -> None:
    """A tanh that is wrong by a known number of ulp, at one argument alone."""
    at = float(list_arguments("float32")[15_000])

    def off(z: Array) -> Array:
        right = np.tanh(z.astype(np.float64)).astype(z.dtype)
        return np.where(z == np.float32(at), right + 5 * np.spacing(right), right)

    tanh = probe_activations(made_of(stable, off), "float32").figures["tanh"]
    assert tanh.at == at and 4.5 <= tanh.ulp <= 5.5 and 0.5 < tanh.u / tanh.ulp <= 2


def test_the_report_names_ulp_dtype_and_the_number_of_arguments() -> None:
    found = probe_activations(NUMPY, "float32")
    ulp = [f"{found.figures[name].ulp:.2g}" for name in SYMBOLS]
    assert describe_accuracy(found) == "σ within {} ulp, tanh within {} ulp (float32, {:,} arguments)".format(
        *ulp, found.tried
    )
    assert "the rounding of h included" in describe_accuracy(probe_activations(NUMPY, "float16"))


def test_data_are_json_even_where_a_number_is_not_finite() -> None:
    found = accuracy_data(probe_activations(specimens.returns_nan, "float32"))
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))
    assert found["tanh"]["u"] == "inf" and found["warnings"]


# ---------------------------------------------------------------- grades that are not met


def test_a_tanh_made_of_a_sigmoid_misses_relative_and_meets_absolute() -> None:
    backend = made_of(stable, by_sigmoid)
    found = probe_activations(backend, "float32")
    assert not found.figures["tanh"].met and found.figures["sigmoid"].met
    (said,) = list_warnings(found)
    assert said.startswith("its tanh is off by ") and "(float32), more than grade relative allows (14 u)" in said
    assert said.endswith('name grade "absolute", which it meets, in Description.grades')
    lenient = probe_activations(graded(backend, float32="absolute"), "float32")
    assert list_warnings(lenient) == [] and "u (absolute)" in describe_accuracy(lenient)


def test_a_hard_sigmoid_meets_no_grade() -> None:
    found = probe_activations(made_of(hard), "float32")
    assert found.meets == () and found.figures["sigmoid"].absolute * F32 > 0.05
    (said,) = list_warnings(found)
    assert said.startswith("its σ is off by ") and said.endswith(activation_text.MORE_ACCURATE)


def test_a_sigmoid_that_overflows_in_16_bits_meets_op_by_op_and_no_shift_of_it_does() -> None:
    assert list_warnings(probe_activations(made_of(naive, dtypes=("float16",)), "float16")) == []
    shifted = made_of(lambda z: naive(z) * np.where(z < 0, np.float16(0.99), np.float16(1)), dtypes=("float16",))
    (said,) = list_warnings(probe_activations(shifted, "float16"))
    assert said.startswith("its σ is off by ") and "more than grade op-by-op allows (6 u)" in said


def test_a_number_that_is_not_finite_is_named() -> None:
    def overflows(z: Array) -> Array:
        return np.asarray((np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)))

    found = probe_activations(made_of(stable, overflows), "float32")
    assert "tanh not finite at -110" in describe_accuracy(found)
    assert "its tanh is not finite at -110 (float32)" in "\n".join(list_warnings(found))


def test_a_tanh_that_is_not_0_at_0_is_told() -> None:
    lifted = made_of(stable, lambda z: np.where(z == 0, np.float32(1e-30), np.tanh(z)))
    assert "its tanh is not 0 at 0 (float32)" in "\n".join(list_warnings(probe_activations(lifted, "float32")))


# ---------------------------------------------------------------- grades that are too generous


def test_an_error_model_that_allows_a_thousand_roundoffs_is_far_too_generous() -> None:
    (said,) = list_warnings(probe_activations(graded(NUMPY, float32=replace(OWN, r_t=1000)), "float32"))
    assert said.startswith("its error model is far too generous (float32): of what u = 5.96e-08, r_t = 1000 allow, its")
    assert said.endswith('declare less, or name grade "relative"')


@pytest.mark.parametrize("much", [{"r_s": 1000.0}, {"s_abs": 1000.0}, {"u": F32 * 1000}])
def test_it_is_no_matter_which_part_of_a_model_is_generous(much: dict[str, float]) -> None:
    found = probe_activations(graded(NUMPY, float32=replace(OWN, **much)), "float32")
    assert any("far too generous" in said and "its σ" in said for said in list_warnings(found))


def test_a_model_of_its_own_that_allows_no_more_than_the_named_grade_is_not_too_generous() -> None:
    assert list_warnings(probe_activations(graded(NUMPY, float32=OWN), "float32")) == []


def test_a_model_of_its_own_may_be_missed_too() -> None:
    (said,) = list_warnings(probe_activations(graded(NUMPY, float32=replace(OWN, r_t=0.5)), "float32"))
    assert "more than its own error model allows (0.5 u)" in said


def test_absolute_is_far_too_generous_where_relative_would_do() -> None:
    (said,) = list_warnings(probe_activations(graded(NUMPY, float32="absolute"), "float32"))
    assert said == 'grade absolute is far too generous (float32): σ and tanh meet "relative"; name that instead'
    assert list_warnings(probe_activations(specimens.absolute, "float32")) == []


def test_absolute_is_not_far_too_generous_where_it_is_used() -> None:
    used = made_of(lengthened(stable, 6), lengthened(np.tanh, 10), grades={"float32": "absolute"})
    found = probe_activations(used, "float32")
    assert "relative" in found.meets and list_warnings(found) == []


def test_a_model_of_its_own_that_allows_a_little_more_is_not_too_generous() -> None:
    assert list_warnings(probe_activations(graded(NUMPY, float32=replace(OWN, r_s=11)), "float32")) == []
