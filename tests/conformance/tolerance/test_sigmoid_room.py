"""The absolute grade has room for a sigmoid that is made of any tanh that the relative grade admits."""

import numpy as np
import pytest

from conformance.measurements.activation_text import list_warnings
from conformance.measurements.activations import probe_activations
from lstm_spec import Array, error_model
from tests.helpers.activations import graded, made_of
from tools.checks.sigmoids import beyond_relative, by_tanh, list_float32, rational_tanh

GRADE = error_model("absolute", "float32")


def worst_tanh(z: Array) -> Array:
    """Off by all that r_t allows, towards zero on the left."""
    return np.asarray((np.tanh(z.astype(np.float64)) * (1 - 12.9 * GRADE.u)).astype(z.dtype))


@pytest.mark.parametrize("tanh", [rational_tanh, worst_tanh])
def test_a_sigmoid_made_of_a_right_tanh_meets_the_grade(tanh) -> None:  # type: ignore[no-untyped-def]
    backend = graded(made_of(by_tanh(tanh), tanh, dtypes=("float32",)), float32="absolute")
    assert list_warnings(probe_activations(backend, "float32")) == []


def test_a_right_sigmoid_needs_more_than_three_roundoffs() -> None:
    z = list_float32()
    z = z[np.abs(z) > 8]
    e = np.exp(-np.abs(z.astype(np.float64)))
    exact = np.where(z >= 0, 1, e) / (1 + e)
    assert 3 < beyond_relative(by_tanh(rational_tanh)(z), exact, GRADE.r_s) < GRADE.s_abs == GRADE.r_t / 2
