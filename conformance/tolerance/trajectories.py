"""What the equations give, and how far an implementation may be from it: F1 to F9 of docs/accuracy.md.

*Observed*: the implementation's own hidden states are the inputs of every step, so nothing grows with
the weights or with T. *Free*: they are not known, and their errors pass through abs(U). Everything is float64.
"""

from dataclasses import dataclass, replace

import numpy as np

from conformance.arrays import subnormals_are_kept
from conformance.tolerance import rounding
from conformance.tolerance.audit import Known, audit
from conformance.tolerance.rounding import INFLATION, Bounded, about, exact, extra_roundings
from lstm_spec.accuracy import ErrorModel
from lstm_spec.layouts import Packed, pack
from lstm_spec.types import Array, Problem

ORDER = "ifgo"


@dataclass(frozen=True)
class Trajectory:
    """A forward pass, everything (T, B, H)."""

    i: Bounded
    f: Bounded
    g: Bounded
    o: Bounded
    c_before: Bounded
    c: Bounded
    squashed: Bounded  # tanh(c)
    h_before: Bounded
    h: Bounded
    last: Bounded  # (B, H)  c_T as it is returned

    def at(self, t: int) -> "Trajectory":
        """One step of it."""
        return replace(self, **{name: at(t, q) for name, q in vars(self).items() if name != "last"})


Step = tuple[Bounded, Bounded, Bounded, Bounded]


def packed64(problem: Problem) -> Packed:
    return Packed(*(a.astype(np.float64) for a in pack(problem.layer, ORDER)))


def observed_trajectory(problem: Problem, y: Array, model: ErrorModel) -> Trajectory:
    """The forward pass in which every step starts from the h that the implementation returned in y."""
    h = np.concatenate([problem.state.h, y]).astype(np.float64)[:-1]
    return _from_hidden_states(problem, h, model, audit.get().forward(problem, h))


def _from_hidden_states(problem: Problem, h: Array, model: ErrorModel, known: Known) -> Trajectory:
    """The forward pass in which step t starts from h[t]."""
    assert subnormals_are_kept(), "flush-to-zero is on in this process; the float64 oracle cannot be trusted"
    w = packed64(problem)
    T, B, I, H = problem.sizes
    m = model if known else rounding.with_oracle(model)
    wider = rounding.narrowed(exact(h), m.wide_h, m).error
    wider[:1] = 0  # h_0 is given
    x = problem.x.astype(np.float64).reshape(T * B, I)
    z = preactivations(w, x, Bounded(h.reshape(T * B, H), wider.reshape(T * B, H)), _summands(problem), m)
    gates = (Bounded(*(a.reshape(T, B, H) for a in q)) for q in gate_values(about(z, known, "z"), m))
    i, f, g, o = (about(q, known, letter) for letter, q in zip(ORDER, gates, strict=True))
    new = written(i, g)
    c = Bounded(*np.empty((2, T + 1, B, H)))
    c.value[0], c.error[0] = problem.state.c[0], 0
    for t in range(T):
        c.value[t + 1], c.error[t + 1] = about(cell_state(at(t, f), at(t, new), at(t, c), m), known, "c", t)
    after = Bounded(c.value[1:], c.error[1:])
    squashed, hidden = hidden_state(o, after, m)
    squashed, hidden = about(squashed, known, "squashed"), about(hidden, known, "h")
    before, last = Bounded(c.value[:-1], c.error[:-1]), rounding.narrowed(at(T, c), m.wide_h, m)
    return Trajectory(i, f, g, o, before, after, squashed, Bounded(h, wider), hidden, last)


def free_trajectory(problem: Problem, model: ErrorModel, handed_on: bool = False) -> Trajectory:
    """The forward pass from the initial state alone; its errors may grow by abs(U) each step.

    `handed_on`: at any step the state may have been returned, and read again from what was returned.
    """
    assert subnormals_are_kept(), "flush-to-zero is on in this process; the float64 oracle cannot be trusted"
    m, w, n = rounding.with_oracle(model), packed64(problem), _summands(problem)
    if not (w.U.any() or handed_on):
        return _free_of_hidden_states(problem, model)
    h, c, steps = exact(problem.state.h[0]), exact(problem.state.c[0]), []
    for x in problem.x.astype(np.float64):
        i, f, g, o = gate_values(preactivations(w, x, h, n, m), m)
        after = rounding.narrowed(cell_state(f, written(i, g), c, m), m.wide_h if handed_on else 0, m)
        squashed, hidden = hidden_state(o, after, m)
        steps.append((i, f, g, o, c, after, squashed, h, hidden))
        h, c = hidden, after
    i, f, g, o, before, cells, squashes, h_before, hs = (stack(column) for column in zip(*steps, strict=True))
    last = c if handed_on else rounding.narrowed(c, m.wide_h, m)
    return Trajectory(i, f, g, o, before, cells, squashes, h_before, hs, last)


def _free_of_hidden_states(problem: Problem, model: ErrorModel) -> Trajectory:
    """Where U = 0 no step depends on an h: any will do, and the gates of all steps are had at once."""
    T, B, _, H = problem.sizes
    passed = _from_hidden_states(problem, np.zeros((T, B, H)), model, {})
    h_before = (np.concatenate([first, a[:-1]]) for first, a in zip(exact(problem.state.h), passed.h, strict=True))
    return replace(passed, h_before=Bounded(*h_before))


def _summands(problem: Problem) -> int:
    """F3: exact zeros add no rounding."""
    _, _, I, H = problem.sizes
    return int(np.count_nonzero(problem.x.reshape(-1, I).any(axis=0))) + H + 4


def preactivations(w: Packed, x: Array, h: Bounded, n: int | Array, m: ErrorModel) -> Bounded:
    """F1, F2 and F4, for rows of x and h; `h.error` is what is not known of the h that was used; n: summands."""
    wx, uh = x @ w.W.T, h.value @ w.U.T
    weights = np.abs(w.U).T
    S = np.abs(x) @ np.abs(w.W).T + h.largest @ weights + np.abs(w.b)
    dz = n * m.u_acc * S + 2 * n * m.eta + h.error @ weights
    dz = dz + extra_roundings(m, m.pre) * (np.abs(wx) + np.abs(uh) + np.abs(w.b) + dz)
    return Bounded(wx + uh + w.b, dz)


def gate_values(z: Bounded, m: ErrorModel) -> Step:
    """F5, gate by gate, from packed pre-activations (..., 4H)."""
    H = z.value.shape[-1] // 4
    gates = rounding.sigmoid(z, m)  # the candidate's is not used; one call is cheaper than three
    i, f, zg, o = (
        Bounded(q.value[..., k * H : (k + 1) * H], q.error[..., k * H : (k + 1) * H])
        for k, q in enumerate((gates, gates, z, gates))
    )
    return i, f, rounding.tanh(zg, m), o


def written(i: Bounded, g: Bounded) -> Bounded:
    """i * g, before it is rounded."""
    return Bounded(i.value * g.value, np.abs(g.value) * i.error + i.value * g.error + i.error * g.error)


def cell_state(f: Bounded, new: Bounded, c: Bounded, m: ErrorModel) -> Bounded:
    """F6 and F7, of what is written and of the cell state before."""
    after, kept = f.value * c.value + new.value, f.largest
    e = kept * c.error + f.error * np.abs(c.value) + new.error
    e = e + m.u * (kept * c.largest + new.largest) + 2 * m.eta
    e = e + (m.u + m.u_c) * (np.abs(after) + e) * (1 + m.u) + rounding.flushed(m)
    return Bounded(after, e * INFLATION)


def hidden_state(o: Bounded, c: Bounded, m: ErrorModel) -> tuple[Bounded, Bounded]:
    """F8 and F9: tanh(c), and h."""
    squashed = rounding.tanh(c, m)
    h = o.value * squashed.value
    e = o.error * squashed.largest + o.value * squashed.error
    e = e + (m.u + m.u_h) * (np.abs(h) + e) * (1 + m.u) + m.eta + rounding.flushed(m) * (1 + m.u_h)
    return squashed, Bounded(h, e * INFLATION)


def at(t: int, q: Bounded) -> Bounded:
    return Bounded(q.value[t], q.error[t])


def stack(steps: list[Bounded] | tuple[Bounded, ...]) -> Bounded:
    return Bounded(*(np.stack(column) for column in zip(*steps, strict=True)))
