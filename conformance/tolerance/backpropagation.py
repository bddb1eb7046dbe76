"""What the equations' gradients are, and how far an implementation may be from them: F13 to F16 of docs/accuracy.md.

*Observed*: the implementation's own gate gradients are the inputs of every step, so nothing grows with the weights or
with T. *Free*: they are not known, and their errors pass through abs(U). Everything is float64; T >= 1.
"""

from dataclasses import dataclass

import numpy as np

from conformance.tolerance import rounding
from conformance.tolerance.audit import Known, audit
from conformance.tolerance.rounding import (
    INFLATION,
    Bounded,
    about,
    exact,
    extra_roundings,
    one_minus,
    one_minus_square,
    product,
)
from conformance.tolerance.trajectories import Trajectory, at, packed64, stack
from lstm_spec.accuracy import ErrorModel
from lstm_spec.layouts import Packed
from lstm_spec.types import Array, Cotangents, Problem


@dataclass(frozen=True)
class Backpropagation:
    """A backward pass; gates are packed in the order of `trajectories.ORDER`."""

    dz: Bounded  # (T, B, 4H) the gate gradients
    dW: Bounded  # (4H, I)
    dU: Bounded  # (4H, H)
    db: Bounded  # (4H,)
    dx: Bounded  # (T, B, I)
    dh: Bounded  # (B, H)
    dc: Bounded  # (B, H)


def observed_backpropagation(
    problem: Problem, forward: Trajectory, d: Cotangents, dz: Array, model: ErrorModel
) -> Backpropagation:
    """The backward pass in which every step starts from the gate gradients dz (T, B, 4H) that were read off."""
    known = audit.get().backward(problem, forward.h_before.value, d, dz)
    m = model if known else rounding.with_oracle(model)
    observed = rounding.narrowed(exact(dz), m.wide_d, m)
    expected, carried = _from_gate_gradients(problem, forward, d, observed, m, known)
    computed = _gathered(problem, packed64(problem), observed, expected, forward.h_before, carried, m)
    return Backpropagation(**{name: about(q, known, name) for name, q in vars(computed).items()})


def _from_gate_gradients(
    problem: Problem, forward: Trajectory, d: Cotangents, dz: Bounded, m: ErrorModel, known: Known
) -> tuple[Bounded, Bounded]:
    """The gate gradients (T, B, 4H) in which step t starts from dz[t + 1], and the gradient of c_0."""
    T, B, _, H = problem.sizes
    dh = about(hidden_cotangent(_loss_on_h(problem, d), _shifted(dz), packed64(problem).U, m), known, "into_h")
    through_h = product((dh, forward.o, one_minus_square(forward.squashed, m)), 4, m)
    dc = Bounded(*np.empty((2, T, B, H)))
    carried = exact(d.state.c[0])
    for t in reversed(range(T)):
        dc.value[t], dc.error[t] = about(cell_cotangent(at(t, through_h), carried, m), known, "into_c", t)
        carried = product((at(t, dc), at(t, forward.f)), 1, m)
    return gate_gradients(dh, dc, forward, m), carried


def free_backpropagation(
    problem: Problem, forward: Trajectory, d: Cotangents, model: ErrorModel, handed_on: bool = False
) -> Backpropagation:
    """The backward pass without any observation; its errors may grow by abs(U) each step. `handed_on` as for states."""
    m, w = rounding.with_oracle(model), packed64(problem)
    T, B, _, H = problem.sizes
    if w.U.any() or handed_on:
        dz, carried = _step_by_step(problem, forward, d, m, m.wide_d if handed_on else 0.0)
    else:  # no step depends on another's gate gradients: any will do
        dz, carried = _from_gate_gradients(problem, forward, d, exact(np.zeros((T, B, 4 * H))), m, {})
    return _gathered(problem, w, dz, dz, forward.h_before, carried, m)


def _step_by_step(
    problem: Problem, forward: Trajectory, d: Cotangents, m: ErrorModel, v: float
) -> tuple[Bounded, Bounded]:
    """The gate gradients (T, B, 4H), and the gradient of c_0; v: the roundoff of what is handed on."""
    T, B, _, H = problem.sizes
    loss, U = _loss_on_h(problem, d), packed64(problem).U
    later, carried, steps = exact(np.zeros((B, 4 * H))), exact(d.state.c[0]), []
    slope = one_minus_square(forward.squashed, m)
    for t in reversed(range(T)):
        now = forward.at(t)
        dh = rounding.narrowed(hidden_cotangent(at(t, loss), later, U, m), v, m)
        dc = cell_cotangent(product((dh, now.o, at(t, slope)), 4, m), carried, m)
        later, carried = gate_gradients(dh, dc, now, m), rounding.narrowed(product((dc, now.f), 1, m), v, m)
        steps.append(later)
    return stack(steps[::-1]), carried


def _loss_on_h(problem: Problem, d: Cotangents) -> Bounded:
    """The cotangents that reach h from outside: value, and in place of an error the sum of their magnitudes."""
    y, last = d.y.astype(np.float64), d.state.h[0].astype(np.float64)
    value, size = y.copy(), np.abs(y)
    value[-1:] += last
    size[-1:] += np.abs(last)
    return Bounded(value, size)


def hidden_cotangent(loss: Bounded, later: Bounded, U: Array, m: ErrorModel) -> Bounded:
    """F13, with `later` the gate gradients of the next step."""
    n, weights = U.shape[0] + 3, np.abs(U)
    through = later.value @ U
    error_in = later.error @ weights
    S = loss.error + np.abs(later.value) @ weights + error_in
    e = n * m.u_acc * S + 2 * n * m.eta + error_in
    e = e + extra_roundings(m, m.pre) * (loss.error + np.abs(through) + e)
    return Bounded(loss.value + through, e)


def cell_cotangent(through_h: Bounded, carried: Bounded, m: ErrorModel) -> Bounded:
    """F14, with `carried` = f_{t+1} dc_{t+1}."""
    dc, e = through_h.value + carried.value, through_h.error + carried.error
    return Bounded(dc, e + (m.u + m.u_c) * (np.abs(dc) + e) * (1 + m.u) + 4 * m.eta)


def gate_gradients(dh: Bounded, dc: Bounded, now: Trajectory, m: ErrorModel) -> Bounded:
    """F15: packed (..., 4H)."""
    parts = (
        product((dc, now.g, now.i, one_minus(now.i, m)), 4, m),
        product((dc, now.c_before, now.f, one_minus(now.f, m)), 4, m),
        product((dc, now.i, one_minus_square(now.g, m)), 4, m),
        product((dh, now.squashed, now.o, one_minus(now.o, m)), 4, m),
    )
    dz = Bounded(*(np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)))
    return Bounded(dz.value, rounding.narrowed(dz, m.wide_d, m).error * INFLATION + 6 * m.eta)


def _gathered(
    problem: Problem,
    w: Packed,
    used: Bounded,
    expected: Bounded,
    h_before: Bounded,
    carried: Bounded,
    m: ErrorModel,
) -> Backpropagation:
    """F16: the gradients that are sums over the gate gradients `used`."""
    T, B, I, H = problem.sizes
    rows, first = _rows(used, T * B), Bounded(used.value[:1].reshape(-1, 4 * H), used.error[:1].reshape(-1, 4 * H))
    n = T * B + 2
    once = 1 if m.pre else 0
    over_time = T + 1 if m.acc_steps else once  # each step's part, and each addition
    transposed = Bounded(rows.value.T, rows.error.T)
    dW = _dot(transposed, exact(problem.x.reshape(T * B, I)), n, over_time, m)
    dU = _dot(transposed, _rows(h_before, T * B), n, over_time, m)
    db = _dot(transposed, exact(np.ones((T * B, 1))), n, over_time, m)
    dx = _dot(rows, exact(w.W), 4 * H + 2, once, m)
    dh = _dot(first, exact(w.U), 4 * H + 2, once, m)
    sums = (
        dW,
        dU,
        Bounded(db.value[:, 0], db.error[:, 0]),
        Bounded(dx.value.reshape(T, B, I), dx.error.reshape(T, B, I)),
        dh,
        Bounded(carried.value, carried.error * INFLATION + m.eta),
    )
    return Backpropagation(expected, *(rounding.narrowed(q, m.wide_d, m) for q in sums))


def _dot(a: Bounded, b: Bounded, n: int, roundings: int, m: ErrorModel) -> Bounded:
    """Of n terms; what they amount to is rounded so many times more."""
    S = a.largest @ b.largest
    e = n * m.u_acc * S + 2 * n * m.eta
    if roundings:
        e = e + extra_roundings(m, roundings) * (S + e)
    return Bounded(a.value @ b.value, (e + a.error @ b.largest + np.abs(a.value) @ b.error) * INFLATION)


def _rows(q: Bounded, n: int) -> Bounded:
    return Bounded(q.value.reshape(n, -1), q.error.reshape(n, -1))


def _shifted(dz: Bounded) -> Bounded:
    """The gate gradients of the next step; after the last there are none."""
    return Bounded(*(np.concatenate([a[1:], np.zeros_like(a[:1])]) for a in dz))
