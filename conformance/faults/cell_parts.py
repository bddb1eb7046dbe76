"""An LSTM made of replaceable parts, differentiated by autograd: what a fault does not replace is right.

A forward fault thereby carries its own, consistent gradient. Slow, and only for faults: a wrong LSTM need not be fast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import autograd.numpy as anp
import numpy as np
from autograd import grad
from autograd.extend import defvjp, primitive
from autograd.tracer import getval

from conformance.faults.primitives import GATES, Value, sigmoid
from lstm_spec import (
    Answer,
    Backend,
    Cotangents,
    Description,
    Feature,
    Gate,
    Gradients,
    Parameters,
    Problem,
    State,
    checked,
    wide_inside,
)


class Weights(NamedTuple):
    """One of W, U, b for each gate, by letter."""

    W: dict[str, Value]
    U: dict[str, Value]
    b: dict[str, Value]


@primitive
def preactivation(x: Value, W: Value, h: Value, U: Value, b: Value) -> Value:
    """x Wᵀ + h Uᵀ + b: autograd takes its time for each operation, not for each number."""
    return np.dot(x, W.T) + np.dot(h, U.T) + b


defvjp(
    preactivation,
    lambda z, x, W, h, U, b: lambda d: np.dot(d, W),
    lambda z, x, W, h, U, b: lambda d: np.dot(d.T, x),
    lambda z, x, W, h, U, b: lambda d: np.dot(d, U),
    lambda z, x, W, h, U, b: lambda d: np.dot(d.T, h),
    lambda z, x, W, h, U, b: lambda d: d.sum(axis=0),
)


def product(x: Value, W: Value) -> Value:
    return anp.dot(x, W.T)


def step(parts: "Parts", w: Weights, x: Value, h: Value, c: Value) -> tuple[Value, Value]:
    """One step from (h, c), for a batch."""
    recurrent = parts.recurrent(h)
    if parts.product is product:
        z = {k: preactivation(x, w.W[k], recurrent, w.U[k], w.b[k]) for k in GATES}
    else:
        z = {k: parts.product(x, w.W[k]) + parts.product(recurrent, w.U[k]) + w.b[k] for k in GATES}
    gates = {k: parts.candidate(z[k]) if k == "g" else parts.sigmoid(z[k]) for k in GATES}
    new = parts.cell(gates, c)
    return parts.hidden(gates, new, c, parts.squash), new


@dataclass(frozen=True)
class Parts:
    """The parts of a right LSTM; a fault replaces some of them."""

    weights: Callable[[Weights], Weights] = lambda w: w
    inputs: Callable[[Value], Value] = lambda x: x
    initial: Callable[[Value, Value], tuple[Value, Value]] = lambda h, c: (h, c)
    product: Callable[[Value, Value], Value] = product
    recurrent: Callable[[Value], Value] = lambda h: h
    sigmoid: Callable[[Value], Value] = sigmoid
    candidate: Callable[[Value], Value] = anp.tanh
    cell: Callable[[dict[str, Value], Value], Value] = lambda k, c: k["f"] * c + k["i"] * k["g"]
    squash: Callable[[Value], Value] = anp.tanh
    hidden: Callable[..., Value] = lambda k, c, before, squash: k["o"] * squash(c)
    carried: Callable[[int, Value, Value], tuple[Value, Value]] = lambda t, h, c: (h, c)
    returned: Callable[[list[Value], list[Value]], tuple[list[Value], Value, Value]] = lambda hs, cs: (
        hs[1:],
        hs[-1],
        cs[-1],
    )
    cotangents: Callable[[Cotangents], Cotangents] = lambda d: d
    gradients: Callable[[Problem, Gradients], Gradients] = lambda problem, g: g


def forward(parts: Parts, problem: Problem) -> Answer:
    return _answer(*_run(parts, _leaves(problem)))


def gradients(parts: Parts, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    answers: list[Answer] = []
    d = parts.cotangents(d)

    def loss(leaves: list[Value]) -> Value:
        y, h, c = _run(parts, leaves)
        answers.append(_answer(*(getval(a) for a in (y, h, c))))
        return anp.sum(y * d.y) + anp.sum(h * d.state.h[0]) + anp.sum(c * d.state.c[0])

    found = [np.asarray(g, problem.dtype) for g in grad(loss)(_leaves(problem))]
    i, f, g, o = (Gate(*found[3 * n : 3 * n + 3]) for n in range(4))
    x, h, c = found[12:]
    return answers[0], parts.gradients(problem, Gradients(((Parameters(i, f, g, o),),), x, State(h[None], c[None])))


def _leaves(problem: Problem) -> list[Value]:
    gates = [a for k in GATES for a in getattr(problem.layer, k)[:3]]
    return [*gates, problem.x, problem.state.h[0], problem.state.c[0]]


def _run(parts: Parts, leaves: list[Value]) -> tuple[Value, Value, Value]:
    w = parts.weights(Weights(*({k: leaves[3 * n + m] for n, k in enumerate(GATES)} for m in range(3))))
    x = parts.inputs(leaves[12])
    h, c = parts.initial(leaves[13], leaves[14])
    hs, cs = [h], [c]
    for t in range(len(x)):
        h, c = step(parts, w, x[t], *parts.carried(t, h, c))
        hs.append(h)
        cs.append(c)
    y, h, c = parts.returned(hs, cs)
    return anp.array(y) if y else anp.zeros((0, *h.shape), h.dtype), h, c


def _answer(y: Value, h: Value, c: Value) -> Answer:
    return Answer(np.asarray(y), State(np.array(h)[None], np.array(c)[None]))


def backend(name: str, parts: Parts, differentiated: Parts | None = None) -> Backend:
    """An LSTM of these parts; `differentiated` are those of the gradient pass where they are others."""

    def run(problem: Problem) -> Answer:
        return forward(parts, checked(problem))

    def differentiate(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        return gradients(differentiated or parts, checked(problem), d)

    claimed = frozenset({Feature.GRADIENTS, Feature.EMPTY_SEQUENCE, Feature.DETERMINISTIC})
    about = Description(version="(deliberately wrong)", features=claimed)
    return wide_inside(Backend(name, run, differentiate, about))
