"""The observed passes once more, in balls of 128 bits (Arb): every value with a proof of how near it is.

Written from the equations alone. It refuses to share a formula with `layer` and `layer_backward`, or it would
check them by themselves; and it refuses free runs, in which balls grow by abs(U) each step until they say nothing.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from conformance.tolerance.audit import Audit, audit
from conformance.tolerance.backpropagation import PARTS, observed_backpropagation
from conformance.tolerance.rounding import Bounded
from conformance.tolerance.trajectories import ORDER, observed_trajectory
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array, Cotangents, Problem

try:
    from flint import arb, arb_mat, ctx
except ImportError as error:
    raise ImportError('python-flint is not installed; pip install "lstm-spec[audit]"', name="flint") from error

BITS = 128
LARGEST_AUDITED = 2**24  # T B H (I + H) of a problem that is audited: some 5 s
ORACLE = ErrorModel(0, 0, 0, r_s=4, r_t=4)  # with the oracle's own rounding added, the model of the oracle alone

Balls = Array  # of arb
Enclosures = dict[str, Bounded]  # by quantity: a float64 value, and how far at most the exact one is from it


def _each(function: Callable[[Any], Any]) -> Callable[[Array], Array]:
    return np.frompyfunc(function, 1, 1)


_balls, _floats, _exp, _tanh, _sech = (_each(function) for function in (arb, float, arb.exp, arb.tanh, arb.sech))


class Forward(NamedTuple):
    """A forward pass from the hidden states h, one a step, that an implementation returned; balls (T, B, H)."""

    inputs: Array  # (T B, I + H + 1)  x, h and 1, in float64
    z: Balls  # (T, B, 4H), gates in the order of trajectories.ORDER
    i: Balls
    f: Balls
    g: Balls
    o: Balls
    slopes: tuple[Balls, ...]  # of i, f, g, o in z
    c_before: Balls
    c: Balls
    squashed: Balls  # tanh(c)
    h: Balls


class Backward(NamedTuple):
    """A backward pass from the gate gradients that an implementation returned; balls, shaped as in Backpropagation."""

    into_h: Balls  # (T, B, H)  the cotangents of h and c at each step
    into_c: Balls  # (T, B, H)
    dz: Balls
    dW: Balls
    dU: Balls
    db: Balls
    dx: Balls
    dh: Balls
    dc: Balls


# ---------------------------------------------------------------- the passes


def enclose_forward(problem: Problem, h: Array) -> Forward:
    """The forward pass in which step t starts from h[t] (T, B, H)."""
    T, B, I, H = problem.sizes
    inputs = np.concatenate([problem.x, h, np.ones((T, B, 1))], axis=2, dtype=np.float64).reshape(T * B, I + H + 1)
    with ctx.workprec(BITS):
        z = _matmul(inputs, _weights(problem).T)
        zi, zf, zg, zo = (part.reshape(T, B, H) for part in np.split(z, 4, axis=1))
        (i, to_i), (f, to_f), (o, to_o) = _sigmoid(zi), _sigmoid(zf), _sigmoid(zo)
        g, to_g = _tanh(zg), _sech(zg) ** 2
        c = np.empty((T + 1, B, H), object)
        c[0] = _balls(problem.state.c[0].astype(np.float64))
        for t in range(T):
            c[t + 1] = f[t] * c[t] + i[t] * g[t]
        squashed = _tanh(c[1:])
        return Forward(
            inputs, z.reshape(T, B, 4 * H), i, f, g, o, (to_i, to_f, to_g, to_o), c[:-1], c[1:], squashed, o * squashed
        )


def enclose_backward(problem: Problem, seen: Forward, d: Cotangents, dz: Array) -> Backward:
    """The backward pass in which step t starts from dz[t + 1], after the forward pass `seen`."""
    T, B, I, H = problem.sizes
    rows = dz.reshape(T * B, 4 * H).astype(np.float64)
    with ctx.workprec(BITS):
        into = _matmul(rows, _weights(problem)).reshape(T, B, I + H + 1)
        sums = _matmul(rows.T, seen.inputs)
        dh = np.concatenate([into[1:, :, I:-1], _balls(d.state.h.astype(np.float64))]) + d.y.astype(np.float64)
        written = dh * seen.o * _sech(seen.c) ** 2
        dc, carried = np.empty((T, B, H), object), _balls(d.state.c[0].astype(np.float64))
        for t in reversed(range(T)):
            dc[t] = written[t] + carried
            carried = dc[t] * seen.f[t]
        factors = (dc * seen.g, dc * seen.c_before, dc * seen.i, dh * seen.squashed)
        gates = np.concatenate([a * slope for a, slope in zip(factors, seen.slopes, strict=True)], axis=2)
    dW, dU, db = sums[:, :I], sums[:, I:-1], sums[:, -1]
    return Backward(dh, dc, gates, dW, dU, db, into[:, :, :I], into[0, :, I:-1], carried)


def _weights(problem: Problem) -> Array:
    """(4H, I + H + 1): W, U and b of each gate side by side, so that z is one product."""
    gates = [getattr(problem.layer, letter) for letter in ORDER]
    return np.concatenate([np.column_stack([gate.W, gate.U, gate.b]) for gate in gates]).astype(np.float64)


def _sigmoid(z: Balls) -> tuple[Balls, Balls]:
    """Its value and its slope; without the difference 1 - σ, which would cancel."""
    e = _exp(-z)
    value = 1 / (1 + e)
    return value, e * value * value


def _matmul(a: Array, b: Array) -> Balls:
    left, right = (arb_mat(len(q), q.shape[1], q.ravel().tolist()) for q in (a, b))
    return np.array((left * right).entries(), object).reshape(len(a), b.shape[1])


# ---------------------------------------------------------------- in float64


def audit_forward(problem: Problem, y: Array) -> Enclosures:
    """z, i, f, g, o, c, squashed and h of the pass whose steps start from the hidden states in y (T, B, H)."""
    return _enclosures(enclose_forward(problem, _before(problem, y)))


def audit_backward(problem: Problem, y: Array, d: Cotangents, dz: Array) -> Enclosures:
    """dz, dW, dU, db, dx, dh, dc of the pass whose steps start from y and from the gate gradients dz (T, B, 4H)."""
    return _enclosures(enclose_backward(problem, enclose_forward(problem, _before(problem, y)), d, dz))


def _before(problem: Problem, y: Array) -> Array:
    return np.concatenate([problem.state.h, y])[:-1]


def _enclosures(balls: Forward | Backward) -> Enclosures:
    unasked = ("inputs", "slopes", "c_before")
    return {name: enclose(q) for name, q in balls._asdict().items() if name not in unasked}


def enclose(balls: Balls) -> Bounded:
    """The midpoints rounded to float64, and how far at most the exact numbers are from them."""
    value = _floats(balls).astype(np.float64)
    return Bounded(value, measure_distance(value, balls))


def measure_distance(value: Array, balls: Balls) -> Array:
    """How far at most the exact numbers in the balls are from float64 ones, rounded upwards."""
    with ctx.workprec(BITS):
        return _each(_above)(balls - value).astype(np.float64)


def _above(ball: Any) -> float:
    bound = ball.abs_upper()
    return 0.0 if bound == 0 else math.nextafter(float(bound), math.inf)


# ---------------------------------------------------------------- the oracle's own error


def float64_error(problem: Problem, y: Array, d: Cotangents, dz: Array) -> dict[str, float]:
    """By quantity, the largest error of the float64 oracle in units of what docs/accuracy.md grants it; T, B >= 1.

    It is granted E at u = u_acc = 2⁻⁵³, eta = 3·2⁻¹⁰⁷⁴ and a σ and tanh within 4 u.
    """
    seen = observed_trajectory(problem, y, ORACLE)
    through = observed_backpropagation(problem, seen, d, dz, ORACLE)
    exact = enclose_forward(problem, _before(problem, y))
    exactly = {**exact._asdict(), **enclose_backward(problem, exact, d, dz)._asdict()}
    judged = {name: getattr(seen, name) for name in ("i", "f", "g", "o", "c", "squashed", "h")}
    judged |= {name: getattr(through, name) for name in PARTS}
    return {name: _largest_ratio(q, exactly[name]) for name, q in judged.items()}


def _largest_ratio(q: Bounded, balls: Balls) -> float:
    error = measure_distance(q.value, balls)
    return float(np.divide(error, q.error, out=np.zeros_like(error), where=error != 0).max())


# ---------------------------------------------------------------- instead of the oracle


@contextmanager
def rigorous() -> Iterator[Counter[str]]:
    """While this context is open, observed passes are judged by the values of the balls, not by float64's.

    Yields how many passes there were so far: "audited", "too large" (T B H (I + H) is above LARGEST_AUDITED) and
    "not finite". Passes of the last two kinds are judged by float64's values.
    """
    passes, latest = Counter[str](), list[tuple[Problem, Array, Forward]]()

    def look_up(problem: Problem, balls: Callable[[], Forward | Backward]) -> Enclosures:
        T, B, I, H = problem.sizes
        found = {} if T * B * H * (I + H) > LARGEST_AUDITED else _enclosures(balls())
        finite = all(np.isfinite(q.error).all() for q in found.values())
        passes["too large" if not found else "audited" if finite else "not finite"] += 1
        return found if finite else {}

    def recall(problem: Problem, h: Array) -> Forward:
        """The backward pass asks again for the forward pass before it."""
        if not (latest and latest[0][0] is problem and np.array_equal(latest[0][1], h)):
            latest[:] = [(problem, h, enclose_forward(problem, h))]
        return latest[0][2]

    token = audit.set(
        Audit(
            lambda problem, h: look_up(problem, lambda: recall(problem, h)),
            lambda problem, h, d, dz: look_up(problem, lambda: enclose_backward(problem, recall(problem, h), d, dz)),
        )
    )
    try:
        yield passes
    finally:
        audit.reset(token)
