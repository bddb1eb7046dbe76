"""A whole LSTM network made of the parts in `network_parts`, differentiated by autograd. It claims every feature."""

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import autograd.numpy as anp
import numpy as np
from autograd import grad
from autograd.tracer import getval

from conformance.faults.network_parts import UNMULTIPLIED, Memory, Network, Read, Reader, Rows, Seen, Shown
from conformance.faults.primitives import GATES, Value, noted
from lstm_spec import (
    Answer,
    Backend,
    Cotangents,
    Description,
    Feature,
    Gradients,
    Parameters,
    Problem,
    State,
    checked,
)
from lstm_spec.types import Array, each_array


class Stacked(NamedTuple):
    """The parameters of a layer in one direction, its gates on rows."""

    gates: str
    W: Value
    U: Value
    b: Value
    p: dict[str, Value]
    R: Value | None


def stacked(p: Parameters) -> Stacked:
    gates = [(k, gate) for k in GATES if (gate := getattr(p, k)) is not None]
    W, U, b = (anp.concatenate([getattr(gate, part) for _, gate in gates]) for part in "WUb")
    return Stacked("".join(k for k, _ in gates), W, U, b, {k: g.p for k, g in gates if g.p is not None}, p.R)


def step(parts: Network, r: Reader, w: Stacked, z: Value, now: Memory) -> Memory:
    """One step, from what the gates receive of the input (B, G*H)."""
    z = dict(zip(w.gates, anp.split(z + anp.dot(now.fed, w.U.T), len(w.gates), axis=1), strict=True))
    before = Seen(now.c, now.c, now.c, now.h)

    def gate(k: str, seen: Seen) -> Value:
        received = parts.peephole(r, k, w.p, seen)
        return parts.candidate(r, z[k], received) if k == "g" else parts.opened(r, k, z[k], received)

    k = {letter: gate(letter, before) for letter in w.gates if letter != "o"}
    if r.kind == "coupled":
        k["i"], k["f"] = parts.coupled(r, k["i"], z["i"])
    kept = k["f"] * now.c if "f" in k else now.c
    if r.kind in UNMULTIPLIED:
        k["o"] = gate("o", before)
        kept = parts.kept(r, now.c, k)
    raw = kept + k["i"] * k["g"]
    c, visible = parts.bounded(r, raw, now.c)
    o = k["o"] if "o" in k else gate("o", Seen(now.c, visible, raw, now.h))
    shown = Shown(o, parts.squash(r, visible), w.R, c)
    h = parts.hidden(r, shown.m if w.R is None else parts.projected(r, shown))
    return Memory(h, c, parts.fed(r, h, shown))


def read(parts: Network, r: Reader, p: Parameters, x: Value, s: State) -> Read:
    """One layer in one direction."""
    T, B = x.shape[:2]
    valid = None if r.problem.lengths is None else (np.arange(T)[:, None] < parts.lengths(r))[..., None]
    x = parts.inputs(r, x)
    x = parts.turned(r, x if valid is None else parts.masked(r, x, valid))
    w, now = stacked(p), Memory(s.h, s.c, s.h)
    z, states, ys = anp.dot(x, w.W.T) + w.b, [now], []
    for t in range(T):
        new = step(parts, r, w, z[t], now)
        now = new if valid is None else parts.frozen(r, valid[t], new, now)
        ys.append(new.h if valid is None else parts.output(r, valid[t], new, now))
        states.append(now)
    y = anp.array(ys) if ys else np.zeros((0, *getval(s.h).shape), r.problem.dtype)
    return Read(parts.turned_back(r, y), states)


def run(parts: Network, problem: Problem, rows: Rows, x: Value, s: State) -> tuple[Value, State]:
    """What the network returns, whether or not autograd traces it."""
    h, c = parts.initial(problem, *s)
    rows, ys, after = parts.weights(problem, rows), [], dict[int, State]()
    for layer, row in enumerate(rows):
        reads = []
        for d, p in enumerate(row):
            r = Reader(problem, layer, d)
            k = parts.place(r)
            reads.append(read(parts, r, p, x, parts.start(r, p, State(h[k], c[k]), after)))
            after[k] = parts.final(r, reads[-1].states)
        ys.append(parts.directed(r, [one.y for one in reads]))
        x = parts.passed(r, ys[-1], x, reads)
    final = State(*(anp.array([getattr(after[k], name) for k in sorted(after)]) for name in "hc"))
    return parts.returned(problem, ys, final)


# ---------------------------------------------------------------- backward


def answer_of(parts: Network, problem: Problem) -> Answer:
    y, s = run(parts, problem, problem.parameters, problem.x, problem.state)
    return _answer(y, s)


def _answer(y: Value, s: State) -> Answer:
    return Answer(np.array(getval(y)), State(*(np.array(getval(a)) for a in s)))


def gradients_of(parts: Network, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """The gradients of the sum of what is returned times its cotangents, and the answer of that very pass."""
    answers: list[Answer] = []
    found: dict[int, Value] = {}
    d = parts.cotangents(problem, d)

    def loss(root: float) -> Value:
        traced = _each_numbered(problem, lambda k, a: noted(root, a, found, k))
        y, s = run(parts, problem, traced.parameters, traced.x, traced.state)
        answers.append(_answer(y, s))
        return anp.sum(y * d.y) + anp.sum(s.h * d.state.h) + anp.sum(s.c * d.state.c)

    grad(loss)(0.0)
    g = _each_numbered(problem, lambda k, a: np.asarray(found.get(k, np.zeros_like(a)), a.dtype))
    return answers[0], parts.gradients(problem, g)


def _each_numbered(problem: Problem, change: Callable[[int, Array], Value]) -> Gradients:
    """What is made of each array of the problem, and of its number."""
    numbers = count()

    def made(a: Array) -> Value:
        return change(next(numbers), a)

    rows = tuple(tuple(each_array(made, p) for p in row) for row in problem.parameters)
    return Gradients(rows, made(problem.x), State(*map(made, problem.state)))


def backend(name: str, parts: Network, differentiated: Network | None = None) -> Backend:
    """A network of these parts; `differentiated` are those of the gradient pass where they are others."""

    def forward(problem: Problem) -> Answer:
        return answer_of(parts, checked(problem))

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        return gradients_of(differentiated or parts, checked(problem), d)

    about = Description(version="(deliberately wrong)", features=frozenset(Feature))
    return Backend(name, forward, gradients, about)
