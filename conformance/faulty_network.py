"""A whole LSTM network made of replaceable parts, differentiated by autograd: what a fault does not replace is right.

What `faulty` is for the plain cell, this is for lengths, directions, layers and variants. It claims every feature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import autograd.numpy as anp
import numpy as np
from autograd import grad
from autograd.tracer import getval

from conformance.faulty import GATES, Value, noted, selected, sigmoid
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

Rows = tuple[tuple[Parameters, ...], ...]  # [layer][direction], of arrays or of what autograd traces
UNMULTIPLIED = ("no forget gate", "1997 simplified")  # the cell state, by a forget gate


class Reader(NamedTuple):
    """One layer in one direction."""

    problem: Problem
    layer: int
    d: int

    @property
    def k(self) -> int:
        """Where its states stand."""
        return self.layer * len(self.problem.directions) + self.d

    @property
    def reverse(self) -> bool:
        return self.problem.directions[self.d] == "reverse"

    @property
    def kind(self) -> str:
        return self.problem.variant.kind

    @property
    def bound(self) -> float:
        """Of the cell state: the number of the dtype that lies nearest to what is asked."""
        clip = self.problem.variant.clip
        return np.inf if clip is None else float(self.problem.dtype.type(clip))

    @property
    def lengths(self) -> Array:
        T, B = self.problem.x.shape[:2]
        return np.full(B, T) if self.problem.lengths is None else self.problem.lengths


class Memory(NamedTuple):
    """The state after a step, and what the next one reads of it."""

    h: Value  # (B, P)
    c: Value  # (B, H)
    fed: Value  # (B, P)


class Seen(NamedTuple):
    """The cell states that a gate could see: before the step, after it, and that without any bound; and h before."""

    old: Value
    new: Value
    raw: Value
    h: Value


class Shown(NamedTuple):
    """What the hidden state is made of."""

    o: Value  # (B, H)
    squashed: Value  # (B, H)  cell state
    R: Value | None  # (P, H)
    c: Value  # (B, H)

    @property
    def m(self) -> Value:
        """What the output gate shows."""
        return self.o * self.squashed


class Read(NamedTuple):
    """What a layer returned in one direction, and its states in the order in which it read."""

    y: Value  # (T, B, P)
    states: list[Memory]  # the first is the initial one


# ---------------------------------------------------------------- the right parts


def prefix_reversed(lengths: Array, T: int) -> Array:
    """Which step is read when (T, B): the last within the length first; what stands beyond it stays where it is."""
    t = np.arange(T)[:, None]
    return np.where(t < lengths, lengths - 1 - t, t)


def reordered(a: Value, order: Array) -> Value:
    """a (T, B, ...), its steps taken in that order (T, B)."""
    return a[order, np.arange(order.shape[1])]


def turned(r: Reader, a: Value) -> Value:
    """The steps as they are read, or back again."""
    return reordered(a, prefix_reversed(r.lengths, len(a))) if r.reverse else a


def masked(r: Reader, x: Value, valid: Array) -> Value:
    """The input, zero where there is none."""
    return selected(valid, x, np.zeros_like(getval(x)))


def frozen(r: Reader, valid: Array, new: Memory, old: Memory) -> Memory:
    """The state after a step, which is the old one where the sequence has ended."""
    h, c = selected(valid, new.h, old.h), selected(valid, new.c, old.c)
    return Memory(h, c, h if new.fed is new.h else selected(valid, new.fed, old.fed))


def output(r: Reader, valid: Array, new: Memory, after: Memory) -> Value:
    return selected(valid, new.h, np.zeros_like(getval(new.h)))


def peephole(r: Reader, gate: str, p: dict[str, Value], seen: Seen) -> Value | None:
    """What a gate receives of the cell state."""
    return p[gate] * (seen.new if gate == "o" else seen.old) if gate in p else None


def opened(r: Reader, gate: str, z: Value, received: Value | None) -> Value:
    """A gate, of its pre-activation and of what it receives through its peephole."""
    return sigmoid(z if received is None else z + received)


def candidate(r: Reader, z: Value, received: Value | None) -> Value:
    """The candidate, which receives nothing but its pre-activation."""
    return 2 * anp.tanh(z / 2) if r.kind == "1997 simplified" else anp.tanh(z)


def squash(r: Reader, c: Value) -> Value:
    return anp.tanh(c / 2) if r.kind == "1997 simplified" else anp.tanh(c)


def coupled(r: Reader, i: Value, z: Value) -> tuple[Value, Value]:
    """The input gate and the forget gate, of the one there is and of its pre-activation."""
    return i, 1 - i


def bounded(r: Reader, raw: Value, old: Value) -> tuple[Value, Value]:
    """The cell state that is carried on, and the one that is shown."""
    c = raw if np.isinf(r.bound) else anp.clip(raw, -r.bound, r.bound)
    return c, c


def projected(r: Reader, shown: Shown) -> Value:
    assert shown.R is not None
    return anp.dot(shown.m, shown.R.T)


def passed(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
    """What the layer above reads."""
    return y


@dataclass(frozen=True)
class Network:
    """The parts of a right network; a fault replaces some of them."""

    weights: Callable[[Problem, Rows], Rows] = lambda problem, rows: rows
    initial: Callable[[Problem, Value, Value], tuple[Value, Value]] = lambda problem, h, c: (h, c)
    place: Callable[[Reader], int] = lambda r: r.k
    start: Callable[[Reader, Parameters, State, dict[int, State]], State] = lambda r, p, s, after: s
    lengths: Callable[[Reader], Array] = lambda r: r.lengths
    inputs: Callable[[Reader, Value], Value] = lambda r, x: x
    masked: Callable[[Reader, Value, Array], Value] = masked
    turned: Callable[[Reader, Value], Value] = turned
    turned_back: Callable[[Reader, Value], Value] = turned
    frozen: Callable[[Reader, Array, Memory, Memory], Memory] = frozen
    output: Callable[[Reader, Array, Memory, Memory], Value] = output
    peephole: Callable[[Reader, str, dict[str, Value], Seen], Value | None] = peephole
    opened: Callable[[Reader, str, Value, Value | None], Value] = opened
    candidate: Callable[[Reader, Value, Value | None], Value] = candidate
    coupled: Callable[[Reader, Value, Value], tuple[Value, Value]] = coupled
    kept: Callable[[Reader, Value, dict[str, Value]], Value] = lambda r, c, gates: c  # without a forget gate
    bounded: Callable[[Reader, Value, Value], tuple[Value, Value]] = bounded
    squash: Callable[[Reader, Value], Value] = squash
    projected: Callable[[Reader, Shown], Value] = projected
    hidden: Callable[[Reader, Value], Value] = lambda r, h: h
    fed: Callable[[Reader, Value, Shown], Value] = lambda r, h, shown: h
    final: Callable[[Reader, list[Memory]], State] = lambda r, states: State(states[-1].h, states[-1].c)
    directed: Callable[[Reader, list[Value]], Value] = lambda r, ys: anp.concatenate(ys, axis=-1)
    passed: Callable[[Reader, Value, Value, list[Read]], Value] = passed
    returned: Callable[[Problem, list[Value], State], tuple[Value, State]] = lambda problem, ys, after: (ys[-1], after)
    cotangents: Callable[[Problem, Cotangents], Cotangents] = lambda problem, d: d
    gradients: Callable[[Problem, Gradients], Gradients] = lambda problem, g: g


# ---------------------------------------------------------------- forward


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
