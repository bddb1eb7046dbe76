"""The gradient of one step, of any kind: F13 to F15 of docs/accuracy.md, and V1, V2, V5 and V7 there."""

from functools import reduce
from typing import NamedTuple

import numpy as np

from conformance.tolerance.cell import Summed, multiply_transposed
from conformance.tolerance.functions import is_at_kink, slope_of_cut
from conformance.tolerance.reading import Reading, Trajectory
from conformance.tolerance.rounding import (
    INFLATION,
    Bounded,
    Product,
    exact,
    extra_roundings,
    multiply_out,
    narrow,
    product,
)
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array


def make_sum(value: Array) -> Summed:
    """A number that is given, as a sum of one term."""
    value = value.astype(np.float64)
    return Summed(value, np.zeros_like(value), np.abs(value), np.abs(value), 1)


def round_sum(s: Summed, roundings: int, m: ErrorModel) -> Bounded:
    """F16: the sum, added up in any order and rounded `roundings` times more, as it is returned."""
    n = s.terms + 2
    e = n * m.u_acc * s.size + 2 * n * m.eta
    if roundings:
        e = e + extra_roundings(m, roundings) * (s.size + e)
    return narrow(Bounded(s.value, (e + s.error) * INFLATION), m.wide_d, m)


def hidden_cotangent(dy: Summed, d_last: Array, later: Summed, m: ErrorModel) -> Bounded:
    """F13: the gradient of h from outside, dy and d_last, and through `later`, the gate gradients of the next step.

    Only the last step has d_last, and it has no next one; so one term stands for both.
    """
    n, last = dy.terms + np.maximum(later.terms, 1) + 2, np.abs(d_last)
    e = n * m.u_acc * (dy.size + last + later.size) + 2 * n * m.eta + later.error + dy.error
    if m.pre:
        e = e + extra_roundings(m, m.pre) * (dy.parts + last + later.parts + e)
    return Bounded(dy.value + d_last + later.value, e)


def through_projection(R: Array, dh: Bounded, m: ErrorModel) -> Bounded:
    """V5: the gradient of what the output gate shows."""
    s = multiply_transposed(dh, R)
    n = s.terms + 2
    e = s.error + n * m.u_acc * s.size + 2 * n * m.eta
    e = e + extra_roundings(m, 1) * (s.parts + e) if m.pre else e
    return Bounded(s.value, e * INFLATION)


def bound_cotangent(r: Reading, h: Bounded, dh: Bounded, m: ErrorModel) -> Bounded:
    """V10: the gradient of a projection from that of h, which is bounded."""
    return dh if np.isinf(r.bound_h) else product((dh, slope_of_cut(h, -r.bound_h, r.bound_h)), 0, m)


def through_peepholes(r: Reading, gates: str, dz: Bounded, m: ErrorModel) -> list[Bounded]:
    """V1: what each of these gates' peepholes sends back to the cell state that it saw."""
    return [through_peephole(r, k, r.part(k, dz), m) for k in gates if k in r.peepholes]


def through_peephole(r: Reading, gate: str, dz: Bounded, m: ErrorModel) -> Bounded:
    """V1 for one of them; dz (..., H) is that gate's own."""
    return product((dz, exact(r.peepholes[gate])), 1, m)


def add_up(parts: list[Bounded], m: ErrorModel, u_stored: float = 0.0) -> Bounded:
    """F14: any number of parts, added in any order, and stored with a roundoff `u_stored` of its own."""
    if len(parts) == 1:
        return parts[0]
    many = len(parts) - 1
    value, error = (reduce(np.add, column) for column in zip(*parts, strict=True))
    size = np.abs(value) + error if many == 1 else reduce(np.add, (p.largest for p in parts))
    u = many * m.u
    return Bounded(value, error + (u + u_stored) * size * (1 + u) + 2 * len(parts) * m.eta)


class Slopes(NamedTuple):
    """What gradients are multiplied by on their way back through a step: k products (..., k, H), known beforehand."""

    shown: Product  # of what the output gate shows: by the cell state, then by z of that gate if there is one
    cell: Product  # of the cell state: by z of each other gate, then by z of i where that decides what is forgotten
    kept: Product  # (..., H) of the cell state: by the one before


def find_slopes(r: Reading, now: Trajectory, m: ErrorModel) -> Slopes:
    """The factors of F14 and F15, or of V2, V7 and V9, that are no gradients."""
    (i, f, o), (gate, candidate, output) = (now.i, now.f, now.o), r.functions
    cell = {"f": (now.c_before, *gate.slope(f, f, m)), "g": (i, *candidate.slope(now.z_g, now.g, m))}
    cell |= {"i": (now.g, *gate.slope(i, i, m))}
    by_cell = [cell[k] for k in r.gates if k != "o"]
    if r.kind.keeps == "1 - i":
        by_cell.append((now.c_before, coupled_slope(i, f, m)))
    by_shown = [(o, *output.slope(now.c, now.squashed, m))]
    by_shown += [(now.squashed, *gate.slope(o, o, m))] if "o" in r.gates else []
    return Slopes(_stack(by_shown), _stack(by_cell), multiply_out(f))


def _stack(factors: list[tuple[Bounded, ...]]) -> Product:
    return Product(*(np.stack(column, axis=-2) for column in zip(*(multiply_out(*q) for q in factors), strict=True)))


def take_rows(k: int | slice, q: Bounded) -> Bounded:
    """One row or some of the k products in q (..., k, H)."""
    return Bounded(q.value[..., k, :], q.error[..., k, :])


def through_output_gate(dh: Bounded, slopes: Product, m: ErrorModel) -> tuple[Bounded, Bounded]:
    """What goes on to the cell state (..., H), and F15 at that gate before its margin, (..., 0 or 1, H).

    dh is the gradient of what the output gate shows.
    """
    through = multiply_each(dh, slopes, m)
    return take_rows(0, through), take_rows(slice(1, None), through)


def multiply_each(d: Bounded, slopes: Product, m: ErrorModel) -> Bounded:
    """The gradient d (..., H) times each of the slopes (..., k, H); the first of F14, and F15 before its margin."""
    return product((Bounded(*(a[..., None, :] for a in d)), slopes), 4, m)


def gate_gradients(r: Reading, through_o: Bounded, dc: Bounded, slopes: Product, m: ErrorModel) -> Bounded:
    """F15, or V2 and V7: stacked as in the reading (..., G*H); the output gate's (..., 0 or 1, H) are known."""
    dz = multiply_each(dc, slopes, m)
    if r.kind.keeps == "1 - i":
        i, rest, lost = (take_rows(slice(*k), dz) for k in ((0, 1), (1, -1), (-1, None)))
        i = add_up([i, Bounded(-lost.value, lost.error)], m)
        dz = Bounded(*(np.concatenate(both, axis=-2) for both in zip(i, rest, strict=True)))
    stacked = (np.concatenate(both, axis=-2) for both in zip(dz, through_o, strict=True))
    return leave_margin(Bounded(*(a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1]) for a in stacked)), m)


def leave_margin(dz: Bounded, m: ErrorModel) -> Bounded:
    """F15: gate gradients as they may be returned."""
    return Bounded(dz.value, narrow(dz, m.wide_d, m).error * INFLATION + 6 * m.eta)


def coupled_slope(i: Bounded, f: Bounded, m: ErrorModel) -> Bounded:
    """V2: i (1 - i) = f (1 - f), computed from either: 1 - f loses digits that 1 - i keeps, and the other way round."""
    value = i.value * f.value
    errors = []
    for s, rest in ((i, f.value), (f, i.value)):
        e = s.error + m.u * (rest + s.error)
        errors.append(s.error * (rest + e) + s.value * e)
    return Bounded(value, np.maximum(*errors))


def mark_open_slopes(r: Reading, passed: Trajectory) -> Array:
    """(T, B, k): where a derivative of the pass may be anything between two numbers, V4, V9 and V10."""
    gate, candidate, output = r.functions
    marks = [*map(gate.is_open, (passed.i, passed.f, passed.o)), candidate.is_open(passed.g)]
    marks += [output.is_open(passed.squashed), np.broadcast_to(passed.slope.error > 0, passed.c.value.shape)]
    marks += [] if np.isinf(r.bound_h) else [is_at_kink(passed.h, -r.bound_h, r.bound_h)]
    return np.concatenate(marks, axis=-1) & r.valid
