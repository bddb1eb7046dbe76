"""How far the free run of a standard layer may be off, from an ellipsoid about every state: V12 of docs/accuracy.md.

A bound through abs(U) forgets that the errors of two units may cancel in U h, and grows until it says nothing. An
ellipsoid goes through the derivatives of the steps with their signs. What derivatives leave out is of second order:
it is bounded by the size of the ellipsoid, and added to what is rounded.
"""

from typing import NamedTuple

import numpy as np

from conformance.tolerance import rounding
from conformance.tolerance.functions import SIGMOID, TANH
from conformance.tolerance.layer import count_summands, receive_inputs
from conformance.tolerance.reading import Reading, Trajectory
from conformance.tolerance.rounding import INFLATION, U64, exact, list_rates
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array

WORK = 1e11  # additions and multiplications for a layer and direction, some 2 s; what comes later is not bounded
LEAST = 1e-140  # is added to what is rounded: the squares of smaller errors are no numbers any more
LARGEST = 1.0  # if a hidden state may be off by more, nothing is known from there on
SIGMOID_BEND, TANH_BEND = 1 / (6 * np.sqrt(3)), 4 / (3 * np.sqrt(3))  # the largest second derivatives


class Reach(NamedTuple):
    """How far a right implementation may be from a free run; infinite where that is not known."""

    h: Array  # (T, B, H)
    c: Array  # (T, B, H)
    of_U: Array  # (T, B, 4H)  U h of the step before
    of_readers: Array  # (T, B, n)  M h, for the matrices M that read h


class Ellipsoid(NamedTuple):
    """Errors e of a state for which (v e)^2 <= v Q v, whatever v is; the blocks of Q are (B, H, H)."""

    hh: Array
    hc: Array
    cc: Array


class Steps(NamedTuple):
    """The numbers of all steps, or of one, which has no T."""

    gates: Array  # (T, B, 4H)
    slopes: Array  # (T, B, 4H)
    partners: Array  # (T, B, 4H)  what multiplies each gate
    f: Array  # (T, B, H)
    c_before: Array
    c: Array
    squashed: Array
    o: Array
    h_before: Array
    h: Array
    of_input: Array  # (T, B, 4H)  what W x + b may be off by, and what it costs to add it


class Noise(NamedTuple):
    """What a step adds to the error beyond its derivatives, at most: (B, H)."""

    c: Array
    h: Array  # beyond what comes from c
    of_h: Array  # all of it


def can_bound(r: Reading, m: ErrorModel) -> bool:
    """Whether V12 is derived for this cell and this arithmetic: the standard cell, and nothing narrower inside."""
    is_standard = r.gates == "ifgo" and not r.peepholes and r.R is None and np.isinf(r.bound)
    functions = (r.functions.gate, r.functions.candidate, r.functions.output)
    return is_standard and functions == (SIGMOID, TANH, TANH) and not (m.pre or m.u_h or m.u_c or m.wide_h)


class Propagation:
    """The ellipsoids of one layer in one direction, step by step."""

    def __init__(self, r: Reading, model: ErrorModel, readers: Array) -> None:
        """The readers are (n, H): rows that something else multiplies h with."""
        self.m, self.H = rounding.with_oracle(model), r.H
        self.x = receive_inputs(r, count_summands(r, exact(np.ones((1, r.H)))), self.m)
        self.U, self.blocks, self.sizes = r.w.U, r.w.U.reshape(4, r.H, r.H), np.abs(r.w.U).T
        self.reader_sizes = np.abs(readers).T
        self.units, self.norms = _scale_rows(self.U)
        units, self.reader_norms = _scale_rows(readers)
        self.reader_units = units.astype(np.float32)
        _, _, self.relative, self.absolute = list_rates(4 * r.H, 2 * r.H, 3 * r.H, self.m)
        self.bend = np.repeat([SIGMOID_BEND, SIGMOID_BEND, TANH_BEND, SIGMOID_BEND], r.H)
        B = r.x.value.shape[1]
        self.Q, self.UQ = Ellipsoid(*np.zeros((3, B, r.H, r.H))), np.zeros((B, 4 * r.H, r.H))
        self.of_h, self.of_c, self.of_U = np.zeros((B, r.H)), np.zeros((B, r.H)), np.zeros((B, 4 * r.H))
        self.of_readers = np.zeros((B, len(readers)))

    @property
    def slack(self) -> float:
        """What products of three matrices round, in units of their sizes: far above 2 H + 40 roundings."""
        return (4 * self.H + 64) * U64

    def take_step(self, s: Steps) -> None:
        """Go on to the errors after the step."""
        image, trace = self._push(s)
        noise = self._bound_noise(s, np.sqrt(_diagonal(image.cc)))
        self.of_c = np.sqrt(_diagonal(image.cc)) + noise.c
        self.of_h = np.sqrt(_diagonal(image.hh)) + noise.of_h
        of_units = self.units @ image.hh
        of_rows = of_units * self.norms[:, None]
        self.of_U = _measure(of_units, self.units, self.slack * trace) * self.norms + noise.of_h @ self.sizes
        self.of_readers = self._measure_readers(image.hh, trace) + noise.of_h @ self.reader_sizes
        self._mix(image, of_rows, trace, noise, s)

    def _push(self, s: Steps) -> tuple[Ellipsoid, Array]:
        """The image of the ellipsoid under the derivatives of the step, and its trace: (B, 1)."""
        rows = (s.slopes * s.partners).reshape(-1, 4, self.H)
        M, MQ = (_add_gates(rows, a) for a in (self.blocks[None], self.UQ.reshape(-1, 4, self.H, self.H)))
        N, NQ = rows[:, 3, :, None] * self.blocks[3], rows[:, 3, :, None] * self.UQ[:, 3 * self.H :]
        a, f, kept = self._show(s)[:, :, None], s.f[:, None, :], M @ self.Q.hc * s.f[:, None, :]
        cc = MQ @ _turn(M) + kept + _turn(kept) + _turn(f) * self.Q.cc * f
        oc = NQ @ _turn(M) + N @ self.Q.hc * f  # the output gate's part of h, beside c
        hc, hh = a * cc + oc, a * cc * _turn(a) + oc * _turn(a) + a * _turn(oc) + NQ @ _turn(N)
        trace = _trace(self.Q.hh) + _trace(self.Q.cc)
        hh, cc = (hh + _turn(hh)) / 2, (cc + _turn(cc)) / 2
        for q in (hh, cc):
            _add_diagonal(q, self.slack * self._measure_derivatives(rows, s) * trace)
        return Ellipsoid(hh, hc, cc), _trace(hh) + _trace(cc)

    def _measure_derivatives(self, rows: Array, s: Steps) -> Array:
        """At least the square of the norm of the derivatives, summed from sizes: (B, 1)."""
        sizes, a = np.abs(rows) * self.norms.reshape(4, self.H), self._show(s)
        of_c = sizes[:, :3].sum(axis=1)
        of_h = a * of_c + sizes[:, 3]
        return np.asarray((of_c**2 + of_h**2 + s.f**2 * (1 + a**2)).sum(axis=-1, keepdims=True))

    def _show(self, s: Steps) -> Array:
        """The slope of h in c: (B, H)."""
        return np.asarray(s.o * (1 - s.squashed**2))

    def _bound_noise(self, s: Steps, linear: Array) -> Noise:
        """What is rounded, and what is of second order; `linear` is what c may be off by through the derivatives."""
        m, H = self.m, self.H
        off, moved = (a.reshape(-1, 4, H) for a in self._bound_gates(s))
        i, f, g, o = (moved[:, k] for k in range(4))
        gates, partners = np.abs(s.gates).reshape(-1, 4, H), np.abs(s.partners).reshape(-1, 4, H)
        written = (partners[:, :3] * off[:, :3]).sum(axis=1) + f * self.of_c + i * g
        sizes = (gates[:, 1] + f) * (np.abs(s.c_before) + self.of_c) + (gates[:, 0] + i) * (gates[:, 2] + g)
        e = written + m.u * sizes + 2 * m.eta
        c = (e + m.u * (np.abs(s.c) + linear + e) * (1 + m.u)) * INFLATION
        squashed_off, squashed = self._bound_squashed(s, linear + c)
        e = s.o * squashed_off + partners[:, 3] * off[:, 3] + o * squashed
        reached = self._show(s) * (linear + c) + np.abs(s.slopes * s.partners)[:, 3 * H :] * self.of_U[:, 3 * H :] + e
        h = (e + m.u * (np.abs(s.h) + reached) * (1 + m.u) + m.eta) * INFLATION
        return Noise(c + LEAST, h + LEAST, self._show(s) * (c + LEAST) + h + LEAST)

    def _bound_gates(self, s: Steps) -> tuple[Array, Array]:
        """How far each gate may be from what its derivative says, and from its value: (B, 4H)."""
        z = s.of_input + self.x.rate * ((np.abs(s.h_before) + self.of_h) @ self.sizes)
        steepest = s.slopes + self.bend * (self.of_U + z)
        bent, rounded = self.bend / 2 * self.of_U**2, steepest * z
        known = s.slopes * self.of_U + bent + rounded
        off = bent + rounded + self.relative * (np.abs(s.gates) + known) + self.absolute
        return off, s.slopes * self.of_U + off

    def _bound_squashed(self, s: Steps, of_c: Array) -> tuple[Array, Array]:
        """The same of tanh(c), for a c that may be off by so much."""
        slope, bent = 1 - s.squashed**2, TANH_BEND / 2 * of_c**2
        known, (relative, absolute) = slope * of_c + bent, (q[2 * self.H] for q in (self.relative, self.absolute))
        off = bent + relative * (np.abs(s.squashed) + known) + absolute
        return off, slope * of_c + off

    def _measure_readers(self, hh: Array, trace: Array) -> Array:
        """What the readers may be off by through the derivatives, with products in float32: (B, n)."""
        scale, rounded = np.where(trace > 0, trace, 1), np.full_like(trace, (2 * self.H + 16) * 2.0**-24)
        rows = self.reader_units @ (hh / scale[:, :, None]).astype(np.float32)
        return _measure(rows, self.reader_units, rounded) * np.sqrt(trace) * self.reader_norms

    def _mix(self, image: Ellipsoid, of_rows: Array, trace: Array, noise: Noise, s: Steps) -> None:
        """The smallest of the ellipsoids that hold every sum of a member of the image and of the noise."""
        a = self._show(s)
        column = np.sqrt(1 + a**2)  # how long the error is that c takes into h
        size = (noise.c * column + noise.h).sum(axis=-1, keepdims=True)
        of_c, of_h = noise.c / column * size, noise.h * size
        beta = size / np.sqrt(np.where(trace > 0, trace, size**2))
        grown, weight = 1 + beta, 1 + 1 / beta
        hh, hc, cc = (grown[:, :, None] * q for q in image)
        diagonal = weight * (of_c * a**2 + of_h)
        for q, more in ((hh, diagonal), (hc, weight * of_c * a), (cc, weight * of_c)):
            _add_diagonal(q, more)
        self.Q, self.UQ = Ellipsoid(hh, hc, cc), grown[:, :, None] * of_rows + self.U * diagonal[:, None, :]


def bound_free_run(r: Reading, free: Trajectory, model: ErrorModel, readers: Array) -> Reach:
    """V12: how far any right implementation is from the values of `free`, the free run of `r`, if `can_bound`.

    The readers are (n, H): rows that something else multiplies h with.
    """
    (T, B, _), p = r.x.value.shape, Propagation(r, model, readers)
    reach = Reach(*(np.full((T, B, n), np.inf) for n in (r.H, r.H, 4 * r.H, len(readers))))
    steps = _list_numbers(free, p.x.error)
    for t in range(min(T, int(WORK / (22 * B * r.H**3)))):
        reach.of_U[t] = p.of_U
        p.take_step(Steps(*(a[t] for a in steps)))
        if not p.of_h.max() <= LARGEST:
            break
        reach.h[t], reach.c[t], reach.of_readers[t] = p.of_h, p.of_c, p.of_readers
    return reach


def _list_numbers(free: Trajectory, of_input: Array) -> Steps:
    i, f, g, o, c, squashed = (q.value for q in (free.i, free.f, free.g, free.o, free.c_before, free.squashed))
    slopes = [i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o)]
    pairs = ((i, f, g, o), slopes, (g, c, i, squashed))
    gates, steep, partners = (np.concatenate(four, axis=-1) for four in pairs)
    h = (free.h_before.value, free.h.value)
    return Steps(gates, steep, partners, f, c, free.c.value, squashed, o, *h, of_input)


def _add_gates(rows: Array, a: Array) -> Array:
    """Of the input gate, the forget gate and the candidate: (B, H, H), for a (B, 4, H, H)."""
    return np.einsum("bgh,bghk->bhk", rows[:, :3], np.broadcast_to(a, (len(rows), *a.shape[1:]))[:, :3])


def _turn(a: Array) -> Array:
    return a.swapaxes(-1, -2)


def _trace(q: Array) -> Array:
    return np.trace(q, axis1=1, axis2=2)[:, None]


def _diagonal(q: Array) -> Array:
    return np.maximum(np.diagonal(q, axis1=1, axis2=2), 0)


def _add_diagonal(q: Array, more: Array) -> None:
    k = np.arange(q.shape[-1])
    q[:, k, k] += more


def _scale_rows(M: Array) -> tuple[Array, Array]:
    """The rows of a matrix at length 1, and how long they are; of a row that is zero 1. No square underflows."""
    largest = np.abs(M).max(axis=1, initial=0)
    largest += largest == 0
    norms = largest * np.maximum(np.linalg.norm(M / largest[:, None], axis=1), 1)
    return M / norms[:, None], norms


def _measure(rows: Array, M: Array, rounded: Array) -> Array:
    """The root of M Q M for each row of M, of rows M Q (B, n, H): (B, n)."""
    return np.sqrt(np.maximum(np.einsum("bnk,nk->bn", rows, M), 0) + rounded)
