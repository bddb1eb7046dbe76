"""The legal adversary: an LSTM in which every operation is off by all that its error model allows.

It is simulated in float64 with the error model of float32, so that its own rounding is negligible. It does not know the
fields that neither the grade `relative` nor `absolute` uses: pre, wide_h, wide_d, acc_steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lstm_spec import Array, Cotangents, ErrorModel, Packed, Problem, equations, pack

Signs = Callable[[Array], Array]  # from the direction which makes a result worst to the direction that is taken

GREED = 1.05
KINDS = (
    "pre-activation",
    "sigmoid",
    "tanh",
    "cell product",
    "cell sum",
    "hidden product",
    "dh",
    "product",
    "1 - s",
    "1 - y*y",
    "dc",
    "sum over time",
    "sum over gates",
)


def aligned(direction: Array) -> Array:
    """Every error adds to those before it."""
    return np.where(direction < 0, -1.0, 1.0)


def random_signs(seed: int) -> Signs:
    rng = np.random.default_rng(seed)
    return lambda direction: rng.choice([-1.0, 1.0], direction.shape)


def uniform_signs(seed: int) -> Signs:
    """Errors anywhere between the two extremes."""
    rng = np.random.default_rng(seed)
    return lambda direction: rng.uniform(-1, 1, direction.shape)


class Outcome(NamedTuple):
    """What the adversary returns, gates packed as ifgo."""

    y: Array  # (T, B, H)
    c_T: Array  # (B, H)
    dz: Array  # (T, B, 4H) its own gate gradients
    dW: Array  # (4H, I)
    dU: Array  # (4H, H)
    db: Array  # (4H,)
    dx: Array  # (T, B, I)
    dh_0: Array  # (B, H)
    dc_0: Array  # (B, H)


class Step(NamedTuple):
    """One step of its forward pass, everything (B, H)."""

    i: Array
    f: Array
    g: Array
    o: Array
    c_before: Array
    c: Array
    squashed: Array  # tanh(c)
    h_before: Array
    h: Array


@dataclass(frozen=True)
class Adversary:
    """Who errs within the model; `greedy_at` names the kind of operation that takes GREED times its allowance."""

    model: ErrorModel
    signs: Signs
    greedy_at: str | None = None

    def off(self, kind: str, value: Array, allowance: Array, direction: Array | None = None) -> Array:
        """The value, off by the allowance, away from zero unless another direction is worse."""
        taken = GREED * allowance if kind == self.greedy_at else allowance
        return value + self.signs(value if direction is None else direction) * taken

    def rounded(self, kind: str, value: Array, direction: Array | None = None) -> Array:
        """A product: it may underflow."""
        return self.off(kind, value, self.model.u * np.abs(value) + self.model.eta, direction)


def run(problem: Problem, d: Cotangents, a: Adversary) -> Outcome:
    """Forward and backward."""
    w = pack(problem.layer)
    steps = forward(problem, w, a)
    dz, dc_0 = backward(steps, w, d, a)
    dW, dU, db = parameter_gradients(problem, steps, dz, a)
    y = np.stack([step.h for step in steps])
    return Outcome(y, steps[-1].c, dz, dW, dU, db, over_gates(dz, w.W, a), over_gates(dz[0], w.U, a), dc_0)


# ---------------------------------------------------------------- forward


def forward(problem: Problem, w: Packed, a: Adversary) -> list[Step]:
    n = int(problem.x.any(axis=(0, 1)).sum()) + len(w.U) // 4 + 4
    h, c, steps = problem.state.h[0], problem.state.c[0], []
    for x in problem.x:
        steps.append(step(w, n, x, h, c, a))
        h, c = steps[-1].h, steps[-1].c
    return steps


def step(w: Packed, n: int, x: Array, h: Array, c: Array, a: Adversary) -> Step:
    m = a.model
    z = x @ w.W.T + h @ w.U.T + w.b
    S = np.abs(x) @ np.abs(w.W).T + np.abs(h) @ np.abs(w.U).T + np.abs(w.b)
    worst = worst_directions(z, c)
    z = a.off("pre-activation", z, n * m.u_acc * S + 2 * n * m.eta, np.concatenate(worst, axis=-1))
    i, f, g, o = gates(z, worst, a)
    grown = worst[2]
    kept, written = a.rounded("cell product", f * c, grown), a.rounded("cell product", i * g, grown)
    after = kept + written
    after = a.off("cell sum", after, m.u * np.abs(after), grown)
    after = a.off("cell sum", after, m.u_c * np.abs(after), grown)
    squashed = tanh(after, after, a)
    return Step(i, f, g, o, c, after, squashed, h, hidden_state(o, squashed, a))


def hidden_state(o: Array, squashed: Array, a: Adversary) -> Array:
    """It may underflow once: where it is stored."""
    h = o * squashed
    h = a.off("hidden product", h, a.model.u * np.abs(h))
    return a.off("hidden product", h, a.model.u_h * np.abs(h) + a.model.eta)


def worst_directions(z: Array, c: Array) -> tuple[Array, Array, Array, Array]:
    """Where each gate must go for the sizes of the new c and h to grow."""
    zi, zf, zg, zo = np.split(z, 4, axis=-1)
    grown = np.sign(equations.sigmoid(zf) * c + equations.sigmoid(zi) * np.tanh(zg))
    return zg * grown, c * grown, grown, np.ones_like(zo)


def gates(z: Array, worst: tuple[Array, ...], a: Adversary) -> tuple[Array, ...]:
    activations = (sigmoid, sigmoid, tanh, sigmoid)
    blocks = np.split(z, 4, axis=-1)
    return tuple(act(block, w, a) for act, block, w in zip(activations, blocks, worst, strict=True))


def sigmoid(z: Array, direction: Array, a: Adversary) -> Array:
    m, v = a.model, equations.sigmoid(z)
    return a.off("sigmoid", v, m.u * (m.r_s * v + m.s_abs) + m.eta, direction)


def tanh(z: Array, direction: Array, a: Adversary) -> Array:
    m, v = a.model, np.tanh(z)
    return a.off("tanh", v, m.u * (m.r_t * np.abs(v) + m.t_abs) + m.eta, direction)


# ---------------------------------------------------------------- backward


def backward(steps: list[Step], w: Packed, d: Cotangents, a: Adversary) -> tuple[Array, Array]:
    """The gate gradients of every step, and dc_0."""
    loss, size = d.y.copy(), np.abs(d.y)
    loss[-1] += d.state.h[0]
    size[-1] += np.abs(d.state.h[0])
    dz, carried = np.zeros((len(steps) + 1, len(loss[0]), len(w.U))), d.state.c[0]
    for t in reversed(range(len(steps))):
        now = steps[t]
        dh = hidden_cotangent(loss[t], size[t], dz[t + 1], w.U, a)
        dc = cell_cotangent(product((dh, now.o, one_minus_square(now.squashed, a)), 4, a), carried, a)
        dz[t] = gate_gradients(dh, dc, now, a)
        carried = product((dc, now.f), 1, a)
    return dz[:-1], carried


def hidden_cotangent(loss: Array, size: Array, later: Array, U: Array, a: Adversary) -> Array:
    m, n = a.model, len(U) + 3
    S = size + np.abs(later) @ np.abs(U)
    return a.off("dh", loss + later @ U, n * m.u_acc * S + 2 * n * m.eta)


def cell_cotangent(through_h: Array, carried: Array, a: Adversary) -> Array:
    dc = through_h + carried
    dc = a.off("dc", dc, a.model.u * np.abs(dc))
    return a.off("dc", dc, a.model.u_c * np.abs(dc))


def gate_gradients(dh: Array, dc: Array, now: Step, a: Adversary) -> Array:
    parts = (
        product((dc, now.g, now.i, one_minus(now.i, a)), 4, a),
        product((dc, now.c_before, now.f, one_minus(now.f, a)), 4, a),
        product((dc, now.i, one_minus_square(now.g, a)), 4, a),
        product((dh, now.squashed, now.o, one_minus(now.o, a)), 4, a),
    )
    return np.concatenate(parts, axis=-1)


def product(factors: tuple[Array, ...], roundings: int, a: Adversary) -> Array:
    """From left to right, rounded after each multiplication; roundings to spare come last."""
    p = factors[0]
    for factor in factors[1:]:
        p = a.rounded("product", p * factor)
    for _ in range(roundings - len(factors) + 1):
        p = a.rounded("product", p)
    return p


def one_minus(s: Array, a: Adversary) -> Array:
    return a.off("1 - s", 1 - s, a.model.u * np.abs(1 - s))


def one_minus_square(y: Array, a: Adversary) -> Array:
    """As far off as the worst way of computing it: (k + k*y) * (1 - y) for a factor k and negative y."""
    m, size = a.model, np.abs(y)
    return a.off("1 - y*y", 1 - y * y, m.u * (size * (1 + size) + np.abs(1 - y * y)) + m.eta)


# ---------------------------------------------------------------- the gradients that are sums


def parameter_gradients(problem: Problem, steps: list[Step], dz: Array, a: Adversary) -> tuple[Array, Array, Array]:
    rows, h_before = np.concatenate(dz).T, np.concatenate([step.h_before for step in steps])
    x, ones = np.concatenate(problem.x), np.ones((rows.shape[1], 1))
    return over_time(rows, x, a), over_time(rows, h_before, a), over_time(rows, ones, a)[:, 0]


def over_time(left: Array, right: Array, a: Adversary) -> Array:
    return matmul("sum over time", left, right, a)


def over_gates(dz: Array, weights: Array, a: Adversary) -> Array:
    return matmul("sum over gates", dz, weights, a)


def matmul(kind: str, left: Array, right: Array, a: Adversary) -> Array:
    m, n = a.model, len(right) + 2
    return a.off(kind, left @ right, n * m.u_acc * (np.abs(left) @ np.abs(right)) + 2 * n * m.eta)
