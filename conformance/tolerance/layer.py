"""What one layer gives in one direction, whatever its variant, and how far an implementation may be from it.

Formulas F1 to F12 of docs/accuracy.md, and V1 to V7 there. Every step starts from the outputs that the implementation
returned, which may themselves be known to within something; so does what the layer reads. Time runs as it is read here:
`network_bounds` turns a reverse direction round. Everything is float64, for models of float32 and float64.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from conformance.tolerance import rounding, trajectories
from conformance.tolerance.rounding import INFLATION, Bounded, exact, one_minus, one_minus_square, product
from conformance.tolerance.trajectories import at
from lstm_spec.accuracy import ErrorModel
from lstm_spec.layouts import Packed
from lstm_spec.types import Array, Parameters, State, Variant


@dataclass(frozen=True)
class Reading:
    """One layer in one direction, and what it reads, in the order in which it is read."""

    kind: str
    gates: str  # the letters of those it has, as they are stacked
    bound: float  # of the cell state; infinite where nothing bounds it
    w: Packed  # float64
    peepholes: dict[str, Array]  # (H,), by gate
    R: Array | None  # (P, H)
    x: Bounded  # (T, B, I), 0 where there is nothing to be read
    state: State  # h (B, P), c (B, H), float64
    valid: Array  # (T, B, 1)  whether there is something to be read


def reading(p: Parameters, variant: Variant, dtype: np.dtype, x: Bounded, state: State, valid: Array) -> Reading:
    """Of parameters as they are, in float64; what is not `valid` in x does not count, NaN or not."""
    gates = "igo" if p.f is None else "ifgo"
    bound = np.inf if variant.clip is None else float(dtype.type(variant.clip))
    peepholes = {k: g.p.astype(np.float64) for k in gates if (g := getattr(p, k)).p is not None}
    R = None if p.R is None else p.R.astype(np.float64)
    stacked = (np.concatenate([getattr(getattr(p, k), part) for k in gates]) for part in "WUb")
    w = Packed(*(a.astype(np.float64) for a in stacked))
    s = State(*(a.astype(np.float64) for a in state))
    return Reading(variant.kind, gates, bound, w, peepholes, R, selected(valid, x), s, valid)


def selected(valid: Array, q: Bounded) -> Bounded:
    """q where there is something, exactly 0 elsewhere; selected, for 0 times NaN is NaN."""
    return Bounded(*(np.where(valid, a, 0.0) for a in q))


class Passed(NamedTuple):
    """A pass through all steps, each (T, B, H) unless said otherwise."""

    z_i: Bounded  # pre-activations, with what the peepholes see
    z_g: Bounded
    i: Bounded
    f: Bounded
    g: Bounded
    o: Bounded
    c_before: Bounded
    c: Bounded
    slope: Bounded  # of the bound on the cell state
    squashed: Bounded
    shown: Bounded  # what the output gate shows, before any projection
    h: Bounded  # (T, B, P)

    def at(self, t: int) -> "Passed":
        return Passed(*(at(t, q) for q in self))


class Read(NamedTuple):
    """A pass, what it started from at each step, and where it ended."""

    steps: Passed
    h_before: Bounded  # (T, B, P)
    last: Bounded  # (B, H)  c where the sequence ends


def read(r: Reading, seen: Bounded, model: ErrorModel) -> Read:
    """Every step from the outputs `seen` (T, B, P); T >= 1."""
    m, seen = rounding.with_oracle(model), selected(r.valid, seen)
    h = (np.concatenate([first[None], a])[:-1] for first, a in zip(exact(r.state.h), seen, strict=True))
    before, c, steps = Bounded(*h), exact(r.state.c), []
    n = summands(r, before)
    z = preactivations(r, before, n, m)
    for t, valid in enumerate(r.valid):
        now = step(r, at(t, z), n, c, m)
        c = Bounded(*(np.where(valid, new, old) for new, old in zip(now.c, c, strict=True)))
        steps.append(now)
    return Read(Passed(*(trajectories.stack(column) for column in zip(*steps, strict=True))), before, c)


def nonzero_terms(M: Array, used: Array) -> Array:
    """F3: of each row of M v, how many products can be other than 0, where v (..., n) is 0 but where it is used."""
    return (M != 0).astype(np.int64) @ used.reshape(-1, used.shape[-1]).any(axis=0).astype(np.int64)


def summands(r: Reading, h: Bounded) -> Array:
    """F3, row by row: (G*H,)."""
    peepholes = np.repeat([k in r.peepholes for k in r.gates], r.state.c.shape[-1])
    return nonzero_terms(r.w.W, r.x.largest > 0) + nonzero_terms(r.w.U, h.largest > 0) + 4 + peepholes


def preactivations(r: Reading, h: Bounded, n: Array, m: ErrorModel) -> Bounded:
    """F1, F2 and F4, without what the peepholes see; what is not known of x moves them, too."""
    z = trajectories.preactivations(r.w, r.x.value, h, n, m)
    return Bounded(z.value, z.error + (1 + n * m.u_acc) * (r.x.error @ np.abs(r.w.W).T))


def step(r: Reading, z: Bounded, n: Array, c: Bounded, m: ErrorModel) -> Passed:
    """One step from the pre-activations z (B, G*H) and the cell state c."""
    rows = dict(zip(r.gates, zip(*(np.split(a, len(r.gates), axis=-1) for a in (*z, n)), strict=True), strict=True))

    def received(gate: str, cell: Bounded) -> Bounded:
        value, error, terms = rows[gate]
        return (
            seeing(Bounded(value, error), r.peepholes[gate], cell, terms, m)
            if gate in r.peepholes
            else Bounded(value, error)
        )

    z_i, z_g = received("i", c), received("g", c)
    i = rounding.sigmoid(z_i, m)
    f = forget_gate(r, received("f", c) if "f" in r.gates else z_i, i, m)
    g = stretched(z_g, 2, m) if r.kind == "1997 simplified" else rounding.tanh(z_g, m)
    new, slope = clipped(cell_state(r, i, f, g, c, m), r.bound)
    o = rounding.sigmoid(received("o", new), m)
    squashed, shown = hidden(r, o, new, m)
    h = shown if r.R is None else projected(r.R, shown, m)
    return Passed(z_i, z_g, i, f, g, o, c, new, slope, squashed, shown, h)


def seeing(z: Bounded, p: Array, c: Bounded, n: Array, m: ErrorModel) -> Bounded:
    """V1: a pre-activation with a peephole, one more of its n summands."""
    size = np.abs(p) * c.largest
    return Bounded(z.value + p * c.value, z.error + np.abs(p) * c.error + n * m.u_acc * size)


def forget_gate(r: Reading, z: Bounded, i: Bounded, m: ErrorModel) -> Bounded:
    """F5, or V2 where it is coupled: 1 - i and σ(-z_i) are both legal; 1 where there is none."""
    if "f" in r.gates:
        return rounding.sigmoid(z, m)
    if r.kind != "coupled":
        return exact(np.ones_like(i.value))
    f = rounding.sigmoid(Bounded(-z.value, z.error), m)
    return Bounded(f.value, np.maximum(f.error, i.error + m.u * (f.value + i.error)))


def cell_state(r: Reading, i: Bounded, f: Bounded, g: Bounded, c: Bounded, m: ErrorModel) -> Bounded:
    """F6 and F7; V2: coupled, c + i (g - c) is legal; V3: without a forget gate, c is not multiplied."""
    if "f" in r.gates:
        return trajectories.cell_state(f, trajectories.written(i, g), c, m)
    if r.kind == "coupled":
        after = trajectories.cell_state(f, trajectories.written(i, g), c, m)
        return Bounded(after.value, after.error + 2 * m.u * i.largest * (c.largest + g.largest))
    added = product((i, g), 1, m)
    value, e = c.value + added.value, c.error + added.error
    return Bounded(value, (e + m.u * (np.abs(value) + e) * (1 + m.u) + 2 * m.eta) * INFLATION)


def clipped(c: Bounded, k: float) -> tuple[Bounded, Bounded]:
    """V4: the cell state within its bound, and the slope there, anything from 0 to 1 where the edge may be met."""
    if np.isinf(k):
        return c, exact(np.ones_like(c.value))
    low, value, high = (np.clip(a, -k, k) for a in (c.value - c.error, c.value, c.value + c.error))
    inside, outside = c.largest < k, np.abs(c.value) - c.error > k
    slope = Bounded(np.where(inside, 1.0, np.where(outside, 0.0, 0.5)), np.where(inside | outside, 0.0, 0.5))
    return Bounded(value, np.maximum(high - value, value - low)), slope


def hidden(r: Reading, o: Bounded, c: Bounded, m: ErrorModel) -> tuple[Bounded, Bounded]:
    """F8 and F9, or V7: the squashed cell state, and what the output gate shows of it."""
    if r.kind != "1997 simplified":
        return trajectories.hidden_state(o, c, m)
    squashed = stretched(c, 1, m)
    return squashed, product((o, squashed), 1, m)


def projected(R: Array, shown: Bounded, m: ErrorModel) -> Bounded:
    """V5."""
    weights = np.abs(R).T
    n = nonzero_terms(R, shown.largest > 0) + 2
    e = shown.error @ weights + n * m.u_acc * (shown.largest @ weights) + 2 * n * m.eta
    return Bounded(shown.value @ R.T, e * INFLATION)


def stretched(z: Bounded, scale: float, m: ErrorModel) -> Bounded:
    """V7: scale tanh(z/2) = 2 scale σ(z) - scale, in either way, which is absolutely accurate only."""
    y = scale * np.tanh(z.value / 2)
    nearest = np.maximum(np.abs(z.value) - z.error, 0)
    spread = np.minimum(2 * scale * rounding.sigmoid_slope(nearest) * z.error, 2 * scale)
    size = np.abs(y) + spread
    by_sigmoid = m.u * (m.r_s * (2 * scale * rounding.sigmoid_value(z.value) + spread) + 2 * scale * m.s_abs)
    by_tanh = m.u * (m.r_t * size + scale * m.t_abs)
    e = np.maximum(by_sigmoid, by_tanh)
    return Bounded(y, spread + e + m.u * (size + e) + 6 * scale * m.eta)


def stretched_slope(z: Bounded, y: Bounded, scale: float, m: ErrorModel) -> Bounded:
    """V7: the derivative of `stretched` at z, from its value y or from σ."""
    by_y = one_minus_square(Bounded(y.value / scale, y.error / scale), m).error * scale / 2
    s = Bounded(rounding.sigmoid_value(z.value), y.error / (2 * scale))
    rest = one_minus(s, m)
    by_sigmoid = 2 * scale * (s.error * rest.largest + s.value * rest.error)
    return Bounded(2 * scale * rounding.sigmoid_slope(z.value), np.maximum(by_y, by_sigmoid) + m.eta)
