"""The gradients of one layer in one direction, and how far an implementation may be from them.

*Observed*: every step starts from the gate gradients that the implementation itself showed, so nothing grows with the
weights or with T. *Free*: those are not known, and errors pass through abs(U). Time runs in the order in which the
direction reads; T >= 1. F16 of docs/accuracy.md; F13 to F15 stand in `cell_backward`.
"""

from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from conformance.tolerance import rounding
from conformance.tolerance.audit import Known
from conformance.tolerance.cell import Summed, count_terms, multiply_transposed
from conformance.tolerance.cell_backward import (
    Slopes,
    add_up,
    bound_cotangent,
    find_slopes,
    gate_gradients,
    hidden_cotangent,
    leave_margin,
    round_sum,
    take_rows,
    through_output_gate,
    through_peephole,
    through_peepholes,
    through_projection,
)
from conformance.tolerance.layer import NOTHING
from conformance.tolerance.reading import Reading, Trajectory, stack_steps, take_step
from conformance.tolerance.rounding import INFLATION, Bounded, exact, narrow, product, recenter, shown
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array, State


@dataclass(frozen=True)
class Loss:
    """The cotangents that reach a layer from outside, in the order in which it reads."""

    y: Summed  # (T, B, P)
    last: State  # of the state where a sequence ends: h (B, P), c (B, H)


@dataclass(frozen=True)
class Backpropagation:
    """A backward pass; gates are stacked as in the reading."""

    dz: Bounded  # (T, B, G*H) the gate gradients
    dW: Bounded  # (G*H, I)
    dU: Bounded  # (G*H, P)
    db: Bounded  # (G*H,)
    dp: dict[str, Bounded]  # (H,), by gate
    dR: Bounded | None  # (P, H)
    into_x: Summed  # (T, B, I)  this direction's part of the gradient of what it reads
    dx: Bounded  # (T, B, I)  the same, if it is the only direction
    dh: Bounded  # (B, P)
    dc: Bounded  # (B, H)


def observe_backward(
    r: Reading, passed: Trajectory, loss: Loss, dz: Bounded, model: ErrorModel, known: Known = NOTHING
) -> Backpropagation:
    """The backward pass in which every step starts from the gate gradients dz (T, B, G*H) that were shown.

    dz is 0 where nothing is read; its error is how far it may be from what was to be shown.
    """
    m = model if known else rounding.with_oracle(model)
    used = r.select(shown(dz, m.wide_d, m))
    dh = _hidden_cotangents(r, passed, loss, used, m, known)
    expected, carried = _through_all_steps(r, passed, loss, dh, used, m, known)
    return _gather(r, passed, loss, used, expected, dh, carried, m)


def _hidden_cotangents(r: Reading, passed: Trajectory, loss: Loss, dz: Bounded, m: ErrorModel, known: Known) -> Bounded:
    """F13 of all steps at once, and V10; after the last step there are no gate gradients."""
    later = Bounded(*(np.concatenate([a[1:], np.zeros_like(a[:1])]) for a in dz))
    d_last = np.where(r.ends, loss.last.h, 0.0)
    dh = recenter(hidden_cotangent(loss.y, d_last, multiply_transposed(later, r.w.U), m), known, "into_h")
    return r.select(bound_cotangent(r, passed.h, dh, m))


def _through_all_steps(
    r: Reading, passed: Trajectory, loss: Loss, dh: Bounded, dz: Bounded, m: ErrorModel, known: Known
) -> tuple[Bounded, Bounded]:
    """The gate gradients (T, B, G*H) in which step t starts from dz[t + 1], and the gradient of c_0."""
    slopes = find_slopes(r, passed, m)
    through_c, through_o = through_output_gate(dh if r.R is None else through_projection(r.R, dh, m), slopes.shown, m)
    T, B, H = through_c.value.shape
    dc = Bounded(*np.empty((2, T, B, H)))
    carried = exact(loss.last.c if r.whole else np.zeros((B, H)))
    for t in reversed(range(T)):
        carried = carried if r.whole else _where(r.ends[t], exact(loss.last.c), carried)
        parts = [take_step(t, through_c), carried, *through_peepholes(r, "o", take_step(t, dz), m)]
        dc.value[t], dc.error[t] = recenter(_into_cell(r, passed, t, parts, m), known, "into_c", t)
        carried = _carry(r, slopes, t, take_step(t, dc), carried, take_step(t, dz), m)
    return r.select(gate_gradients(r, through_o, dc, slopes.cell, m)), carried


def _into_cell(r: Reading, passed: Trajectory, t: int, parts: list[Bounded], m: ErrorModel) -> Bounded:
    """F14: the gradient of the cell state of one step, before its bound; 0 where nothing is read."""
    dc = add_up(parts, m, m.u_c)
    if not np.isinf(r.bound):
        dc = product((dc, take_step(t, passed.slope)), 0, m)
    return dc if r.whole else _where(r.valid[t], dc, NONE)


NONE = exact(np.zeros(()))


def _carry(r: Reading, slopes: Slopes, t: int, dc: Bounded, held: Bounded, dz: Bounded, m: ErrorModel) -> Bounded:
    """What goes on to the cell state before; `held` where nothing is read."""
    kept = product((dc, take_step(t, slopes.kept)), 0 if r.kind.keeps == "1" else 1, m)
    back = add_up([kept, *through_peepholes(r, "if", dz, m)], m)
    return back if r.whole else _where(r.valid[t], back, held)


def _where(condition: Array, a: Bounded, b: Bounded) -> Bounded:
    return Bounded(*(np.where(condition, one, other) for one, other in zip(a, b, strict=True)))


def run_free_backward(
    r: Reading, passed: Trajectory, loss: Loss, model: ErrorModel, handed_on: bool = False
) -> Backpropagation:
    """The backward pass without any observation; its errors may grow by abs(U) each step.

    `handed_on`: at any step the gradients of the state may have been returned, and read again.
    """
    m = rounding.with_oracle(model)
    if not (r.w.U.any() or handed_on or r.peepholes):  # no step depends on another's gate gradients: any will do
        any_dz = exact(np.zeros((*r.valid.shape[:2], len(r.w.b))))
        dh = _hidden_cotangents(r, passed, loss, any_dz, m, NOTHING)
        dz, carried = _through_all_steps(r, passed, loss, dh, any_dz, m, NOTHING)
    else:
        dz, dh, carried = _step_by_step(r, passed, loss, m, m.wide_d if handed_on else 0.0)
    return _gather(r, passed, loss, dz, dz, dh, carried, m)


def _step_by_step(
    r: Reading, passed: Trajectory, loss: Loss, m: ErrorModel, v: float
) -> tuple[Bounded, Bounded, Bounded]:
    """Gate gradients, gradients of h, and that of c_0; v is the roundoff of what is handed on from step to step."""
    T, B, _ = r.valid.shape
    later, carried = exact(np.zeros((B, len(r.w.b)))), exact(np.zeros((B, r.H)))
    terms, weights = count_terms(r.w.U.T, np.ones(len(r.w.b))), np.abs(r.w.U)
    slopes = find_slopes(r, passed, m)
    dzs, dhs, last_c, nothing = [], [], exact(loss.last.c), np.zeros_like(loss.last.h)
    for t, ending in reversed(list(enumerate(r.ends))):
        dy, d_last = loss.y.rearrange(itemgetter(t)), nothing
        if ending.any():
            d_last, carried = np.where(ending, loss.last.h, 0.0), _where(ending, last_c, carried)
        dh = narrow(hidden_cotangent(dy, d_last, multiply_transposed(later, r.w.U, terms, weights), m), v, m)
        dh = bound_cotangent(r, take_step(t, passed.h), dh, m)
        dh = dh if r.whole else _where(r.valid[t], dh, NONE)
        into_shown = dh if r.R is None else through_projection(r.R, dh, m)
        through_c, through_o = through_output_gate(into_shown, take_step(t, slopes.shown), m)
        parts = [through_c, carried]
        if "o" in r.peepholes:
            parts.append(through_peephole(r, "o", leave_margin(take_rows(0, through_o), m), m))
        dc = _into_cell(r, passed, t, parts, m)
        later = gate_gradients(r, through_o, dc, take_step(t, slopes.cell), m)
        later = later if r.whole else _where(r.valid[t], later, NONE)
        carried = narrow(_carry(r, slopes, t, dc, carried, later, m), v, m)
        dzs.append(later)
        dhs.append(dh)
    return stack_steps(dzs[::-1]), stack_steps(dhs[::-1]), carried


# ---------------------------------------------------------------- F16


def _gather(
    r: Reading,
    passed: Trajectory,
    loss: Loss,
    used: Bounded,
    expected: Bounded,
    dh: Bounded,
    carried: Bounded,
    m: ErrorModel,
) -> Backpropagation:
    """What is summed up from the gate gradients `used`; sums over time are over what is read."""
    many, T, once = int(r.valid.sum()), len(r.valid), 1 if m.pre else 0
    over_time = T + 1 if m.acc_steps else once  # each step's part, and each addition

    def sum_over_time(a: Bounded, b: Bounded) -> Bounded:
        return round_sum(_outer(a, b, many), over_time, m)

    db = sum_over_time(used, exact(np.ones((*r.valid.shape[:2], 1))))
    seen = {k: passed.c if k == "o" else passed.c_before for k in r.peepholes}
    dp = {  # V1: one more rounding, that of dz c
        k: round_sum(_sum_products(r.part(k, used), c, many), over_time + once, m) for k, c in seen.items()
    }
    dR = None if r.R is None else sum_over_time(dh, passed.shown)
    into_x = multiply_transposed(used, r.w.W)
    dh_0 = round_sum(multiply_transposed(take_step(0, used), r.w.U), once, m)
    dc_0 = narrow(Bounded(carried.value, carried.error * INFLATION + m.eta), m.wide_d, m)
    if not r.whole:
        dh_0, dc_0 = (_where(r.valid[0], q, exact(d)) for q, d in ((dh_0, loss.last.h), (dc_0, loss.last.c)))
    return Backpropagation(
        expected,
        sum_over_time(used, r.x),
        sum_over_time(used, passed.h_before),
        Bounded(db.value[:, 0], db.error[:, 0]),
        dp,
        dR,
        into_x,
        round_sum(into_x, once, m),
        dh_0,
        dc_0,
    )


def _outer(a: Bounded, b: Bounded, many: int) -> Summed:
    """The sum of a bᵀ over steps and batch, of which so many can be other than 0."""
    (av, ae), (bv, be) = (tuple(q.reshape(-1, q.shape[-1]) for q in side) for side in (a, b))
    A, B = np.abs(av) + ae, np.abs(bv) + be
    size, error = A.T @ B, ae.T @ B
    return Summed(av.T @ bv, error + np.abs(av).T @ be if be.any() else error, size, size, many)


def _sum_products(a: Bounded, b: Bounded, many: int) -> Summed:
    """The sum of a b, element by element, over steps and batch."""
    value, error = a.value * b.value, a.error * b.largest + np.abs(a.value) * b.error
    size = (a.largest * b.largest).sum(axis=(0, 1))
    return Summed(value.sum(axis=(0, 1)), error.sum(axis=(0, 1)), size, size, many)
