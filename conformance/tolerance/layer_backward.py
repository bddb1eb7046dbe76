"""The gradients of one layer in one direction, and how far an implementation may be from them.

F13 to F16 of docs/accuracy.md, and V1 to V8 there. Every step starts from the gate gradients that the implementation
showed, so nothing grows with the weights or with T. Time runs as it is read; T >= 1.
"""

from typing import NamedTuple

import numpy as np

from conformance.tolerance import rounding
from conformance.tolerance.layer import Read, Reading, nonzero_terms, stretched_slope
from conformance.tolerance.rounding import INFLATION, Bounded, exact, one_minus, one_minus_square, product
from conformance.tolerance.trajectories import at, stack
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array, State


class Summed(NamedTuple):
    """A sum, before it is rounded: its value, that of the magnitudes, and how many terms it has."""

    value: Array
    size: Array
    terms: Array | int


class ReadBackwards(NamedTuple):
    """The gradients; gates are stacked as in the Reading."""

    dz: Bounded  # (T, B, G*H)
    dW: Bounded  # (G*H, I)
    dU: Bounded  # (G*H, P)
    db: Bounded  # (G*H,)
    dp: dict[str, Bounded]  # (H,)
    dR: Bounded | None  # (P, H)
    dx: Summed  # (T, B, I)  one direction's part of it
    dh: Bounded  # (B, P)
    dc: Bounded  # (B, H)


def read_backwards(r: Reading, passed: Read, dy: Summed, d_last: State, dz: Array, model: ErrorModel) -> ReadBackwards:
    """From the gate gradients dz (T, B, G*H), 0 where nothing is read; `d_last`: of the state where a sequence ends."""
    m = rounding.with_oracle(model)
    ends = r.valid & ~np.concatenate([r.valid[1:], np.zeros_like(r.valid[:1])])
    later = np.concatenate([dz[1:], np.zeros_like(dz[:1])])
    dr = hidden_cotangent(r, dy, np.where(ends, d_last.h, 0.0), later, m)
    shown = dr if r.R is None else _through_projection(r.R, dr, m)
    slopes = _squash_slope(r, passed, m)
    carried, dc = exact(np.zeros_like(d_last.c)), []
    for t in reversed(range(len(dz))):
        now, valid = passed.steps.at(t), r.valid[t]
        carried = Bounded(np.where(ends[t], d_last.c, carried.value), np.where(ends[t], 0, carried.error))
        into = [product((at(t, shown), now.o, at(t, slopes)), 4, m), carried]
        into += _seen_by_output(r, dz[t], m)
        raw = product((total(into, m), now.slope), 0, m)
        dc.append(Bounded(*(np.where(valid, a, 0.0) for a in raw)))
        back = [product((dc[-1], now.f), 1 if r.kind not in NOT_MULTIPLIED else 0, m), *_seen_by_inputs(r, dz[t], m)]
        carried = Bounded(*(np.where(valid, a, b) for a, b in zip(total(back, m), carried, strict=True)))
    expected = gate_gradients(r, passed, shown, stack(dc[::-1]), m)
    return _gathered(r, passed, expected, dr, dz, carried, d_last, m)


NOT_MULTIPLIED = ("no forget gate", "1997 simplified")  # the cell state, by a forget gate


def hidden_cotangent(r: Reading, dy: Summed, d_last: Array, later: Array, m: ErrorModel) -> Bounded:
    """F13, with `later` the gate gradients of the next step."""
    n = dy.terms + nonzero_terms(r.w.U.T, later != 0) + 3
    size = dy.size + np.abs(later) @ np.abs(r.w.U) + np.abs(d_last)
    value, e = dy.value + later @ r.w.U + d_last, n * m.u_acc * size + 2 * n * m.eta
    return Bounded(np.where(r.valid, value, 0.0), np.where(r.valid, e, 0.0))


def _through_projection(R: Array, dr: Bounded, m: ErrorModel) -> Bounded:
    """V5."""
    weights = np.abs(R)
    n = nonzero_terms(R.T, dr.largest > 0) + 2
    e = dr.error @ weights + n * m.u_acc * (dr.largest @ weights) + 2 * n * m.eta
    return Bounded(dr.value @ R, e * INFLATION)


def _squash_slope(r: Reading, passed: Read, m: ErrorModel) -> Bounded:
    now = passed.steps
    if r.kind == "1997 simplified":
        return stretched_slope(now.c, now.squashed, 1, m)
    return one_minus_square(now.squashed, m)


def _of_gate(r: Reading, gate: str, dz: Array) -> Array:
    k, H = r.gates.index(gate), r.state.c.shape[-1]
    return dz[..., k * H : (k + 1) * H]


def _seen(r: Reading, gate: str, dz: Array, m: ErrorModel) -> list[Bounded]:
    """V1: what a peephole sends back to the cell state it saw."""
    return [product((exact(_of_gate(r, gate, dz)), exact(r.peepholes[gate])), 1, m)] if gate in r.peepholes else []


def _seen_by_output(r: Reading, dz: Array, m: ErrorModel) -> list[Bounded]:
    return _seen(r, "o", dz, m)


def _seen_by_inputs(r: Reading, dz: Array, m: ErrorModel) -> list[Bounded]:
    return _seen(r, "i", dz, m) + _seen(r, "f", dz, m)


def total(parts: list[Bounded], m: ErrorModel) -> Bounded:
    """F14, of any number of parts, added in any order."""
    if len(parts) == 1:
        return parts[0]
    value, error, largest = (np.sum(column, axis=0) for column in zip(*((*p, p.largest) for p in parts), strict=True))
    size = np.abs(value) + error if len(parts) == 2 else largest
    many = len(parts) - 1
    return Bounded(value, error + many * m.u * size * (1 + many * m.u) + 2 * len(parts) * m.eta)


def gate_gradients(r: Reading, passed: Read, shown: Bounded, dc: Bounded, m: ErrorModel) -> Bounded:
    """F15, or V2 and V7; (T, B, G*H)."""
    now = passed.steps
    i, o = now.i, now.o
    slope = stretched_slope(now.z_g, now.g, 2, m) if r.kind == "1997 simplified" else one_minus_square(now.g, m)
    dz = {
        "i": product((dc, now.g, i, one_minus(i, m)), 4, m),
        "g": product((dc, i, slope), 4, m),
        "o": product((shown, now.squashed, o, one_minus(o, m)), 4, m),
    }
    if "f" in r.gates:
        dz["f"] = product((dc, now.c_before, now.f, one_minus(now.f, m)), 4, m)
    if r.kind == "coupled":
        lost = product((dc, now.c_before, coupled_slope(i, now.f, m)), 4, m)
        dz["i"] = total([dz["i"], Bounded(-lost.value, lost.error)], m)
    value, error = (np.concatenate([dz[k][part] for k in r.gates], axis=-1) for part in (0, 1))
    return Bounded(np.where(r.valid, value, 0.0), np.where(r.valid, error * INFLATION + 6 * m.eta, 0.0))


def coupled_slope(i: Bounded, f: Bounded, m: ErrorModel) -> Bounded:
    """V2: i (1 - i) = f (1 - f), from either: 1 - f loses what 1 - i keeps, and the other way round."""
    value = i.value * f.value
    errors = []
    for s, rest in ((i, f.value), (f, i.value)):
        e = s.error + m.u * (rest + s.error)
        errors.append(s.error * (rest + e) + s.value * e)
    return Bounded(value, np.maximum(*errors))


def _gathered(
    r: Reading, passed: Read, expected: Bounded, dr: Bounded, dz: Array, carried: Bounded, d_last: State, m: ErrorModel
) -> ReadBackwards:
    """F16: what is summed up from the gate gradients; sums over time are over what is read."""
    many, used = int(r.valid.sum()), exact(dz)
    dW, dU = _over_time(used, r.x, many, m), _over_time(used, passed.h_before, many, m)
    db = _over_time(used, exact(np.ones((*dz.shape[:2], 1))), many, m)
    dR = None if r.R is None else _over_time(dr, passed.steps.shown, many, m)
    dp = {k: _of_peephole(r, k, passed, dz, many, m) for k in r.peepholes}
    dx = Summed(dz @ r.w.W, np.abs(dz) @ np.abs(r.w.W), nonzero_terms(r.w.W.T, dz != 0))
    n = nonzero_terms(r.w.U.T, dz[:1] != 0) + 2
    empty = ~r.valid[0]
    dh = Bounded(
        np.where(empty, d_last.h, dz[0] @ r.w.U),
        np.where(empty, 0, (n * m.u_acc * (np.abs(dz[0]) @ np.abs(r.w.U)) + 2 * n * m.eta) * INFLATION),
    )
    dc = Bounded(np.where(empty, d_last.c, carried.value), np.where(empty, 0, carried.error * INFLATION + m.eta))
    return ReadBackwards(expected, dW, dU, Bounded(db.value[:, 0], db.error[:, 0]), dp, dR, dx, dh, dc)


def _over_time(a: Bounded, b: Bounded, many: int, m: ErrorModel) -> Bounded:
    """The sum of a bᵀ over steps and batch, of which so many can be other than 0."""
    (av, ae), (bv, be) = (tuple(q.reshape(-1, q.shape[-1]) for q in side) for side in (a, b))
    A, B, n = np.abs(av) + ae, np.abs(bv) + be, many + 2
    e = ae.T @ B + np.abs(av).T @ be + n * m.u_acc * (A.T @ B) + 2 * n * m.eta
    return Bounded(av.T @ bv, e * INFLATION)


def _of_peephole(r: Reading, gate: str, passed: Read, dz: Array, many: int, m: ErrorModel) -> Bounded:
    """V1: the sum of dz c over steps and batch."""
    d = np.where(r.valid, _of_gate(r, gate, dz), 0.0)
    c = passed.steps.c if gate == "o" else passed.steps.c_before
    e = np.abs(d) * c.error + (many + 2) * m.u_acc * np.abs(d) * c.largest
    return Bounded((d * c.value).sum(axis=(0, 1)), (e.sum(axis=(0, 1)) + 2 * (many + 2) * m.eta) * INFLATION)
