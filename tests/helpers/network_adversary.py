"""The legal adversary of networks: one layer, any variant, every operation off by all that its error model allows.

It is simulated in float64 with the roundoff of float32, so that its own rounding is negligible; it stands behind the
contract, as any backend. Where a variant may be computed in several ways, `way` says in which.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lstm_spec import (
    Answer,
    Array,
    Backend,
    Cotangents,
    Description,
    ErrorModel,
    Feature,
    Gate,
    Gradients,
    Parameters,
    Problem,
    State,
    error_model,
)
from lstm_spec.equations import sigmoid

MODEL = replace(error_model("relative", "float32"), eta=2.0**-1022)
GREED = 30.0


@dataclass(frozen=True)
class Adversary:
    """`signs` of an array of that shape; `greedy`: the kind of operation that takes GREED times what is allowed."""

    signs: Callable[[tuple[int, ...]], Array]
    way: str = ""
    greedy: str = ""
    model: ErrorModel = field(default=MODEL)

    def off(self, kind: str, value: Array, roundings: Any, size: Array | None = None) -> Array:
        """The value, off by so many roundoffs of its size."""
        size = np.abs(value) if size is None else size
        taken = roundings * self.model.u * size * (GREED if kind == self.greedy else 1)
        return value + self.signs(value.shape) * np.sign(np.where(value == 0, 1, value)) * taken

    def dot(self, kind: str, *pairs: tuple[Array, Array]) -> Array:
        """The sum of products a Mᵀ, over all pairs, in some order of summation."""
        value, size = sum(a @ M.T for a, M in pairs), sum(np.abs(a) @ np.abs(M).T for a, M in pairs)
        n = sum((a != 0).reshape(-1, a.shape[-1]).any(axis=0).astype(int) @ (M != 0).T.astype(int) for a, M in pairs)
        terms, ones = (sum(np.equal(M, wanted).sum(axis=1) for _, M in pairs) for wanted in (0, 1))
        copies = (ones == 1) & (terms + 1 == sum(M.shape[1] for _, M in pairs))  # what is taken times 1 is not rounded
        return self.off(kind, np.asarray(value), np.where(copies, 0, n), np.asarray(size))

    def product(self, kind: str, *factors: Array) -> Array:
        value = factors[0]
        for factor in factors[1:]:
            value = self.off(kind, value * factor, 1)
        return value

    def sigmoid(self, z: Array) -> Array:
        return self.off("sigmoid", sigmoid(z), self.model.r_s)

    def tanh(self, z: Array) -> Array:
        return self.off("tanh", np.tanh(z), self.model.r_t)

    def stretched(self, z: Array, scale: float) -> Array:
        if self.way == "by tanh":
            return scale * self.tanh(z / 2)
        return self.off("stretched", 2 * scale * self.sigmoid(z) - scale, 1)


def backend(adversary: Adversary) -> Backend:
    """Of problems of one layer, at float64."""
    about = Description(dtypes=("float64",), features=frozenset(Feature), grades={"float64": adversary.model})
    return Backend("adversary", lambda p: _run(adversary, p)[0], lambda p, d: _differentiate(adversary, p, d), about)


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


def _run(a: Adversary, problem: Problem) -> tuple[Answer, list[list[dict[str, Array]]]]:
    valid, ys, hs, cs, traces = _valid(problem), [], [], [], []
    for d, p in enumerate(problem.parameters[0]):
        x = _turned(problem, d, np.where(valid, problem.x, 0.0))
        h, c, y, trace = problem.state.h[d], problem.state.c[d], [], []
        for t in range(len(x)):
            now = _step(a, problem, p, x[t], h, c)
            h, c = np.where(valid[t], now["h"], h), np.where(valid[t], now["c"], c)
            y.append(np.where(valid[t], now["h"], 0.0))
            trace.append(now)
        ys.append(_turned(problem, d, np.array(y).reshape(len(x), *h.shape)))
        hs.append(h)
        cs.append(c)
        traces.append(trace)
    return Answer(np.concatenate(ys, axis=-1), State(np.stack(hs), np.stack(cs))), traces


def _step(a: Adversary, problem: Problem, p: Parameters, x: Array, h: Array, c: Array) -> dict[str, Array]:
    kind, k = problem.variant.kind, problem.variant.clip

    def z(gate: Gate, cell: Array) -> Array:
        one = np.ones((len(x), 1))
        value = a.dot("pre-activation", (x, gate.W), (h, gate.U), (one, gate.b[:, None]))
        return value if gate.p is None else a.off("peephole", value + a.product("peephole", cell, gate.p), 1)

    now = {"x": x, "h_before": h, "c_before": c, "z_i": z(p.i, c), "z_g": z(p.g, c)}
    i = now["i"] = a.sigmoid(now["z_i"])
    g = now["g"] = a.stretched(now["z_g"], 2) if kind == "1997 simplified" else a.tanh(now["z_g"])
    if kind == "coupled":
        f = a.sigmoid(-now["z_i"]) if a.way == "by sigmoid" else a.off("1 - i", 1 - i, 1)
    else:
        f = np.ones_like(i) if p.f is None else a.sigmoid(z(p.f, c))
    now["f"] = f
    if kind == "coupled" and a.way == "by difference":
        raw = a.off("sum", c + a.product("cell", i, a.off("difference", g - c, 1)), 1)
    else:
        kept = c if p.f is None and kind != "coupled" else a.product("cell", f, c)
        raw = a.off("sum", kept + a.product("cell", i, g), 1)
    now["raw"], new = raw, raw if k is None else np.clip(raw, -k, k)
    o = now["o"] = a.sigmoid(z(p.o, new))
    squashed = now["squashed"] = a.stretched(new, 1) if kind == "1997 simplified" else a.tanh(new)
    shown = now["shown"] = a.product("shown", o, squashed)
    return now | {"c": new, "h": shown if p.R is None else a.dot("projection", (shown, p.R))}


def _differentiate(a: Adversary, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    answer, traces = _run(a, problem)
    valid, P = _valid(problem), problem.P
    parts, rows = [], []
    dxs: list[Array] = []
    dh0: list[Array] = []
    dc0: list[Array] = []
    for direction, p in enumerate(problem.parameters[0]):
        dy = _turned(problem, direction, np.where(valid, d.y[..., direction * P : (direction + 1) * P], 0.0))
        found = _backwards(a, problem, p, traces[direction], dy, State(*(s[direction] for s in d.state)))
        dp, dz, dh, dc = found
        parts.append(dp)
        rows.append((_turned(problem, direction, dz), np.concatenate([gate.W for gate in p[:4] if gate is not None])))
        dxs, dh0, dc0 = dxs, [*dh0, dh], [*dc0, dc]
    dx = a.dot("dx", *((dz, W.T) for dz, W in rows)) if len(problem.x) else np.zeros_like(problem.x)
    return answer, Gradients((tuple(parts),), np.where(valid, dx, 0.0), State(np.stack(dh0), np.stack(dc0)))


def _backwards(a: Adversary, problem: Problem, p: Parameters, trace: list[Any], dy: Array, d_last: State) -> Any:
    valid, kind, k = _valid(problem), problem.variant.kind, problem.variant.clip
    gates = {letter: gate for letter in "ifgo" if (gate := getattr(p, letter)) is not None}
    U = np.concatenate([gate.U for gate in gates.values()])
    ends = valid & ~np.concatenate([valid[1:], np.zeros_like(valid[:1])]) if len(valid) else valid
    later, carried = np.zeros((dy.shape[1], len(U))), np.where(valid[:1].any(axis=0), 0.0, d_last.c)
    steps, dzs, drs = range(len(trace)), [], []
    for t in reversed(steps):
        now, one = trace[t], np.ones((dy.shape[1], 1))
        carried = np.where(ends[t], d_last.c, carried)
        last = np.where(ends[t], d_last.h, 0.0)
        columns = np.concatenate([dy[t], last], axis=1), np.tile(np.eye(dy.shape[2]), 2)
        dr = np.where(valid[t], a.dot("dh", columns, (later, U.T)), 0.0)
        dm = dr if p.R is None else a.dot("dm", (dr, p.R.T))
        i, f, g, o, y = (now[name] for name in ("i", "f", "g", "o", "squashed"))
        one_minus = {name: a.off("1 - s", 1 - now[name], 1) for name in "ifo"}
        zo = a.product("dz", dm, y, o, one_minus["o"])
        slope = _slope(a, y, now["c"], 1 if kind == "1997 simplified" else 0)
        into = [a.product("dc", dm, o, slope), carried]
        into += [] if p.o.p is None else [a.product("dc", zo, p.o.p)]
        dc = sum(into[1:], into[0])
        dc = np.asarray(a.off("dc sum", dc, len(into) - 1, sum(np.abs(q) for q in into) if len(into) > 2 else None))
        dc = dc if k is None else dc * (np.abs(now["raw"]) < k)
        zi = a.product("dz", dc, g, i, one_minus["i"])
        if kind == "coupled":
            rest = a.product("slope", f, a.off("1 - s", 1 - f, 1)) if a.way == "by sigmoid" else None
            lost = (
                a.product("dz", dc, now["c_before"], i, one_minus["i"])
                if rest is None
                else a.product("dz", dc, now["c_before"], rest)
            )
            zi = a.off("dz", zi - lost, 1)
        zf = a.product("dz", dc, now["c_before"], f, one_minus["f"])
        zg = a.product("dz", dc, i, _slope(a, g, now["z_g"], 2 if kind == "1997 simplified" else 0))
        z = {"i": zi, "f": zf, "g": zg, "o": zo}
        dz = np.where(valid[t], np.concatenate([z[letter] for letter in gates], axis=1), 0.0)
        back = [dc if p.f is None and kind != "coupled" else a.product("carried", dc, f)]
        back += [a.product("carried", z[s], getattr(p, s).p) for s in "if" if s in gates and gates[s].p is not None]
        total = a.off("carried sum", sum(back[1:], back[0]), len(back) - 1, sum(np.abs(q) for q in back))
        carried = np.where(valid[t], total, carried)
        dzs.append(dz)
        drs.append(dr)
        later = dz
        del one
    return _summed(a, p, gates, trace, dzs[::-1], drs[::-1], valid, carried, d_last, U)


def _slope(a: Adversary, y: Array, z: Array, scale: int) -> Array:
    """Of tanh from its value; of a stretched one, from its value or from σ."""
    if not scale:
        return a.off("1 - y*y", 1 - a.product("1 - y*y", y, y), 1)
    if a.way == "by tanh":
        t = y / scale
        return scale / 2 * a.off("1 - y*y", 1 - a.product("1 - y*y", t, t), 1)
    s = y / (2 * scale) + 0.5
    return 2 * scale * a.product("slope", s, a.off("1 - s", 1 - s, 1))


def _summed(
    a: Adversary,
    p: Parameters,
    gates: dict[str, Gate],
    trace: list[Any],
    dzs: list[Array],
    drs: list[Array],
    valid: Array,
    carried: Array,
    d_last: State,
    U: Array,
) -> Any:
    B = d_last.c.shape[0]
    rows = np.array(dzs).reshape(len(dzs) * B, len(U))

    def column(name: str) -> Array:
        width = {"x": p.i.W.shape[1], "h_before": p.i.U.shape[1]}.get(name, len(p.i.b))
        return np.array([now[name] for now in trace]).reshape(len(trace) * B, width)

    mask = valid.reshape(-1, 1)
    dW, dU = (a.dot("sum over time", (rows.T, column(name).T * mask.T)) for name in ("x", "h_before"))
    db = a.dot("sum over time", (rows.T, mask.T * 1.0))[:, 0]
    dp, H = {}, len(p.i.b)
    for n, (letter, gate) in enumerate(gates.items()):
        s = slice(n * H, (n + 1) * H)
        seen = column("c" if letter == "o" else "c_before")
        dpeep = (
            None
            if gate.p is None
            else np.array([a.dot("sum over time", (rows[:, s][:, j], (seen * mask)[:, j][None]))[0] for j in range(H)])
        )
        dp[letter] = Gate(dW[s], dU[s], db[s], dpeep)
    dR = (
        None
        if p.R is None
        else a.dot("sum over time", (np.array(drs).reshape(len(rows), -1).T, (column("shown") * mask).T))
    )
    empty = ~valid[0] if len(valid) else np.ones((B, 1), bool)
    dh = np.where(empty, d_last.h, a.dot("dh_0", (dzs[0], U.T)) if dzs else d_last.h)
    return (
        Parameters(dp["i"], dp.get("f"), dp["g"], dp["o"], dR),
        np.array(dzs).reshape(len(dzs), B, len(U)),
        dh,
        np.where(empty, d_last.c, carried),
    )
