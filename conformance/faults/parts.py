"""The replaceable parts of an LSTM: cells of every kind, lengths, directions and layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import autograd.numpy as anp
import numpy as np

from conformance.faults.functions import Function, open_as_configured, squash_as_configured
from conformance.faults.primitives import Value, make_zeros, multiply_and_add, select_where, sigmoid
from lstm_spec import Activations, Cotangents, Gradients, Parameters, Problem, State
from lstm_spec.types import Array, Kind
from lstm_spec.variants import KINDS

Rows = tuple[tuple[Parameters, ...], ...]  # [layer][direction], of arrays or of what autograd traces
Gates = dict[str, Value]  # (B, H) by letter


def list_lengths(problem: Problem) -> Array:
    """The number of steps in each sequence (B,), also if the problem has no lengths."""
    T, B = problem.x.shape[:2]
    return np.full(B, T) if problem.lengths is None else problem.lengths


class Reader(NamedTuple):
    """One layer in one direction."""

    problem: Problem
    layer: int
    d: int

    @property
    def k(self) -> int:
        """The row of its states."""
        return self.layer * len(self.problem.directions) + self.d

    @property
    def reverse(self) -> bool:
        """Whether it reads the last step first."""
        return self.problem.directions[self.d] == "reverse"

    @property
    def kind(self) -> Kind:
        """The kind of its cell."""
        return KINDS[self.problem.variant.kind]

    @property
    def bound(self) -> float:
        """The bound of the cell state: the number of the dtype nearest to what the problem asks."""
        clip = self.problem.variant.clip
        return np.inf if clip is None else float(self.problem.dtype.type(clip))

    @property
    def bound_h(self) -> float:
        """The bound of the projected hidden state, likewise."""
        clip = self.problem.variant.projection_clip
        return np.inf if clip is None else float(self.problem.dtype.type(clip))

    @property
    def activations(self) -> Activations | None:
        """The functions of its cell if they are configured."""
        return self.problem.variant.activations

    @property
    def lengths(self) -> Array:
        """The number of steps in each sequence (B,)."""
        return list_lengths(self.problem)


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
    m: Value  # (B, H)  what the output gate shows
    R: Value  # (P, H), or None
    c: Value  # (B, H)


class Read(NamedTuple):
    """What a layer returned in one direction, and its states in the order in which it read."""

    y: Value  # (T, B, P)
    states: list[Memory]  # the first is the initial one


# ---------------------------------------------------------------- the right parts


def reverse_prefixes(lengths: Array, T: int) -> Array:
    """The step to read at each time (T, B): the last within the length first; steps beyond it stay in place."""
    t = np.arange(T)[:, None]
    return np.where(t < lengths, lengths - 1 - t, t)


def reorder_steps(a: Value, order: Array) -> Value:
    """a (T, B, ...), its steps taken in that order (T, B)."""
    return a[order, np.arange(order.shape[1])]


def turn_steps(r: Reader, a: Value) -> Value:
    """The steps in the order of reading, or back again."""
    return reorder_steps(a, reverse_prefixes(r.lengths, len(a))) if r.reverse else a


def mask_padding(r: Reader, x: Value, valid: Array) -> Value:
    """The input, zero beyond the lengths."""
    return select_where(valid, x, make_zeros(x))


def freeze_state(r: Reader, valid: Array, new: Memory, old: Memory) -> Memory:
    """The state after a step: the old one if the sequence has ended."""
    h, c = select_where(valid, new.h, old.h), select_where(valid, new.c, old.c)
    return Memory(h, c, h if new.fed is new.h else select_where(valid, new.fed, old.fed))


def output_step(r: Reader, valid: Array | None, new: Memory, after: Memory, before: Memory) -> Value:
    """The output of a step: zero beyond the length. Without lengths, valid is None."""
    return new.h if valid is None else select_where(valid, new.h, make_zeros(new.h))


def apply_peephole(r: Reader, gate: str, p: dict[str, Value], seen: Seen) -> Value | None:
    """What a gate receives of the cell state; None without a peephole."""
    return p[gate] * (seen.new if gate == "o" else seen.old) if gate in p else None


def open_by(function: Function) -> Callable[[Reader, str, Value, Value | None], Value]:
    """Gates by that function in place of σ, of the pre-activation plus what comes through the peephole."""
    return lambda r, gate, z, received: open_as_configured(r.activations, function)(
        z if received is None else z + received
    )


def squash_candidate_by(tanh: Function) -> Callable[[Reader, Value, Value | None], Value]:
    """The candidate s tanh(z/s), for the stretch s of its kind, or as configured. It has no peephole."""

    def squash(r: Reader, z: Value, received: Value | None) -> Value:
        function = squash_as_configured(r.activations, "candidate", tanh)
        return function(z) if (stretch := r.kind.stretch) == 1 else stretch * function(z / stretch)

    return squash


def squash_cell_by(tanh: Function) -> Callable[[Reader, Value], Value]:
    """The squashed cell state tanh(c/s), for the stretch s of its kind, or as configured."""

    def squash(r: Reader, c: Value) -> Value:
        function = squash_as_configured(r.activations, "output", tanh)
        return function(c) if (stretch := r.kind.stretch) == 1 else function(c / stretch)

    return squash


squash_candidate = squash_candidate_by(anp.tanh)
squash_cell = squash_cell_by(anp.tanh)


def fill_gates(r: Reader, gates: Gates, z: Gates) -> Gates:
    """With the gates that have no weights: 1, or 1 - i for the forget gate if that is what the kind keeps."""
    one = make_zeros(gates["g"]) + 1
    i = gates.get("i", one)
    return {"i": i, "f": 1 - i if r.kind.keeps == "1 - i" else one, **gates}


def update_cell(r: Reader, gates: Gates, c: Value) -> Value:
    """The cell state after a step, before any bound."""
    return gates["f"] * c + gates["i"] * gates["g"]


def bound_cell(r: Reader, raw: Value) -> tuple[Value, Value]:
    """The cell state that is carried on, and the one that is shown."""
    c = raw if np.isinf(r.bound) else anp.clip(raw, -r.bound, r.bound)
    return c, c


def show_cell(r: Reader, o: Value, c: Value, before: Value, squash: Callable[[Reader, Value], Value]) -> Value:
    """What the output gate shows of the cell state c; `before` is that before the step."""
    return o * squash(r, c)


def project_hidden(r: Reader, shown: Shown) -> Value:
    """The hidden state by the projection."""
    return anp.dot(shown.m, shown.R.T)


def bound_hidden(r: Reader, h: Value) -> Value:
    """The hidden state within the bound of the projection."""
    return h if np.isinf(r.bound_h) else anp.clip(h, -r.bound_h, r.bound_h)


@dataclass(frozen=True)
class Parts:
    """The parts of a right LSTM; a fault replaces some of them."""

    weights: Callable[[Problem, Rows], Rows] = lambda problem, rows: rows
    initial: Callable[[Problem, Value, Value], tuple[Value, Value]] = lambda problem, h, c: (h, c)
    place: Callable[[Reader], int] = lambda r: r.k
    start: Callable[[Reader, Parameters, State, dict[int, State]], State] = lambda r, p, s, after: s
    lengths: Callable[[Reader], Array] = lambda r: r.lengths
    inputs: Callable[[Reader, Value], Value] = lambda r, x: x
    mask: Callable[[Reader, Value, Array], Value] = mask_padding
    turn: Callable[[Reader, Value], Value] = turn_steps
    turn_back: Callable[[Reader, Value], Value] = turn_steps
    carry: Callable[[int, Memory], Memory] = lambda t, now: now  # what the step t starts from
    preactivation: Callable[[Value, Value, Value, Value, Value], Value] = multiply_and_add
    peephole: Callable[[Reader, str, dict[str, Value], Seen], Value | None] = apply_peephole
    open_gate: Callable[[Reader, str, Value, Value | None], Value] = open_by(sigmoid)
    candidate: Callable[[Reader, Value, Value | None], Value] = squash_candidate
    fill: Callable[[Reader, Gates, Gates], Gates] = fill_gates
    cell: Callable[[Reader, Gates, Value], Value] = update_cell
    bound: Callable[[Reader, Value], tuple[Value, Value]] = bound_cell
    squash: Callable[[Reader, Value], Value] = squash_cell
    show: Callable[[Reader, Value, Value, Value, Callable[[Reader, Value], Value]], Value] = show_cell
    project: Callable[[Reader, Shown], Value] = project_hidden
    hidden: Callable[[Reader, Value], Value] = bound_hidden
    feed: Callable[[Reader, Value, Shown], Value] = lambda r, h, shown: h
    freeze: Callable[[Reader, Array, Memory, Memory], Memory] = freeze_state
    output: Callable[[Reader, Array | None, Memory, Memory, Memory], Value] = output_step
    final: Callable[[Reader, list[Memory]], State] = lambda r, states: State(states[-1].h, states[-1].c)
    join: Callable[[Reader, list[Value]], Value] = lambda r, ys: anp.concatenate(ys, axis=-1)
    pass_on: Callable[[Reader, Value, Value, list[Read]], Value] = lambda r, y, x, reads: y  # to the layer above
    finish: Callable[[Problem, list[Value], State], tuple[Value, State]] = lambda problem, ys, after: (ys[-1], after)
    cotangents: Callable[[Problem, Cotangents], Cotangents] = lambda problem, d: d
    gradients: Callable[[Problem, Gradients], Gradients] = lambda problem, g: g


RIGHT_PARTS = Parts()
