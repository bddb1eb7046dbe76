"""x and parameters in bfloat16 beside states of float32: which problems those are, and what they mean."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.arrays import CODES
from conformance.problems.question import change_arrays, change_stored
from lstm_spec import REFERENCE, Backend, Cotangents, Problem, State, checked, wide_inside
from lstm_spec.types import Array, Feature
from tests.helpers.problems import make_problem

BFLOAT16 = CODES["BF16"]


def store(problem: Problem, dtype: np.dtype[np.generic] = BFLOAT16) -> Problem:
    return change_stored(problem, lambda a: a.astype(dtype))


def ones_like(problem: Problem) -> Cotangents:
    answer = REFERENCE.forward(problem)
    return Cotangents(np.ones_like(answer.y), State(*map(np.ones_like, answer.state)))


def test_a_problem_has_the_dtype_of_its_states() -> None:
    problem = store(make_problem())
    assert checked(problem) is problem and problem.dtype == np.float32 and problem.x.dtype == BFLOAT16
    assert "float32" in repr(problem) and problem.is_more and not make_problem().is_more


def test_an_answer_is_that_of_the_same_numbers_in_float32() -> None:
    problem = store(make_problem())
    answer = REFERENCE.forward(problem)
    wide = REFERENCE.forward(change_stored(problem, lambda a: a.astype(np.float32)))
    assert answer.y.dtype == np.float32 and np.array_equal(answer.y, wide.y)
    assert np.array_equal(answer.state.c, wide.state.c)


def test_a_gradient_is_that_of_the_same_numbers_rounded_once() -> None:
    problem = store(make_problem())
    d = ones_like(problem)
    _, found = REFERENCE.differentiate(problem, d)
    _, wide = REFERENCE.differentiate(change_stored(problem, lambda a: a.astype(np.float32)), d)
    assert found.x.dtype == BFLOAT16 and found.state.h.dtype == np.float32
    one, other = found.parameters[0][0].g.U, wide.parameters[0][0].g.U
    assert one.dtype == BFLOAT16 and np.array_equal(one, other.astype(BFLOAT16)) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    "change",
    [
        lambda problem: store(problem, np.dtype(np.float16)),
        lambda problem: replace(problem, x=problem.x.astype(BFLOAT16)),
        lambda problem: replace(store(problem), x=problem.x),
        lambda problem: store(change_arrays(problem, lambda a: a.astype(np.float64))),
        lambda problem: replace(store(problem), state=State(problem.state.h, problem.state.c.astype(BFLOAT16))),
    ],
    ids=["float16", "x alone", "parameters alone", "beside float64", "half of the state"],
)
def test_no_other_mixture_is_well_formed(change: object) -> None:
    assert callable(change)
    with pytest.raises(TypeError, match="expected (float|bfloat)"):
        checked(change(make_problem()))


def test_what_is_wide_inside_claims_them_if_it_claims_float32() -> None:
    plain = replace(REFERENCE, description=replace(REFERENCE.description, features=frozenset()))
    only64 = replace(plain, description=replace(plain.description, dtypes=("float64",)))
    assert Feature.BFLOAT16_WEIGHTS in wide_inside(plain).description.features
    assert Feature.BFLOAT16_WEIGHTS not in wide_inside(only64).description.features


@pytest.mark.parametrize("backend", [REFERENCE, wide_inside(REFERENCE)], ids=["reference", "wide inside"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [1.0]}, "x is a list, expected a NumPy array"),
        ({"state": None}, "state is a NoneType, expected a State"),
        ({"state": State([1.0], [1.0])}, "state.h is a list, expected a NumPy array"),  # type: ignore[arg-type]
    ],
    ids=["x", "state", "h"],
)
def test_what_is_malformed_is_refused_in_a_sentence(backend: Backend, change: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        backend.forward(replace(make_problem(), **change))


def test_cotangents_are_those_of_the_states() -> None:
    problem = store(make_problem())
    d = ones_like(problem)

    def narrow(a: Array) -> Array:
        return a.astype(BFLOAT16)

    with pytest.raises(TypeError, match="expected float32"):
        REFERENCE.differentiate(problem, Cotangents(narrow(d.y), State(*map(narrow, d.state))))
