"""The gradient of one step, of any kind: F13 to F15 of docs/accuracy.md, and V1, V2, V5 and V7 there."""

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import numpy as np

from conformance.tolerance.cell import count_terms, multiply, stretched_slope
from conformance.tolerance.reading import Reading, Trajectory
from conformance.tolerance.rounding import (
    INFLATION,
    Bounded,
    exact,
    extra_roundings,
    narrow,
    one_minus,
    one_minus_square,
    product,
)
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array


class Summed(NamedTuple):
    """A sum of products, before it is rounded."""

    value: Array
    error: Array  # what is not known of its terms
    size: Array  # the sum of the magnitudes of its terms
    parts: Array  # the sum of the magnitudes of its finished partial sums
    terms: Array | int

    def rearrange(self, change: Callable[[Array], Array]) -> "Summed":
        """Every array of it changed in the same way."""
        value, error, size, parts, terms = self
        return Summed(change(value), change(error), change(size), change(parts), terms)


def make_sum(value: Array) -> Summed:
    """A number that is given, as a sum of one term."""
    value = value.astype(np.float64)
    return Summed(value, np.zeros_like(value), np.abs(value), np.abs(value), 1)


def multiply_transposed(a: Bounded, M: Array, terms: Array | None = None) -> Summed:
    """The products a M; `terms` of them can differ from 0, those where a (..., n) is used unless it says otherwise."""
    weights, terms = np.abs(M), count_terms(M.T, a.largest > 0) if terms is None else terms
    value = multiply(a.value, M)
    return Summed(value, multiply(a.error, weights), multiply(a.largest, weights), np.abs(value), terms)


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


def squashing_slope(r: Reading, now: Trajectory, m: ErrorModel) -> Bounded:
    """F12 or V7, at the cell state."""
    if r.kind.stretch != 1:
        return stretched_slope(now.c, now.squashed, 1, m)
    return one_minus_square(now.squashed, m)


def candidate_slope(r: Reading, now: Trajectory, m: ErrorModel) -> Bounded:
    """F12 or V7, at the candidate."""
    if r.kind.stretch != 1:
        return stretched_slope(now.z_g, now.g, r.kind.stretch, m)
    return one_minus_square(now.g, m)


def through_peepholes(r: Reading, gates: str, dz: Bounded, m: ErrorModel) -> list[Bounded]:
    """V1: what each of these gates' peepholes sends back to the cell state that it saw."""
    return [product((r.part(k, dz), exact(r.peepholes[k])), 1, m) for k in gates if k in r.peepholes]


def add_up(parts: list[Bounded], m: ErrorModel, u_stored: float = 0.0) -> Bounded:
    """F14: any number of parts, added in any order, and stored with a roundoff `u_stored` of its own."""
    if len(parts) == 1:
        return parts[0]
    many = len(parts) - 1
    value, error = (reduce(np.add, column) for column in zip(*parts, strict=True))
    size = np.abs(value) + error if many == 1 else reduce(np.add, (p.largest for p in parts))
    u = many * m.u
    return Bounded(value, error + (u + u_stored) * size * (1 + u) + 2 * len(parts) * m.eta)


def gate_gradients(r: Reading, dh: Bounded, dc: Bounded, now: Trajectory, m: ErrorModel) -> Bounded:
    """F15, or V2 and V7: stacked as in the reading (..., G*H); dh is the gradient of what the output gate shows."""
    i, o = now.i, now.o
    dz = {"g": product((dc, i, candidate_slope(r, now, m)), 4, m)}
    if "i" in r.gates:
        dz["i"] = product((dc, now.g, i, one_minus(i, m)), 4, m)
    if "f" in r.gates:
        dz["f"] = product((dc, now.c_before, now.f, one_minus(now.f, m)), 4, m)
    if "o" in r.gates:
        dz["o"] = product((dh, now.squashed, o, one_minus(o, m)), 4, m)
    if r.kind.keeps == "1 - i":
        lost = product((dc, now.c_before, coupled_slope(i, now.f, m)), 4, m)
        dz["i"] = add_up([dz["i"], Bounded(-lost.value, lost.error)], m)
    stacked = Bounded(*(np.concatenate(column, axis=-1) for column in zip(*(dz[k] for k in r.gates), strict=True)))
    return Bounded(stacked.value, narrow(stacked, m.wide_d, m).error * INFLATION + 6 * m.eta)


def coupled_slope(i: Bounded, f: Bounded, m: ErrorModel) -> Bounded:
    """V2: i (1 - i) = f (1 - f), computed from either: 1 - f loses digits that 1 - i keeps, and the other way round."""
    value = i.value * f.value
    errors = []
    for s, rest in ((i, f.value), (f, i.value)):
        e = s.error + m.u * (rest + s.error)
        errors.append(s.error * (rest + e) + s.value * e)
    return Bounded(value, np.maximum(*errors))
