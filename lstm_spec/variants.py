"""The variants of the cell, for one sample: each another function, each with its gradient (VAR-...).

Shapes as in equations.py; with a projection R (P, H) the hidden state has P numbers, else P = H. `k` bounds the cell
state to [-k, k]; where nothing bounds it, k is infinite.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from lstm_spec.equations import cell, sigmoid, tanh
from lstm_spec.gradients import CellGradient, cell_gradient
from lstm_spec.types import Array, Cell, Gate, Parameters, Problem, State

Loss = tuple[Parameters, Array, State]  # the gradients with respect to p, x and s


def clip(c: Array, k: float) -> Array:
    """The cell state, bounded."""
    return np.clip(c, -k, k)  # VAR-5


def inside(c: Array, k: float) -> Array:
    """The derivative of `clip`; on the edge itself it is unspecified, and 0 here."""
    return np.asarray(np.abs(c) < k, c.dtype)  # VAR-6


def project(p: Parameters, m: Array) -> Array:
    """The hidden state of what the output gate shows."""
    return m if p.R is None else p.R @ m  # VAR-4


# fmt: off
def clipped_cell(p: Parameters, x: Array, s: State, k: float) -> State:
    """The cell of equations.py, bounded and projected. Sak, Senior & Beaufays 2014."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    c = clip(f * c + i * g, k)
    return State(project(p, o * tanh(c)), c)


def peephole_cell(p: Parameters, x: Array, s: State, k: float) -> State:
    """The gates see the cell state. Gers & Schmidhuber 2000; Gers, Schraudolph & Schmidhuber 2002."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b + p.i.p * c)  # VAR-1  the old one
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b + p.f.p * c)  # VAR-1
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    c = clip(f * c + i * g, k)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b + p.o.p * c)  # VAR-2  the new one, bounded
    return State(project(p, o * tanh(c)), c)


def coupled_cell(p: Parameters, x: Array, s: State, k: float) -> State:
    """What is let in takes the place of what is forgotten. Greff et al. 2017 (CIFG)."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    c = clip((1 - i) * c + i * g, k)  # VAR-3
    return State(project(p, o * tanh(c)), c)


def cell_without_forget_gate(p: Parameters, x: Array, s: State, k: float) -> State:
    """Nothing is forgotten. Greff et al. 2017 (NFG)."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    c = clip(c + i * g, k)  # VAR-7
    return State(project(p, o * tanh(c)), c)


def cell_1997_simplified(p: Parameters, x: Array, s: State, k: float) -> State:
    """The first cell, simplified: the gates of 1997 also read each other, which these do not.

    Hochreiter & Schmidhuber 1997: g(x) = 4σ(x) − 2 = 2 tanh(x/2), h(x) = 2σ(x) − 1 = tanh(x/2).
    """
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    g = 2 * tanh((p.g.W @ x + p.g.U @ h + p.g.b) / 2)  # VAR-8
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    c = clip(c + i * g, k)  # VAR-8
    return State(project(p, o * tanh(c / 2)), c)  # VAR-8


# ---------------------------------------------------------------- gradients


def clipped_gradient(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    raw = f * c + i * g
    y = tanh(clip(raw, k))
    dR, dm = _unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * (1 - y * y)) * inside(raw, k)  # VAR-6
    z = _Gates(dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dm * y * o * (1 - o))
    return _gathered(p, z, x, h, dR, dc * f)


def peephole_gradient(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b + p.i.p * c)
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b + p.f.p * c)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    raw = f * c + i * g
    new = clip(raw, k)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b + p.o.p * new)
    y = tanh(new)
    dR, dm = _unproject(p, o * y, ds.h)
    zo = dm * y * o * (1 - o)
    dc = (ds.c + dm * o * (1 - y * y) + zo * p.o.p) * inside(raw, k)  # VAR-2  the output gate saw it, too
    z = _Gates(dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), zo)
    seen = _Gates(z.i * c, z.f * c, None, zo * new)
    return _gathered(p, z, x, h, dR, dc * f + z.i * p.i.p + z.f * p.f.p, seen)  # VAR-1


def coupled_gradient(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    raw = (1 - i) * c + i * g
    y = tanh(clip(raw, k))
    dR, dm = _unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * (1 - y * y)) * inside(raw, k)
    z = _Gates(dc * (g - c) * i * (1 - i), None, dc * i * (1 - g * g), dm * y * o * (1 - o))  # VAR-3
    return _gathered(p, z, x, h, dR, dc * (1 - i))


def gradient_without_forget_gate(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    raw = c + i * g
    y = tanh(clip(raw, k))
    dR, dm = _unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * (1 - y * y)) * inside(raw, k)
    z = _Gates(dc * g * i * (1 - i), None, dc * i * (1 - g * g), dm * y * o * (1 - o))
    return _gathered(p, z, x, h, dR, dc)


def gradient_1997_simplified(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    """The full gradient; that of 1997 was cut off, and is no function's gradient."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    t = tanh((p.g.W @ x + p.g.U @ h + p.g.b) / 2)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    raw = c + i * 2 * t
    y = tanh(clip(raw, k) / 2)
    dR, dm = _unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * (1 - y * y) / 2) * inside(raw, k)
    z = _Gates(dc * 2 * t * i * (1 - i), None, dc * i * (1 - t * t), dm * y * o * (1 - o))
    return _gathered(p, z, x, h, dR, dc)
# fmt: on


class _Gates(NamedTuple):
    """Something for each gate; None where it is absent."""

    i: Array
    f: Array | None
    g: Array | None
    o: Array


def _unproject(p: Parameters, m: Array, dh: Array) -> tuple[Array | None, Array]:
    """The gradients of R and of m, where dh is the cotangent of project(p, m)."""
    return (None, dh) if p.R is None else (np.outer(dh, m), p.R.T @ dh)


def _gathered(
    p: Parameters, z: _Gates, x: Array, h: Array, dR: Array | None, dc: Array, seen: _Gates | None = None
) -> Loss:
    """Everything that follows from the gate gradients z; `seen`: the gradients of the peepholes."""
    gates = {letter: (getattr(p, letter), getattr(z, letter)) for letter in "ifgo" if getattr(z, letter) is not None}
    dp = {letter: Gate(np.outer(dz, x), np.outer(dz, h), dz) for letter, (_, dz) in gates.items()}
    if seen:
        dp = {letter: gate._replace(p=getattr(seen, letter)) for letter, gate in dp.items()}
    dx = sum((gate.W.T @ dz for gate, dz in gates.values()), np.zeros_like(x))
    dh = sum((gate.U.T @ dz for gate, dz in gates.values()), np.zeros_like(h))
    return Parameters(dp["i"], dp.get("f"), dp["g"], dp["o"], dR), dx, State(dh, dc)


# ---------------------------------------------------------------- by name

KINDS: dict[str, tuple[Callable[..., State], Callable[..., Loss]]] = {
    "standard": (clipped_cell, clipped_gradient),
    "peephole": (peephole_cell, peephole_gradient),
    "coupled": (coupled_cell, coupled_gradient),
    "no forget gate": (cell_without_forget_gate, gradient_without_forget_gate),
    "1997 simplified": (cell_1997_simplified, gradient_1997_simplified),
}
WITHOUT_FORGET_GATE = ("coupled", "no forget gate", "1997 simplified")  # one of their own: f is None


def cell_of(problem: Problem) -> tuple[Cell, CellGradient]:
    """The cell that a well-formed problem asks for, and its gradient; where it is the plain one, that of equations.py.

    The bound is the number of the problem's dtype that lies nearest to `variant.clip`.
    """
    kind, k = problem.variant.kind, problem.variant.clip
    if kind == "standard" and k is None and problem.layer.R is None:
        return cell, cell_gradient
    bound = np.inf if k is None else float(problem.dtype.type(k))
    one, gradient = KINDS[kind]
    return partial(one, k=bound), partial(gradient, k=bound)
