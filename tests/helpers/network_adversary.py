"""The legal adversary of networks: any layers, directions, lengths and variants, every operation off by all it may be.

It is simulated in float64 with the error models of narrower dtypes, so that its own rounding is negligible. Where the
model lets what is returned be narrower than what is used inside, it uses the wider. If a variant may be computed in
several ways, `way` says in which.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from conformance.tolerance.rounding import exact
from lstm_spec import Activations, Answer, Array, Cotangents, ErrorModel, Gate, Gradients, Parameters, Problem, State
from lstm_spec.equations import sigmoid

GREED = 30.0
Rows = list[list[Any]]  # by layer and direction


class Shown(NamedTuple):
    """What the adversary returns, and what a network that was made wider would show of its inside."""

    answer: Answer
    outputs: list[Array]  # (T, B, D*P) by layer
    gradients: Gradients
    dz: Rows  # (T, B, G*H)

    def dz_exactly(self) -> Rows:
        """The gate gradients as numbers that are known exactly."""
        return [[exact(dz) for dz in row] for row in self.dz]


@dataclass(frozen=True)
class Adversary:
    """`signs` of an array of that shape; `greedy`: the kind of operation that takes GREED times what is allowed."""

    model: ErrorModel
    signs: Callable[[tuple[int, ...]], Array]
    way: str = ""
    greedy: str = ""
    shows_less: bool = False  # what it shows of h and dz goes towards zero, so that it used more than it showed

    def move(self, kind: str, value: Array, allowed: Any) -> Array:
        """The value, away from zero by what is allowed."""
        taken = allowed * (GREED if kind == self.greedy else 1)
        return np.asarray(value + self.signs(value.shape) * np.sign(np.where(value == 0, 1, value)) * taken)

    def off(self, kind: str, value: Array, roundings: Any, size: Array | None = None, lost: float = 0.0) -> Array:
        """The value, off by so many roundoffs of its size, and by so many underflows."""
        size = np.abs(value) if size is None else size
        return self.move(kind, value, roundings * self.model.u * size + lost * self.model.eta)

    def dot(self, kind: str, *pairs: tuple[Array, Array], finished: int = 0, spare: int = 2) -> Array:
        """The sum of products a Mᵀ, over all pairs, in some order; each pair is rounded `finished` times more."""
        m, values = self.model, [a @ M.T for a, M in pairs]
        size = sum(np.abs(a) @ np.abs(M).T for a, M in pairs)
        n = sum((a != 0).reshape(-1, a.shape[-1]).any(axis=0).astype(int) @ (M != 0).T.astype(int) for a, M in pairs)
        e = (n + spare) * (m.u_acc * size + 2 * m.eta)
        more = ((1 + m.u) ** finished - 1) * (sum(map(np.abs, values)) + e)
        return self.move(kind, np.asarray(sum(values)), e + more)

    def product(self, kind: str, *factors: Array, roundings: int = 0) -> Array:
        """Rounded after each multiplication; roundings to spare come last."""
        value = factors[0]
        for factor in (*factors[1:], *(1.0 for _ in range(roundings - len(factors) + 1))):
            value = self.off(kind, value * factor, 1, lost=1)
        return value

    def sigmoid(self, z: Array) -> Array:
        m, value = self.model, sigmoid(z)
        return self.off("sigmoid", value, 1, m.r_s * value + m.s_abs, lost=2)

    def tanh(self, z: Array) -> Array:
        m, value = self.model, np.tanh(z)
        return self.off("tanh", value, 1, m.r_t * np.abs(value) + m.t_abs, lost=2)

    def stretched(self, z: Array, scale: float) -> Array:
        if self.way == "by tanh":
            return scale * self.tanh(z / 2)
        return self.off("stretched", 2 * scale * self.sigmoid(z) - scale, 1)

    def open_gate(self, functions: Activations | None, z: Array) -> Array:
        """σ; or a hard sigmoid, whose line is off by its 4 roundings before it is cut off."""
        if functions is None or functions.gate == "sigmoid":
            return self.sigmoid(z)
        alpha, beta, line = functions.alpha, functions.beta, functions.alpha * z + functions.beta
        more = (1 + self.model.u) ** 4 - 1
        return np.clip(self.move("line", line, more * (alpha * np.abs(z) + abs(beta)) + 2 * self.model.eta), 0, 1)

    def squash(self, name: str, z: Array, scale: float) -> Array:
        """The function of that name, or that of 1997, which has a scale."""
        if name != "tanh":
            return np.maximum(z, 0) if name == "relu" else z
        return self.stretched(z, scale) if scale else self.tanh(z)

    def gate_slope(self, functions: Activations | None, v: Array) -> tuple[Array, ...]:
        """The factors of a gate's slope; at a kink it is that of either side, as the sign says."""
        if functions is None or functions.gate == "sigmoid":
            return v, self.off("1 - s", 1 - v, 1)
        return (self.off("slope of a line", functions.alpha * ((v > 0) & (v < 1)), 1),)

    def narrowed(self, kind: str, value: Array, v: float) -> Array:
        """What is returned of a wider value: off by v relative to the smaller of the two, or flushed."""
        return self.move(kind, value, (v * np.abs(value) + self.model.eta) / (1 + v)) if v else value

    def shown(self, kind: str, value: Array, v: float) -> Array:
        """Likewise, of a value that is used again inside."""
        return 2 * value - self.narrowed(kind, value, v) if self.shows_less else self.narrowed(kind, value, v)

    @property
    def once(self) -> int:
        return 1 if self.model.pre else 0


def _turned(problem: Problem, d: int, a: Array) -> Array:
    if problem.directions[d] == "forward":
        return a
    T, B, _ = problem.x.shape
    lengths, t = np.full(B, T) if problem.lengths is None else problem.lengths, np.arange(T)[:, None]
    return np.asarray(a[np.where(t < lengths, lengths - 1 - t, t), np.arange(B)])


def _valid(problem: Problem) -> Array:
    T, B, _ = problem.x.shape
    lengths = np.full(B, T) if problem.lengths is None else problem.lengths
    return np.asarray((np.arange(T)[:, None] < lengths)[..., None])


def _stack(p: Parameters, name: str) -> Array:
    return np.concatenate([getattr(gate, name) for gate in p.gates.values()])


def answer(a: Adversary, problem: Problem, d: Cotangents) -> Shown:
    """What it returns and shows of the pass and its gradients."""
    valid, D, P = _valid(problem), len(problem.directions), problem.P
    x, xs, outputs, traces, last = np.where(valid, problem.x, 0.0), list[Array](), list[Array](), [], list[State]()
    for layer in range(len(problem.parameters)):
        xs.append(x)
        reads = [_read(a, problem, layer * D + n, x) for n in range(D)]
        x, seen = (np.concatenate([read[k] for read in reads], axis=-1) for k in (0, 1))
        outputs.append(seen)
        traces.append([read[2] for read in reads])
        last += [read[3] for read in reads]
    above, before, rows, dzs = [(np.where(valid, d.y, 0.0), np.eye(D * P))], list[State](), list[Any](), list[Any]()
    for layer in reversed(range(len(problem.parameters))):
        found = []
        for n in range(D):
            part = [(dz, M[n * P : (n + 1) * P]) for dz, M in above]
            found.append(_backwards(a, problem, d, layer * D + n, traces[layer][n], part))
        above = [(one[1], _stack(p, "W").T) for one, p in zip(found, problem.parameters[layer], strict=True)]
        rows.insert(0, tuple(one[0] for one in found))
        dzs.insert(0, [one[2] for one in found])
        before = [one[3] for one in found] + before
    dx = a.dot("dx", *above, finished=D * a.once) if len(problem.x) else np.zeros_like(problem.x)
    dx = np.where(valid, a.narrowed("returned gradient", dx, a.model.wide_d), 0.0)
    after, first = (State(*(np.stack(column) for column in zip(*many, strict=True))) for many in (last, before))
    return Shown(Answer(outputs[-1], after), outputs, Gradients(tuple(rows), dx, first), dzs)


# ---------------------------------------------------------------- forward


def _read(a: Adversary, problem: Problem, k: int, x: Array) -> tuple[Array, Array, list[Any], State]:
    """What a layer in one direction hands on, what it shows, its steps, and the state that it returns last."""
    valid, D = _valid(problem), len(problem.directions)
    x, h, c = _turned(problem, k % D, x), problem.state.h[k], problem.state.c[k]
    used, seen, trace, shown = [], [], [], h
    returned_c = c
    for t in range(len(x)):
        now = _step(a, problem, problem.parameters[k // D][k % D], x[t], h, c)
        h, c, shown = (
            np.where(valid[t], new, old) for new, old in ((now["h"], h), (now["c"], c), (now["shown_h"], shown))
        )
        returned_c = np.where(valid[t], a.narrowed("returned c", now["c"], a.model.wide_h), returned_c)
        used.append(np.where(valid[t], h, 0.0))
        seen.append(np.where(valid[t], shown, 0.0))
        trace.append(now)
    ys = (_turned(problem, k % D, np.array(one).reshape(len(x), *h.shape)) for one in (used, seen))
    return *ys, trace, State(shown, returned_c)


def _step(a: Adversary, problem: Problem, p: Parameters, x: Array, h: Array, c: Array) -> dict[str, Array]:
    kind, k, m = problem.variant.kind, problem.variant.clip, a.model
    functions, stretch = problem.variant.activations, 2 if kind == "1997 simplified" else 0
    candidate, output = (functions.candidate, functions.output) if functions else ("tanh", "tanh")

    def z(gate: Gate, cell: Array) -> Array:
        one, rounds = np.ones((len(x), 1)), m.pre + (m.pre > 0 and gate.p is not None)
        value = a.dot("pre-activation", (x, gate.W), (h, gate.U), (one, gate.b[:, None]), finished=rounds, spare=3)
        if gate.p is None:
            return value
        seen = a.product("peephole", cell, gate.p)
        for _ in range(m.pre):
            seen = a.off("peephole", seen, 1)
        return value + seen if m.pre else a.off("peephole", value + seen, 1)

    now = {"x": x, "h_before": h, "c_before": c, "z_i": z(p.i, c), "z_g": z(p.g, c)}
    i = now["i"] = a.open_gate(functions, now["z_i"])
    g = now["g"] = a.squash(candidate, now["z_g"], stretch)
    if kind == "coupled":
        f = a.sigmoid(-now["z_i"]) if a.way == "by sigmoid" else a.off("1 - i", 1 - i, 1)
    else:
        f = np.ones_like(i) if p.f is None else a.open_gate(functions, z(p.f, c))
    now["f"] = f
    if kind == "coupled" and a.way == "by difference":
        raw = a.off("sum", c + a.product("cell", i, a.off("difference", g - c, 1)), 1)
    else:
        kept = c if p.f is None and kind != "coupled" else a.product("cell", f, c)
        raw = a.off("sum", kept + a.product("cell", i, g), 1)
    now["raw"], new = raw, raw if k is None else np.clip(raw, -k, k)
    o = now["o"] = a.open_gate(functions, z(p.o, new))
    squashed = now["squashed"] = a.squash(output, new, stretch / 2)
    shown = now["shown"] = a.product("shown", o, squashed)
    raw_h = h = shown if p.R is None else a.dot("projection", (shown, p.R), finished=a.once)
    shown_h, bound = a.shown("stored h", h, m.u_h), problem.variant.projection_clip
    if bound is not None:
        h, shown_h = np.clip(h, -bound, bound), np.clip(shown_h, -bound, bound)
    return now | {"c": new, "h": h, "shown_h": shown_h, "raw_h": raw_h}


# ---------------------------------------------------------------- backward


def _backwards(
    a: Adversary, problem: Problem, d: Cotangents, k: int, trace: list[Any], above: list[tuple[Array, Array]]
) -> tuple[Parameters, Array, Array, State]:
    """The gradients of a layer in one direction; its gate gradients as it uses them, and as it shows them."""
    D, m = len(problem.directions), a.model
    valid, clip, stretch = _valid(problem), problem.variant.clip, problem.variant.kind == "1997 simplified"
    p, d_last = problem.parameters[k // D][k % D], State(*(s[k] for s in d.state))
    functions = problem.variant.activations
    candidate, output = (functions.candidate, functions.output) if functions else ("tanh", "tanh")
    by_sigmoid = int(stretch and a.way != "by tanh")  # whose product is one of the roundings
    above, U, coupled = (
        [(_turned(problem, k % D, dz), M) for dz, M in above],
        _stack(p, "U"),
        problem.variant.kind == "coupled",
    )
    ends = valid & ~np.concatenate([valid[1:], np.zeros_like(valid[:1])]) if len(valid) else valid
    later, carried = np.zeros((len(d_last.h), len(U))), np.where(valid[:1].any(axis=0), 0.0, d_last.c)
    dzs, drs = list[Array](), list[Array]()
    for t in reversed(range(len(trace))):
        now = trace[t]
        carried = np.where(ends[t], d_last.c, carried)
        last = np.where(ends[t], d_last.h, 0.0)
        sums = [*((dz[t], M) for dz, M in above), (last, np.eye(last.shape[1])), (later, U.T)]
        spare = 1 if last.any() and later.any() else 2  # no sequence has both
        dr = np.where(valid[t], a.dot("dh", *sums, finished=m.pre, spare=spare), 0.0)
        bound = problem.variant.projection_clip
        dr = dr if bound is None else dr * (np.abs(now["raw_h"]) < bound)
        dm = dr if p.R is None else a.dot("dm", (dr, p.R.T), finished=a.once)
        i, f, g, o, y = (now[name] for name in ("i", "f", "g", "o", "squashed"))
        slope = {name: a.gate_slope(functions, now[name]) for name in "ifo"}
        z = {"o": a.product("dz", dm, y, *slope["o"], roundings=4)}
        into = [a.product("dc", dm, o, _slope(a, y, int(stretch), output), roundings=4 - by_sigmoid), carried]
        into += [] if p.o.p is None else [a.product("dc", z["o"], p.o.p)]
        dc = sum(into[1:], into[0])
        size = sum(np.abs(q) for q in into) if len(into) > 2 else None
        dc = np.asarray(a.off("dc sum", dc, len(into) - 1, size))
        dc = dc if clip is None else dc * (np.abs(now["raw"]) < clip)
        z["i"] = a.product("dz", dc, g, *slope["i"], roundings=4)
        if coupled:
            rest = (f, a.off("1 - s", 1 - f, 1)) if a.way == "by sigmoid" else slope["i"]
            lost = a.product("dz", dc, now["c_before"], *rest, roundings=4)
            z["i"] = a.off("dz", z["i"] - lost, 1)
        z["f"] = a.product("dz", dc, now["c_before"], *slope["f"], roundings=4)
        z["g"] = a.product("dz", dc, i, _slope(a, g, 2 * stretch, candidate), roundings=4 - by_sigmoid)
        dz = np.where(valid[t], np.concatenate([z[letter] for letter in p.gates], axis=1), 0.0)
        back = [dc if p.f is None and not coupled else a.product("carried", dc, f)]
        back += [a.product("carried", z[s], gate.p) for s, gate in p.gates.items() if s in "if" and gate.p is not None]
        total = a.off("carried sum", sum(back[1:], back[0]), len(back) - 1, sum(np.abs(q) for q in back))
        carried, later = np.where(valid[t], total, carried), dz
        dzs.insert(0, dz)
        drs.insert(0, dr)
    return _summed(a, problem, k, trace, dzs, drs, carried, d_last)


def _slope(a: Adversary, y: Array, scale: int, name: str = "tanh") -> Array:
    """Of tanh from its value; of a stretched one, from its value or from σ; of lines exactly."""
    if name != "tanh":
        return np.asarray(y > 0, float) if name == "relu" else np.ones_like(y)
    if not scale:
        return a.off("1 - y*y", 1 - a.product("1 - y*y", y, y), 1)
    if a.way == "by tanh":
        t = y / scale
        return scale / 2 * a.off("1 - y*y", 1 - a.product("1 - y*y", t, t), 1)
    s = y / (2 * scale) + 0.5
    return 2 * scale * a.product("slope", s, a.off("1 - s", 1 - s, 1))


def _summed(
    a: Adversary,
    problem: Problem,
    k: int,
    trace: list[Any],
    dzs: list[Array],
    drs: list[Array],
    carried: Array,
    d_last: State,
) -> tuple[Parameters, Array, Array, State]:
    D, m, valid = len(problem.directions), a.model, _valid(problem)
    p, T, H = problem.parameters[k // D][k % D], len(trace), problem.sizes[3]
    finished = T + 1 if m.acc_steps else a.once

    def sum_over_time(left: list[Array], right: list[Array], finished: int = finished) -> Array:
        pairs = [(one.T, np.where(ok, other, 0.0).T) for one, other, ok in zip(left, right, valid, strict=True)]
        return a.narrowed("returned gradient", a.dot("sum over time", *pairs, finished=finished), m.wide_d)

    def sum_over_units(left: list[Array], name: str) -> Array:
        one = [([dz[:, [j]] for dz in left], [now[name][:, [j]] for now in trace]) for j in range(H)]
        return np.array([sum_over_time(dz, c, finished + a.once)[0, 0] for dz, c in one])

    dW, dU = (sum_over_time(dzs, [now[name] for now in trace]) for name in ("x", "h_before"))
    db, dp = sum_over_time(dzs, [np.ones((len(dz), 1)) for dz in dzs])[:, 0], {}
    for n, (letter, gate) in enumerate(p.gates.items()):
        s, seen = slice(n * H, (n + 1) * H), "c" if letter == "o" else "c_before"
        dpeep = None if gate.p is None else sum_over_units([dz[:, s] for dz in dzs], seen)
        dp[letter] = Gate(dW[s], dU[s], db[s], dpeep)
    dR = None if p.R is None else sum_over_time(drs, [now["shown"] for now in trace])
    dh, dc = a.dot("dh_0", (dzs[0], _stack(p, "U").T), finished=a.once), a.off("dc_0", carried, 0, lost=1)
    first = (
        np.where(valid[0], a.narrowed("returned gradient", new, m.wide_d), old)
        for new, old in ((dh, d_last.h), (dc, d_last.c))
    )
    used = np.array(dzs)
    shown = np.where(valid, a.shown("returned dz", used, m.wide_d), 0.0)
    turned = (_turned(problem, k % D, one) for one in (used, shown))
    return Parameters(dp["i"], dp.get("f"), dp["g"], dp["o"], dR), *turned, State(*first)
