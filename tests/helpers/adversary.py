"""The legal adversary: an LSTM in which every operation is off by all that its error model allows.

It is simulated in float64 with the error models of narrower dtypes, so that its own rounding is negligible. Where the
model lets what is returned be narrower than what is used inside, it uses the wider.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lstm_spec import Array, Cotangents, ErrorModel, Packed, Problem, equations, pack

Signs = Callable[[Array], Array]  # from the direction which makes a result worst to the direction that is taken

GREED = 1.05
KINDS = (  # of operations that every grade has
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
ROUNDED_ALONE = ("partial pre-activation", "partial dh", "step of a sum", "addition to a sum", "finished sum")
RETURNED = ("stored h", "returned c", "returned dz", "returned gradient")
EVERYWHERE: frozenset[int] = frozenset(range(10**4))
NOWHERE: frozenset[int] = frozenset()


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
    dz: Array  # (T, B, 4H) its gate gradients, as probes show them
    dW: Array  # (4H, I)
    dU: Array  # (4H, H)
    db: Array  # (4H,)
    dx: Array  # (T, B, I)
    dh_0: Array  # (B, H)
    dc_0: Array  # (B, H)


class Step(NamedTuple):
    """One step of its forward pass, everything (B, H); what it used, and what it returned."""

    i: Array
    f: Array
    g: Array
    o: Array
    c_before: Array
    c: Array
    squashed: Array  # tanh(c)
    h_before: Array
    h: Array
    returned: tuple[Array, Array]  # h, c


@dataclass(frozen=True)
class Adversary:
    """Who errs within the model; `greedy_at` names the kind of operation that takes GREED times its allowance."""

    model: ErrorModel
    signs: Signs
    greedy_at: str | None = None
    shows_less: bool = False  # what it returns of h and dz goes towards zero, so that it used more than it showed
    from_the_right: bool = False  # it multiplies the last factors first

    def off(self, kind: str, value: Array, allowance: Array, direction: Array | None = None) -> Array:
        """The value, off by the allowance, away from zero unless another direction is worse."""
        taken = GREED * allowance if kind == self.greedy_at else allowance
        return value + self.signs(value if direction is None else direction) * taken

    def rounded(self, kind: str, value: Array, direction: Array | None = None) -> Array:
        """A product: it may underflow."""
        return self.off(kind, value, self.model.u * np.abs(value) + self.model.eta, direction)

    def partials(self, kind: str, parts: list[Array], direction: Array) -> list[Array]:
        """Finished partial sums, each rounded `pre` times."""
        for _ in range(self.model.pre):
            parts = [self.off(kind, part, self.model.u * np.abs(part), direction) for part in parts]
        return parts

    def narrowed(self, kind: str, value: Array, v: float, direction: Array | None = None) -> Array:
        """What is returned of a wider value: off by v relative to the smaller of the two, or flushed."""
        if not v:
            return value
        return self.off(kind, value, (v * np.abs(value) + self.model.eta) / (1 + v), direction)

    def shown(self, kind: str, value: Array, v: float) -> Array:
        """Likewise, of a value that is used again inside."""
        return self.narrowed(kind, value, v, -value if self.shows_less else value)

    @property
    def flush(self) -> float:
        """What a storage of its own may lose of a number that it flushes."""
        return self.model.eta if self.model.u_h or self.model.u_c else 0.0


def run(problem: Problem, d: Cotangents, a: Adversary, cuts: frozenset[int] = NOWHERE) -> Outcome:
    """Forward and backward; after the steps in `cuts` everything is returned, and read again as it was returned."""
    w = pack(problem.layer)
    steps = forward(problem, w, a, cuts)
    dz, dc_0 = backward(steps, w, d, a, cuts)
    used, seen = dz[:-1], a.shown("returned dz", dz[:-1], a.model.wide_d)
    sums = (
        *parameter_gradients(problem, steps, used, a),
        over_gates(used, w.W, a),
        over_gates(used[0], w.U, a),
        dc_0,
    )
    y, c_T = np.stack([step.returned[0] for step in steps]), steps[-1].returned[1]
    return Outcome(y, c_T, seen, *(a.narrowed("returned gradient", q, a.model.wide_d) for q in sums))


# ---------------------------------------------------------------- forward


def forward(problem: Problem, w: Packed, a: Adversary, cuts: frozenset[int]) -> list[Step]:
    inputs = count_terms(w.W, problem.x)
    h, c, steps = problem.state.h[0], problem.state.c[0], []
    for t, x in enumerate(problem.x):
        steps.append(step(w, inputs + count_terms(w.U, h) + 4, x, h, c, a))
        h, c = steps[-1].returned if t in cuts else (steps[-1].h, steps[-1].c)
    return steps


def step(w: Packed, n: Array, x: Array, h: Array, c: Array, a: Adversary) -> Step:
    m, (wx, uh) = a.model, (x @ w.W.T, h @ w.U.T)
    S = np.abs(x) @ np.abs(w.W).T + np.abs(h) @ np.abs(w.U).T + np.abs(w.b)
    worst = worst_directions(wx + uh + w.b, c)
    direction = np.concatenate(worst, axis=-1)
    wx = a.off("pre-activation", wx, n * m.u_acc * S + 2 * n * m.eta, direction)
    parts = [wx, uh, np.broadcast_to(w.b, wx.shape)]
    i, f, g, o = gates(np.sum(a.partials("partial pre-activation", parts, direction), axis=0), worst, a)
    grown = worst[2]
    kept, written = a.rounded("cell product", f * c, grown), a.rounded("cell product", i * g, grown)
    after = kept + written
    after = a.off("cell sum", after, m.u * np.abs(after), grown)
    after = a.off("stored c", after, m.u_c * np.abs(after) + a.flush, grown)
    squashed = tanh(after, after, a)
    used, stored = hidden_state(o, squashed, a)
    return Step(i, f, g, o, c, after, squashed, h, used, (stored, a.narrowed("returned c", after, m.wide_h)))


def hidden_state(o: Array, squashed: Array, a: Adversary) -> tuple[Array, Array]:
    """What is used of it inside, and what is stored."""
    h, m = a.rounded("hidden product", o * squashed), a.model
    if m.wide_h:
        return h, a.shown("stored h", h, m.u_h)
    stored = a.off("stored h", h, m.u_h * np.abs(h) + a.flush)
    return stored, stored


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
    return a.off("sigmoid", v, m.u * (m.r_s * v + m.s_abs) + 2 * m.eta, direction)


def tanh(z: Array, direction: Array, a: Adversary) -> Array:
    m, v = a.model, np.tanh(z)
    return a.off("tanh", v, m.u * (m.r_t * np.abs(v) + m.t_abs) + 2 * m.eta, direction)


def count_terms(M: Array, v: Array) -> Array:
    """Of each row of M v, how many products are not 0 for some v (..., n)."""
    return (M != 0).astype(int) @ v.reshape(-1, v.shape[-1]).any(axis=0).astype(int)


# ---------------------------------------------------------------- backward


def backward(steps: list[Step], w: Packed, d: Cotangents, a: Adversary, cuts: frozenset[int]) -> tuple[Array, Array]:
    """The gate gradients of every step, and zeros of the one after the last; dc_0."""
    last = np.zeros_like(d.y)
    last[-1] = d.state.h[0]
    dz, carried = np.zeros((len(steps) + 1, len(d.y[0]), len(w.U))), d.state.c[0]
    for t in reversed(range(len(steps))):
        now, v = steps[t], a.model.wide_d if t in cuts and t + 1 < len(steps) else 0.0
        dh = hidden_cotangent([d.y[t], last[t]], dz[t + 1], w.U, v, a)
        carried = a.narrowed("returned gradient", carried, v)
        dc = cell_cotangent(product((dh, now.o, one_minus_square(now.squashed, a)), 4, a), carried, a)
        dz[t] = gate_gradients(dh, dc, now, a)
        carried = product((dc, now.f), 1, a)
    return dz, carried


def hidden_cotangent(loss: list[Array], later: Array, U: Array, v: float, a: Adversary) -> Array:
    """Where it is handed on with roundoff v, only what comes from the later step is."""
    m, n, through = a.model, np.maximum(count_terms(U.T, later), 1) + 3, later @ U
    S, direction = np.sum(np.abs(loss), axis=0) + np.abs(later) @ np.abs(U), np.sum(loss, axis=0) + through
    through = a.off("dh", through, n * m.u_acc * S + 2 * n * m.eta, direction)
    through = a.narrowed("returned gradient", through, v, direction)
    return np.sum(a.partials("partial dh", [*loss, through], direction), axis=0)


def cell_cotangent(through_h: Array, carried: Array, a: Adversary) -> Array:
    dc = through_h + carried
    dc = a.off("dc", dc, a.model.u * np.abs(dc))
    return a.off("dc", dc, a.model.u_c * np.abs(dc) + a.flush)


def gate_gradients(dh: Array, dc: Array, now: Step, a: Adversary) -> Array:
    parts = (
        product((dc, now.g, now.i, one_minus(now.i, a)), 4, a),
        product((dc, now.c_before, now.f, one_minus(now.f, a)), 4, a),
        product((dc, now.i, one_minus_square(now.g, a)), 4, a),
        product((dh, now.squashed, now.o, one_minus(now.o, a)), 4, a),
    )
    return np.concatenate(parts, axis=-1)


def product(factors: tuple[Array, ...], roundings: int, a: Adversary) -> Array:
    """Rounded after each multiplication; roundings to spare come last."""
    factors = factors[::-1] if a.from_the_right else factors
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
    h_before, ones = np.stack([step.h_before for step in steps]), np.ones((*dz.shape[:2], 1))
    return over_time(dz, problem.x, a), over_time(dz, h_before, a), over_time(dz, ones, a)[:, 0]


def over_time(left: Array, right: Array, a: Adversary) -> Array:
    """The sum of left_t^T right_t; step by step from the last one, where the model has it so."""
    T, B, _ = left.shape
    if not a.model.acc_steps:
        total = matmul("sum over time", np.concatenate(left).T, np.concatenate(right), T * B + 2, a)
        return rounded_once(total, a)
    total = np.zeros((left.shape[2], right.shape[2]))
    worst = np.concatenate(left).T @ np.concatenate(right)
    for t in reversed(range(T)):
        step = matmul("sum over time", left[t].T, right[t], T * B + 2, a, T, worst)
        step = a.off("step of a sum", step, a.model.u * np.abs(step), worst)
        total = total + step
        total = a.off("addition to a sum", total, a.model.u * np.abs(total), worst)
    return total


def over_gates(dz: Array, weights: Array, a: Adversary) -> Array:
    return rounded_once(matmul("sum over gates", dz, weights, count_terms(weights.T, dz) + 2, a), a)


def rounded_once(total: Array, a: Adversary) -> Array:
    return a.off("finished sum", total, a.model.u * np.abs(total)) if a.model.pre else total


def matmul(
    kind: str, left: Array, right: Array, n: int | Array, a: Adversary, steps: int = 1, direction: Array | None = None
) -> Array:
    """Of n terms in all, or one of so many steps of it."""
    m = a.model
    return a.off(kind, left @ right, n * m.u_acc * (np.abs(left) @ np.abs(right)) + 2 * n * m.eta / steps, direction)
