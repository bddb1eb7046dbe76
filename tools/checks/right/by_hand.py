"""One layer in one direction, any kind of cell, in a given Arithmetic: step by step, differentiated by hand.

Steps come in the order of reading; `valid` (T, B, 1) is True within the lengths, or None if there are none.
"""

from typing import NamedTuple

import numpy as np

from backends.stacked import LayerAnswer, LayerGradients
from conformance.problems.question import collect_gates
from lstm_spec import KINDS, Activations, Array, Kind, Packed, Parameters, Problem, State, pack, unpack
from tools.checks.right import functions
from tools.checks.right.arithmetic import Arithmetic


class Weights(NamedTuple):
    """The weights of one layer in one direction, its gates stacked in the order of the kind."""

    kind: Kind
    packed: Packed
    p: dict[str, Array]  # the peepholes, by gate
    R: Array | None
    bound: Array | None  # ()
    bound_h: Array | None = None  # ()
    functions: Activations | None = None


def weights_of(problem: Problem, p: Parameters) -> Weights:
    """The weights that the functions below read."""
    seen = {letter: gate.p for letter, gate in p.gates.items() if gate.p is not None}
    v = problem.variant
    bound, bound_h = (None if k is None else problem.dtype.type(k) for k in (v.clip, v.projection_clip))
    return Weights(KINDS[v.kind], pack(p), seen, p.R, bound, bound_h, v.activations)


class Step(NamedTuple):
    """Everything that one step read and computed."""

    x: Array
    h: Array  # before
    c: Array  # before
    i: Array
    f: Array
    g: Array
    o: Array
    raw: Array  # the new c before it is bounded
    new: Array
    squashed: Array
    shown: Array  # what is projected


def read_steps(a: Arithmetic, w: Weights, x: Array, s: State, valid: Array | None) -> LayerAnswer:
    """Read all steps from the state s; where a sequence has ended its state stays."""
    (h, c), steps = s, list[Step]()
    y = np.zeros((*x.shape[:2], h.shape[1]), x.dtype)
    for t, x_t in enumerate(x):
        step = _read_step(a, w, x_t, h, c)
        new = step.shown if w.R is None else bound_hidden(w, a.product(step.shown, w.R.T))
        h, c = _select(valid, t, new, h), _select(valid, t, step.new, c)
        y[t] = _select(valid, t, h, y[t])
        steps.append(step)
    return LayerAnswer(y, State(h.copy(), c.copy()), steps)


def bound_hidden(w: Weights, h: Array) -> Array:
    """h within its bound, if there is one."""
    return h if w.bound_h is None else np.asarray(np.minimum(np.maximum(h, -w.bound_h), w.bound_h))


def _select(valid: Array | None, t: int, within: Array, beyond: Array) -> Array:
    return within if valid is None else np.where(valid[t], within, beyond)


def _read_step(a: Arithmetic, w: Weights, x: Array, h: Array, c: Array) -> Step:
    kind, stretch = w.kind, x.dtype.type(w.kind.stretch)
    z = dict(zip(kind.gates, np.split(_preactivate(a, w.packed, x, h), len(kind.gates), axis=1), strict=True))

    def open_gate(letter: str, seen: Array) -> Array:
        received = z[letter] + w.p[letter] * seen if letter in w.p else z[letter]
        return functions.open_gate(a, w.functions, received)

    i = open_gate("i", c)
    f = open_gate("f", c) if kind.keeps == "f" else x.dtype.type(1) - i if kind.keeps == "1 - i" else np.ones_like(i)
    g = stretch * functions.squash(w.functions, "candidate", z["g"] / stretch)
    raw = f * c + i * g
    new = raw if w.bound is None else np.minimum(np.maximum(raw, -w.bound), w.bound)
    o, squashed = open_gate("o", new), functions.squash(w.functions, "output", new / stretch)
    return Step(x, h, c, i, f, g, o, raw, new, squashed, o * squashed)


def _preactivate(a: Arithmetic, packed: Packed, x: Array, h: Array) -> Array:
    W, U, b = packed
    if a.fused:
        return a.product(np.concatenate([x, h], axis=1), np.concatenate([W, U], axis=1).T) + b
    return a.product(x, W.T) + a.product(h, U.T) + b


# ---------------------------------------------------------------- backward


def differentiate_steps(
    a: Arithmetic, w: Weights, steps: list[Step], dy: Array, d_last: State, valid: Array | None
) -> LayerGradients:
    """The gradients, given the cotangents of y, 0 beyond a length, and of the final state."""
    (dh, dc), (T, B, _) = d_last, dy.shape
    dz, dhs = np.zeros((T, B, len(w.packed.b)), dy.dtype), np.zeros_like(dy)
    for t in reversed(range(T)):
        total = dh + dy[t]
        if w.bound_h is not None and w.R is not None:
            h = a.product(steps[t].shown, w.R.T)
            within = np.where(np.abs(h) < w.bound_h, total, np.zeros_like(total))
            total = _select(valid, t, within, total)
        found, before = _differentiate_step(a, w, steps[t], total, dc)
        dz[t], dhs[t] = _select(valid, t, found, dz[t]), _select(valid, t, total, dhs[t])
        dh, dc = _select(valid, t, a.product(dz[t], w.packed.U), dh), _select(valid, t, before, dc)
    dx = a.product(_as_rows(dz), w.packed.W).reshape(T, B, w.packed.W.shape[1])
    return LayerGradients(_sum_steps(a, w, steps, dz, dhs), dx, dh.copy(), dc.copy())


def _differentiate_step(a: Arithmetic, w: Weights, step: Step, dh: Array, dc: Array) -> tuple[Array, Array]:
    """The gate gradients, and the cotangent of the cell state before the step."""
    kind, stretch = w.kind, dh.dtype.type(w.kind.stretch)
    _, _, c, i, f, g, o, raw, _, squashed, _ = step
    dm = dh if w.R is None else a.product(dh, w.R)
    f_of = w.functions
    dz = {"o": functions.through_gate(f_of, dm * squashed, o)}
    dc = dc + dm * o * functions.squashing_slope(a, f_of, "output", squashed) / stretch
    if "o" in w.p:
        dc = dc + dz["o"] * w.p["o"]
    if w.bound is not None:
        dc = np.where(np.abs(raw) < w.bound, dc, np.zeros_like(dc))
    dz["i"] = functions.through_gate(f_of, dc * (g - c if kind.keeps == "1 - i" else g), i)
    dz["f"] = functions.through_gate(f_of, dc * c, f)
    dz["g"] = dc * i * functions.squashing_slope(a, f_of, "candidate", g / stretch)
    before = dc * f
    for letter in set(w.p) & {"i", "f"}:
        before = before + dz[letter] * w.p[letter]
    return np.concatenate([dz[letter] for letter in kind.gates], axis=1), before


def _sum_steps(a: Arithmetic, w: Weights, steps: list[Step], dz: Array, dhs: Array) -> Parameters:
    """The gradients of the parameters: each is one sum over steps and batch."""
    rows, I, P = _as_rows(dz), w.packed.W.shape[1], w.packed.U.shape[1]

    def gather(name: str, width: int) -> Array:
        return np.array([getattr(step, name) for step in steps], dz.dtype).reshape(len(rows), width)

    x, h = gather("x", I), gather("h", P)
    if a.fused:
        dW, dU = np.split(a.product(rows.T, np.concatenate([x, h], axis=1)), [I], axis=1)
    else:
        dW, dU = a.product(rows.T, x), a.product(rows.T, h)
    db = a.product(rows.T, np.ones((len(rows), 1), dz.dtype))[:, 0]
    gates, H = unpack(Packed(dW, dU, db), w.kind.gates).gates, len(db) // len(w.kind.gates)
    for letter, part in zip(w.kind.gates, np.split(rows, len(w.kind.gates), axis=1), strict=True):
        if letter in w.p:
            seen = gather("new" if letter == "o" else "c", H)
            gates[letter] = gates[letter]._replace(p=(part * seen).sum(axis=0))
    R = None if w.R is None else a.product(_as_rows(dhs).T, gather("shown", H))
    return collect_gates(gates, R)


def _as_rows(a: Array) -> Array:
    return a.reshape(a.shape[0] * a.shape[1], a.shape[2])
