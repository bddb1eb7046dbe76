"""An LSTM made of replaceable parts, differentiated by autograd: what a fault does not replace is right.

A forward fault thereby carries its own, consistent gradient. Slow, and only for faults: a wrong LSTM need not be fast.
"""

from collections.abc import Callable
from itertools import count

import autograd.numpy as anp
import numpy as np
from autograd import grad
from autograd.tracer import getval

from conformance.faults.parts import RIGHT_PARTS, Memory, Parts, Read, Reader, Rows, Seen, Shown
from conformance.faults.primitives import Value, note_gradient
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
    wide_inside,
)
from lstm_spec.types import Array, each_array
from lstm_spec.validation import check_cotangents

ONE_LAYER = frozenset({Feature.GRADIENTS, Feature.EMPTY_SEQUENCE, Feature.DETERMINISTIC})


def build_backend(
    name: str, parts: Parts = RIGHT_PARTS, differentiated: Parts | None = None, networks: bool = True
) -> Backend:
    """An LSTM of these parts; `differentiated` are those of the gradient pass if they differ.

    It claims every feature if it is of networks, else one layer of the standard cell; in 16 bits, it is wide inside.
    """

    def forward(problem: Problem) -> Answer:
        return compute_answer(parts, checked(problem))

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        check_cotangents(checked(problem), d)
        return compute_gradients(differentiated or parts, problem, d)

    about = Description(version="(deliberately wrong)", features=frozenset(Feature) if networks else ONE_LAYER)
    return wide_inside(Backend(name, forward, gradients, about))


# ---------------------------------------------------------------- forward


def compute_answer(parts: Parts, problem: Problem) -> Answer:
    """The answer of an LSTM of these parts to a well-formed problem."""
    return _answer(*_run(parts, problem, problem.parameters, problem.x, problem.state))


def _answer(y: Value, s: State) -> Answer:
    return Answer(np.array(getval(y)), State(*(np.array(getval(a)) for a in s)))


def _run(parts: Parts, problem: Problem, rows: Rows, x: Value, s: State) -> tuple[Value, State]:
    """What the network returns, whether or not autograd traces it."""
    h, c = parts.initial(problem, *s)
    rows, ys, after = parts.weights(problem, rows), [], dict[int, State]()
    for layer, row in enumerate(rows):
        reads = []
        for d, p in enumerate(row):
            r = Reader(problem, layer, d)
            k = parts.place(r)
            reads.append(_read(parts, r, p, x, parts.start(r, p, State(h[k], c[k]), after)))
            after[k] = parts.final(r, reads[-1].states)
        ys.append(parts.join(r, [one.y for one in reads]) if len(reads) > 1 else reads[0].y)
        x = parts.pass_on(r, ys[-1], x, reads)
    final = State(*(anp.array([getattr(after[k], name) for k in sorted(after)]) for name in "hc"))
    return parts.finish(problem, ys, final)


def _read(parts: Parts, r: Reader, p: Parameters, x: Value, s: State) -> Read:
    """One layer in one direction."""
    T = len(x)
    valid = None if r.problem.lengths is None else (np.arange(T)[:, None] < parts.lengths(r))[..., None]
    x = parts.inputs(r, x)
    x = parts.turn(r, x if valid is None else parts.mask(r, x, valid))
    now, ys = Memory(s.h, s.c, s.h), []
    states = [now]
    for t in range(T):
        new = _step(parts, r, p, x[t], parts.carry(t, now))
        after = new if valid is None else parts.freeze(r, valid[t], new, now)
        ys.append(parts.output(r, None if valid is None else valid[t], new, after, now))
        states.append(after)
        now = after
    y = anp.array(ys) if ys else np.zeros((0, *getval(s.h).shape), r.problem.dtype)
    return Read(parts.turn_back(r, y), states)


def _step(parts: Parts, r: Reader, p: Parameters, x: Value, now: Memory) -> Memory:
    """One step of a batch."""
    gates, late = p.gates, "o" if "o" in r.kind.peepholes else ""
    z = {k: parts.preactivation(x, gate.W, now.fed, gate.U, gate.b) for k, gate in gates.items()}
    peepholes = {k: gate.p for k, gate in gates.items() if gate.p is not None}

    def open_gate(k: str, seen: Seen) -> Value:
        received = parts.peephole(r, k, peepholes, seen)
        return parts.candidate(r, z[k], received) if k == "g" else parts.open_gate(r, k, z[k], received)

    before = Seen(now.c, now.c, now.c, now.h)
    opened = {k: open_gate(k, before) for k in z if k != late}
    if "i" not in opened or "f" not in opened:
        opened = parts.fill(r, opened, z)
    raw = parts.cell(r, opened, now.c)
    c, visible = parts.bound(r, raw)
    if late in z:
        opened["o"] = open_gate("o", Seen(now.c, visible, raw, now.h))
    o = opened["o"] if "o" in z else np.ones_like(getval(c))
    shown = Shown(o, parts.show(r, o, visible, now.c, parts.squash), p.R, c)
    h = parts.hidden(r, shown.m if p.R is None else parts.project(r, shown))
    return Memory(h, c, parts.feed(r, h, shown))


# ---------------------------------------------------------------- backward


def compute_gradients(parts: Parts, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """The gradients of the sum of what is returned times its cotangents, and the answer of the same pass."""
    answers: list[Answer] = []
    found: dict[int, Value] = {}
    d = parts.cotangents(problem, d)

    def loss(root: float) -> Value:
        traced = _map_arrays(problem, lambda k, a: note_gradient(root, a, found, k))
        y, s = _run(parts, problem, traced.parameters, traced.x, traced.state)
        answers.append(_answer(y, s))
        return anp.sum(y * d.y) + anp.sum(s.h * d.state.h) + anp.sum(s.c * d.state.c)

    grad(loss)(0.0)
    g = _map_arrays(problem, lambda k, a: np.asarray(found.get(k, np.zeros_like(a)), a.dtype))
    return answers[0], parts.gradients(problem, g)


def _map_arrays(problem: Problem, change: Callable[[int, Array], Value]) -> Gradients:
    """The results of calling `change` with each array of the problem and its number."""
    numbers = count()

    def change_next(a: Array) -> Value:
        return change(next(numbers), a)

    rows = tuple(tuple(each_array(change_next, p) for p in row) for row in problem.parameters)
    return Gradients(rows, change_next(problem.x), State(*map(change_next, problem.state)))
