"""One layer in one direction: what the equations give, and how far an implementation may be from it.

*Observed*: every step starts from the hidden state that the implementation itself returned, so nothing grows with the
weights or with T. *Free*: that is not known, and errors pass through abs(U) from step to step. Time runs in the order
in which the direction reads. Everything is float64.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.arrays import subnormals_are_kept
from conformance.tolerance import rounding
from conformance.tolerance.audit import Known
from conformance.tolerance.cell import (
    OfInput,
    Written,
    add_peephole,
    add_recurrent,
    added_cell_state,
    clip_state,
    count_terms,
    coupled_forget_gate,
    coupling,
    hidden_state,
    multiplied_cell_state,
    multiply_gate,
    multiply_transposed,
    project,
    receive_input,
    write_beside,
)
from conformance.tolerance.functions import SIGMOID, TANH, cut_off
from conformance.tolerance.reading import Reading, Trajectory, stack_steps, take_step
from conformance.tolerance.rounding import Bounded, exact, product, recenter
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array

NOTHING: Known = {}


class Received(NamedTuple):
    """What the gates receive of input and hidden state, and those made of it, unless a peephole adds to it first."""

    z: Bounded  # (..., G*H)
    gates: Bounded | None  # the candidate among them
    n: Array  # (G*H,) summands


class Gates(NamedTuple):
    """What the input side of a step makes, (..., H)."""

    z_g: Bounded  # the candidate's pre-activation
    i: Bounded
    f: Bounded
    g: Bounded


# ---------------------------------------------------------------- one step, or all of them


def count_summands(r: Reading, h: Bounded) -> Array:
    """F3, row by row: (G*H,)."""
    n = count_terms(r.w.W, r.x.largest > 0) + count_terms(r.w.U, h.largest > 0) + 4
    return n + count_peepholes(r)


def count_peepholes(r: Reading) -> Array:
    """How many peepholes each row has, 0 or 1: (G*H,)."""
    return np.repeat([int(k in r.peepholes) for k in r.gates], r.H)


def receive_inputs(r: Reading, n: Array, m: ErrorModel) -> OfInput:
    """F1, F2 and F4 as far as they are the same for any hidden state, of all steps."""
    wx = multiply_transposed(r.x, r.w.W.T, 0)
    if r.of_x is not None:
        wx = wx._replace(error=np.fmin(wx.error, r.of_x))
    return receive_input(wx, r.w.b, n, m, count_peepholes(r), r.apart)


def receive_all(r: Reading, z: Bounded, n: Array, m: ErrorModel) -> Received:
    if r.peepholes or r.functions.gate is not SIGMOID:
        return Received(z, None, n)
    return Received(z, rounding.sigmoid_or_tanh(z, r.places["g"], m), n)  # one call is cheaper than four


def preactivation(r: Reading, gate: str, received: Received, c: Bounded | None, m: ErrorModel) -> Bounded:
    """A gate's own part of z, with what its peephole adds of c."""
    own = r.part(gate, received.z)
    if gate not in r.peepholes:
        return own
    assert c is not None
    return add_peephole(own, r.peepholes[gate], c, r.at(gate, received.n), m)


def open_gate(r: Reading, gate: str, received: Received, c: Bounded | None, m: ErrorModel) -> Bounded:
    """F5, or V9, at the gate's pre-activation; a gate that the cell does not have is 1."""
    if gate not in r.gates:
        return exact(np.ones_like(r.at("g", received.z.value)))
    if received.gates is not None:
        return r.part(gate, received.gates)
    return r.functions.gate.value(preactivation(r, gate, received, c, m), m)


def open_gates(r: Reading, received: Received, c: Bounded | None, m: ErrorModel) -> Gates:
    """Input gate, forget gate and candidate; c is the cell state before, None where no peephole sees it."""
    z_g = preactivation(r, "g", received, c, m)
    i = open_gate(r, "i", received, c, m)
    if r.kind.keeps == "f":
        f = open_gate(r, "f", received, c, m)
    elif r.kind.keeps == "1 - i":
        f = coupled_forget_gate(preactivation(r, "i", received, c, m), i, m)
    else:
        f = exact(np.ones_like(i.value))
    at_once = received.gates is not None and r.functions.candidate is TANH
    return Gates(z_g, i, f, open_gate(r, "g", received, c, m) if at_once else r.functions.candidate.value(z_g, m))


def write_cell(r: Reading, k: Gates, m: ErrorModel) -> Bounded | Written:
    """What the input gate lets in; rounded already where nothing multiplies the cell state, as V3 has it."""
    return product((k.i, k.g), 1, m) if r.kind.keeps == "1" else write_beside(k.f, multiply_gate(k.i, k.g), m)


def update_cell(
    r: Reading, k: Gates, t: int | None, new: Bounded | Written, c: Bounded, m: ErrorModel
) -> tuple[Bounded, Bounded]:
    """The cell state after a step that writes `new`, and the slope of its bound; t: the step, if k has them all."""
    after = multiplied_cell_state(new, c, m) if isinstance(new, Written) else added_cell_state(new, c, m)
    if r.kind.keeps == "1 - i":
        i, g = (k.i, k.g) if t is None else (take_step(t, k.i), take_step(t, k.g))
        after = Bounded(after.value, after.error + coupling(i, c, g, m))
    return (after, FREE) if np.isinf(r.bound) else clip_state(after, r.bound)


FREE = exact(np.ones(()))  # the slope of no bound


def show_cell(r: Reading, o: Bounded, c: Bounded, m: ErrorModel) -> tuple[Bounded, Bounded, Bounded]:
    """The squashed cell state, what the output gate o shows of it, and the hidden state made of that."""
    if r.R is None:
        squashed, hidden = hidden_state(r.functions.output, o, c, m)
        return squashed, hidden, hidden
    squashed, shown = hidden_state(r.functions.output, o, c, replace(m, u_h=0.0, u_c=0.0))  # its projection is stored
    h = project(r.R, shown, m)
    return squashed, shown, h if np.isinf(r.bound_h) else cut_off(h, -r.bound_h, r.bound_h, m)


# ---------------------------------------------------------------- all steps


def observe_forward(r: Reading, seen: Bounded, model: ErrorModel, known: Known = NOTHING) -> Trajectory:
    """The pass in which every step starts from the hidden states `seen` (T, B, P) that were returned; T >= 1."""
    assert subnormals_are_kept(), "flush-to-zero is on in this process; the float64 oracle cannot be trusted"
    m = model if known else rounding.with_oracle(model)
    returned = rounding.shown(r.select(seen), m.wide_h, m)
    h = Bounded(*(np.concatenate([first[None], a])[:-1] for first, a in zip(exact(r.state.h), returned, strict=True)))
    n = count_summands(r, h)
    uh = multiply_transposed(h, r.w.U.T, 0)
    if r.of_h is not None:
        uh = uh._replace(error=np.fmin(uh.error, r.of_h))
    z = add_recurrent(receive_inputs(r, n, m), uh, m)
    received = receive_all(r, recenter(z, known, "z"), n, m)
    k, cells, slope = _pass_through(r, received, m, known)
    after = Bounded(cells.value[1:], cells.error[1:])
    o = recenter(open_gate(r, "o", received, after, m), known, "o")
    squashed, shown, hidden = show_cell(r, o, after, m)
    squashed, hidden = recenter(squashed, known, "squashed"), recenter(hidden, known, "h")
    before = Bounded(cells.value[:-1], cells.error[:-1])
    last = rounding.narrow(take_step(-1, cells), m.wide_h, m)
    return Trajectory(*k, o, before, after, slope, squashed, shown, h, hidden, last)


def _pass_through(r: Reading, received: Received, m: ErrorModel, known: Known) -> tuple[Gates, Bounded, Bounded]:
    """The gates of all steps, the cell states (T + 1, B, H) from the initial one on, and the slopes of their bound.

    Where a sequence has ended, its cell state stays what it was.
    """
    T, B, _ = r.x.value.shape
    blind = not {"i", "f"} & r.peepholes.keys()  # the gates of all steps are had at once
    k = _recall(open_gates(r, received, None, m), known) if blind else None
    cells, slope, steps = Bounded(*np.empty((2, T + 1, B, r.H))), _no_bound(T, B, r.H), []
    new = write_cell(r, k, m) if k else None
    cells.value[0], cells.error[0] = r.state.c, 0
    for t in range(T):
        c = take_step(t, cells)
        if k and new:
            after, slope_t = update_cell(r, k, t, take_step(t, new), c, m)
        else:
            steps.append(open_gates(r, received._replace(z=take_step(t, received.z)), c, m))
            after, slope_t = update_cell(r, steps[-1], None, write_cell(r, steps[-1], m), c, m)
        after = recenter(after, known, "c", t)
        cells.value[t + 1], cells.error[t + 1] = after if r.whole else _where(r.valid[t], after, c)
        if slope_t is not FREE:
            slope.value[t], slope.error[t] = _where(r.valid[t], slope_t, FREE)
    return k or Gates(*(stack_steps(column) for column in zip(*steps, strict=True))), cells, slope


def _recall(k: Gates, known: Known) -> Gates:
    return Gates(*(recenter(q, known, name) for name, q in k._asdict().items()))


def _no_bound(*shape: int) -> Bounded:
    return Bounded(np.ones(shape), np.zeros(shape))


def _where(valid: Array, new: Bounded, old: Bounded) -> Bounded:
    return Bounded(*(np.where(valid, a, b) for a, b in zip(new, old, strict=True)))


def run_free(r: Reading, model: ErrorModel, handed_on: bool = False) -> Trajectory:
    """The pass from the initial state alone; its errors may grow by abs(U) each step.

    `handed_on`: at any step the state may have been returned, and read again from what was returned.
    """
    if not (r.w.U.any() or handed_on):
        return _independent_of_hidden_states(r, model)
    assert subnormals_are_kept(), "flush-to-zero is on in this process; the float64 oracle cannot be trusted"
    m, n = rounding.with_oracle(model), count_summands(r, Bounded(np.ones_like(r.state.h), np.zeros_like(r.state.h)))
    h, c, slope, steps = exact(r.state.h), exact(r.state.c), _no_bound(len(r.valid), *r.state.c.shape), []
    U, weights, of_input = r.w.U.T, np.abs(r.w.U.T), receive_inputs(r, n, m)
    for t, valid in enumerate(r.valid):
        z = add_recurrent(of_input.at(t), multiply_transposed(h, U, 0, weights), m)
        received = receive_all(r, z, n, m)
        k = open_gates(r, received, c, m)
        after, slope_t = update_cell(r, k, None, write_cell(r, k, m), c, m)
        after = rounding.narrow(after, m.wide_h if handed_on else 0, m)
        o = open_gate(r, "o", received, after, m)
        squashed, shown, hidden = show_cell(r, o, after, m)
        if slope_t is not FREE:
            slope.value[t], slope.error[t] = _where(valid, slope_t, FREE)
        steps.append((*k, o, c, after, squashed, shown, h, hidden))
        h, c = (hidden, after) if r.whole else (_where(valid, hidden, h), _where(valid, after, c))
    columns = [stack_steps(column) for column in zip(*steps, strict=True)]
    last = c if handed_on else rounding.narrow(c, m.wide_h, m)
    return Trajectory(*[*columns[:7], slope, *columns[7:], last])


def _independent_of_hidden_states(r: Reading, model: ErrorModel) -> Trajectory:
    """Where U = 0 no step depends on an h: any will do, and the gates of all steps are had at once."""
    passed = observe_forward(r, exact(np.zeros((*r.x.value.shape[:2], r.state.h.shape[-1]))), model)
    h_before = (np.concatenate([first[None], a[:-1]]) for first, a in zip(exact(r.state.h), passed.h, strict=True))
    return replace(passed, h_before=Bounded(*h_before))
