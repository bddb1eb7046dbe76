"""The replaceable parts of a whole LSTM network: lengths, directions, layers and variants."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval

from conformance.faults.primitives import Value, selected, sigmoid
from lstm_spec import (
    Cotangents,
    Gradients,
    Parameters,
    Problem,
    State,
)
from lstm_spec.types import Array

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
