"""An implementation that adds two biases one after the other is right, unless the two cancel."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import judge
from conformance.assertions.forward import assert_conforms
from conformance.outcome import Refuted
from conformance.run.answers import Judgement
from conformance.run.check import check
from lstm_spec import Answer, Array, Cotangents, Description, Packed, Problem, State, from_packed, pack, unpack
from lstm_spec.layouts.convert import CancellingBiases, from_layout, to_layout
from tests.helpers.problems import make_problem
from tests.helpers.sixteen import in_float32, reciprocal


def forward(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array, b2: Array) -> tuple[Array, Array, Array]:
    """Each operation is rounded, each bias is added by itself."""
    product: Any = in_float32 if x.dtype.itemsize == 2 else np.matmul
    y = []
    with np.errstate(over="ignore"):
        for x_t in x:
            i, f, g, o = np.split(product(x_t, W.T) + b + product(h, U.T) + b2, 4, axis=1)
            c = reciprocal(f) * c + reciprocal(i) * np.tanh(g)
            h = reciprocal(o) * np.tanh(c)
            y.append(h)
    return np.array(y, x.dtype).reshape(len(x), *h.shape), h, c


DTYPES = ("float32", "float64", "bfloat16", "float16")
APART = from_packed(forward, name="apart", description=Description(dtypes=DTYPES))


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_halves_added_apart_conform(dtype: str) -> None:
    report = check(APART, dtypes=(dtype,), clauses=("CELL-*", "SEQ-*"), examples=20, diagnose=False)
    assert report.status == 0, report.statement


@pytest.mark.parametrize("shares, is_right", {(1, 1): True, (2, 0): False, (0, 2): False}.items())
def test_the_gradients_of_both_biases_are_judged(shares: tuple[int, int], is_right: bool) -> None:
    def gradients(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array, b2: Array, *d: Array) -> tuple[Any, ...]:
        problem = Problem(((unpack(Packed(W, U, b + b2)),),), x, State(h[None], c[None]))
        answer, found = NUMPY.differentiate(problem, Cotangents(d[0], State(d[1][None], d[2][None])))
        dW, dU, db = pack(found.parameters[0][0])
        of_inputs = (found.x, found.state.h[0], found.state.c[0])
        return answer.y, answer.state.h[0], answer.state.c[0], *of_inputs, dW, dU, *(share * db for share in shares)

    with_gradients = from_packed(
        forward, gradients, name="with gradients", description=Description(dtypes=("float64",))
    )
    report = check(with_gradients, clauses=("GRAD-2",), examples=3, diagnose=False)
    assert (report.status == 0) == is_right, report.statement


def test_two_biases_that_cancel_are_told_and_their_sum_conforms() -> None:
    problem = make_problem(T=3, B=2, I=3, H=4)
    W, U, b = pack(problem.layer)
    tensors = {"weight_ih": W, "weight_hh": U, "bias_ih": b + 1000, "bias_hh": np.full_like(b, -1000)}
    with pytest.warns(CancellingBiases, match="^the two biases of gates i, f, g, o nearly cancel in 16 of 16 numbers"):
        layer = from_layout(tensors, "pytorch")
    asked = replace(problem, parameters=((layer,),))
    assert_conforms(APART, answer_with(to_layout(layer, "pytorch"), asked), asked)
    with pytest.raises(Refuted):
        assert_conforms(APART, answer_with(tensors, asked), asked)


def judge_cancelling(dtype: str, large: int) -> tuple[Judgement, Judgement]:
    """Biases of about that size that cancel, added apart: judged with their sizes, and at the same grade without."""
    problem = make_problem(T=3, B=2, I=3, H=4, dtype=dtype)
    W, U, b = pack(problem.layer)
    ones = {"weight_ih": W, "weight_hh": U, "bias_ih": b + b.dtype.type(large), "bias_hh": np.full_like(b, -large)}
    with warnings.catch_warnings(action="ignore"):
        layer = from_layout(ones, "pytorch")
    asked = replace(problem, parameters=((layer,),))
    answer = answer_with(ones, asked)
    gates = zip("ifgo", np.split(np.abs(ones["bias_ih"]) + np.abs(ones["bias_hh"]), 4), strict=True)
    sized = judge(asked, answer, bias_sizes=[[dict(gates)]])
    return sized, judge(asked, answer, grade=sized.at)


@pytest.mark.parametrize("dtype, large", {"float32": 1000, "float64": 1000, "float16": 10, "bfloat16": 6}.items())
def test_two_biases_that_cancel_are_judged_with_their_sizes(dtype: str, large: int) -> None:
    sized, unsized = judge_cancelling(dtype, large)
    assert sized.holds and len(sized.parts) == 3, str(sized)
    assert unsized.ratio > (2 * sized.ratio if large < 1000 else 1), "their sizes make no difference"


@pytest.mark.parametrize("dtype, large", {"float16": 100, "bfloat16": 100}.items())
def test_of_biases_that_leave_no_digit_nothing_can_be_said(dtype: str, large: int) -> None:
    sized, unsized = judge_cancelling(dtype, large)
    assert str(sized).startswith("nothing could be judged"), str(sized)
    assert unsized.ratio > 1, "without their sizes, that is an alarm"


def test_sizes_that_do_not_fit_are_refused() -> None:
    problem = make_problem(T=3, B=2, I=3, H=4)
    with pytest.raises(ValueError, match=r"bias_sizes does not fit, expected \[layer\]\[direction\] of {'i': \(4,\)"):
        judge(problem, NUMPY.forward(problem), bias_sizes=[[{"i": np.zeros(16)}]])


def answer_with(tensors: dict[str, Array], problem: Problem) -> Answer:
    state = (a[0] for a in problem.state)
    weights = (tensors[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    y, h, c = forward(problem.x, *state, *weights)
    return Answer(y, State(h[None], c[None]))


def test_random_biases_of_either_sign_are_not_told(recwarn: pytest.WarningsRecorder) -> None:
    W, U, b = pack(make_problem().layer)
    from_layout({"weight_ih": W, "weight_hh": U, "bias_ih": b, "bias_hh": np.negative(b)}, "pytorch")
    assert not [one for one in recwarn if one.category is CancellingBiases]
