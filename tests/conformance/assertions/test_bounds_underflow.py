"""Numbers that underflow when they are returned, while whoever is wider inside still has them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.arrays import limits
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.assertions.probes import assert_all_conform
from conformance.outcome import Refuted
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import Form
from conformance.problems.question import Question
from lstm_spec import Answer, Backend, Cotangents, Gate, Gradients, Parameters, Problem, State
from tools.checks.right.backends import make_flushing, make_rounded, make_wide


class Kind(NamedTuple):
    """The pre-activation of the output gate, U and W of the candidate, and the cotangent of c_T."""

    o: float
    U: float
    W: float
    dc: float


KINDS = {  # as powers of the dtype's smallest normal number; the o of h is σ of that many times log(tiny)
    "h": Kind(1.03, 0.0, 0.0, -0.5),
    "dz into x": Kind(0.0, 0.0, -0.8, 1.05),
    "dz into h": Kind(0.0, -0.8, 0.0, 1.05),
}


def ask(kind: Kind, dtype: str) -> Question:
    tiny = limits(np.dtype(dtype)).tiny

    def array(*numbers: float) -> np.ndarray:
        return np.array(numbers, dtype)

    def power(exponent: float) -> float:
        return tiny**exponent if exponent else 0.0

    def gate(b: float, W: float = 0.0, U: float = 0.0) -> Gate:
        return Gate(array(W)[None], array(U)[None], array(b))

    i, f, g, o = gate(1), gate(1), gate(1, power(kind.W), power(kind.U)), gate(kind.o * np.log(tiny))
    nothing = np.zeros((1, 1, 1), dtype)
    problem = Problem(((Parameters(i, f, g, o),),), np.zeros((2, 1, 1), dtype), State(nothing, nothing + 1))
    if kind.U:  # h has to stay 0, lest U h overflow
        problem = replace(problem, x=problem.x[:1])
    return Question(problem, Cotangents(np.zeros_like(problem.x), State(nothing, nothing + array(power(kind.dc)))))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", [make_wide(), NUMPY], ids=["wide", "numpy"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_who_is_wider_inside_is_not_refuted(kind: Kind, backend: Backend, dtype: str) -> None:
    assert_all_conform(backend, ask(kind, dtype))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("backend", [make_flushing(), make_rounded()], ids=["flushing", "rounded"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_nor_is_whose_products_read_subnormal_numbers_as_zero(kind: Kind, backend: Backend, dtype: str) -> None:
    question = ask(kind._replace(dc=min(kind.dc, 1.0)), dtype)
    assert_all_conform(backend, question)
    other = make_rounded().differentiate(*question)[1].state.h != backend.differentiate(*question)[1].state.h
    assert other.any() == (dtype == "bfloat16" and kind.U != 0 and backend.name == "flushing")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_who_is_off_by_more_is(kind: Kind) -> None:
    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = make_wide().differentiate(problem, d)
        layer = found.parameters[0][0]
        gate = layer.g._replace(U=layer.g.U * 3 + 1e-5)
        state = State(found.state.h * 3 + np.float32(1e-5), found.state.c)
        return answer, Gradients(((layer._replace(g=gate),),), found.x * 3 + np.float32(1e-5), state)

    with pytest.raises(Refuted):
        assert_all_conform(replace(NUMPY, gradients=gradients), ask(kind, "float32"))


@pytest.mark.parametrize("W", [1e20, 1e30])
def test_nor_is_who_hands_it_to_the_layer_above(W: float) -> None:
    """The lower h underflows; the weights of the upper layer, which is looked into by single steps, are large."""
    form = Form(2, kind="no forget gate")
    zero = build_problem(np.dtype("float32"), form, (3, 2, 1, 1), ("zero",) * 6, 0)
    shut = 1.13 * np.log(limits(np.dtype("float32")).tiny)

    def number(value: float) -> np.ndarray:
        return np.full(1, value, np.float32)

    def change(layer: int, p: Parameters) -> Parameters:
        assert p.i and p.o
        g = p.g._replace(b=number(1 - layer), W=number(W * layer)[None])
        return p._replace(i=p.i._replace(b=number(1)), g=g, o=p.o._replace(b=number(1 if layer else shut)))

    rows = tuple(tuple(change(layer, p) for p in row) for layer, row in enumerate(zero.parameters))
    problem = replace(zero, parameters=rows)
    for backend in (make_wide(), NUMPY):
        assert_network_conforms(backend, problem)
        assert_network_gradients_conform(backend, problem, build_loss(problem, ("dense", "dense", "dense"), 0))
