"""The kinds of cell with fixed functions, for one sample: each is a function of its own with a gradient of its own.

Shapes as in equations.py; with a projection R (P, H) the hidden state has P numbers, else P = H. `k` bounds the cell
state to [-k, k]; if nothing bounds it, k is infinite. A gradient takes the cotangents ds of the state that the cell
returns, and returns the gradients with respect to p, x and s.
"""

from typing import NamedTuple

import numpy as np

from lstm_spec.equations import sigmoid, tanh
from lstm_spec.types import Array, Gate, Parameters, State

Loss = tuple[Parameters, Array, State]  # the gradients with respect to p, x and s


def clip(c: Array, k: float) -> Array:
    """The cell state, bounded to [-k, k]."""
    return np.clip(c, -k, k)  # VAR-5


def inside(c: Array, k: float) -> Array:
    """The derivative of `clip`: 1 inside the bound, 0 outside. On the edge it is unspecified, and 0 here."""
    return np.asarray(np.abs(c) < k, c.dtype)  # VAR-6


def project(p: Parameters, m: Array) -> Array:
    """The hidden state (P,), made of the m (H,) that the output gate shows."""
    return m if p.R is None else p.R @ m  # VAR-4


# fmt: off
def clipped_cell(p: Parameters, x: Array, s: State, k: float) -> State:
    """The cell of equations.py with a bound and a projection. Sak, Senior & Beaufays 2014."""
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
    """The forget gate is what the input gate leaves, 1 - i. Greff et al. 2017 (CIFG)."""
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
    """The first cell, simplified: in 1997 the gates also read each other, here they do not.

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
    """The gradient of `clipped_cell`. Graves & Schmidhuber 2005 (the full gradient)."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    raw = f * c + i * g
    y = tanh(clip(raw, k))
    dR, dm = unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * (1 - y * y)) * inside(raw, k)  # VAR-6
    z = GateGradients(dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dm * y * o * (1 - o))
    return gather_gradients(p, z, x, h, dR, dc * f)


def peephole_gradient(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    """The gradient of `peephole_cell`. Greff et al. 2017, section II.B."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b + p.i.p * c)
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b + p.f.p * c)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    raw = f * c + i * g
    new = clip(raw, k)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b + p.o.p * new)
    y = tanh(new)
    dR, dm = unproject(p, o * y, ds.h)
    zo = dm * y * o * (1 - o)
    dc = (ds.c + dm * o * (1 - y * y) + zo * p.o.p) * inside(raw, k)  # VAR-2  the output gate saw it, too
    z = GateGradients(dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), zo)
    seen = GateGradients(z.i * c, z.f * c, None, zo * new)
    return gather_gradients(p, z, x, h, dR, dc * f + z.i * p.i.p + z.f * p.f.p, seen)  # VAR-1


def coupled_gradient(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    """The gradient of `coupled_cell`, in which i also stands for the forget gate."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    raw = (1 - i) * c + i * g
    y = tanh(clip(raw, k))
    dR, dm = unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * (1 - y * y)) * inside(raw, k)
    z = GateGradients(dc * (g - c) * i * (1 - i), None, dc * i * (1 - g * g), dm * y * o * (1 - o))  # VAR-3
    return gather_gradients(p, z, x, h, dR, dc * (1 - i))


def gradient_without_forget_gate(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    """The gradient of `cell_without_forget_gate`: along the cell state it is carried unchanged."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    raw = c + i * g
    y = tanh(clip(raw, k))
    dR, dm = unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * (1 - y * y)) * inside(raw, k)
    z = GateGradients(dc * g * i * (1 - i), None, dc * i * (1 - g * g), dm * y * o * (1 - o))
    return gather_gradients(p, z, x, h, dR, dc)


def gradient_1997_simplified(p: Parameters, x: Array, s: State, ds: State, k: float) -> Loss:
    """The full gradient of `cell_1997_simplified`. That of 1997 was cut off, and is no function's gradient (VAR-9)."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    t = tanh((p.g.W @ x + p.g.U @ h + p.g.b) / 2)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    raw = c + i * 2 * t
    y = tanh(clip(raw, k) / 2)
    dR, dm = unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * (1 - y * y) / 2) * inside(raw, k)
    z = GateGradients(dc * 2 * t * i * (1 - i), None, dc * i * (1 - t * t), dm * y * o * (1 - o))
    return gather_gradients(p, z, x, h, dR, dc)
# fmt: on


class GateGradients(NamedTuple):
    """An array for each gate that has one."""

    i: Array | None
    f: Array | None
    g: Array | None
    o: Array | None


def unproject(p: Parameters, m: Array, dh: Array) -> tuple[Array | None, Array]:
    """The gradients of R and of m, where dh is the cotangent of project(p, m)."""
    return (None, dh) if p.R is None else (np.outer(dh, m), p.R.T @ dh)


def gather_gradients(
    p: Parameters, z: GateGradients, x: Array, h: Array, dR: Array | None, dc: Array, seen: GateGradients | None = None
) -> Loss:
    """The gradients with respect to p, x and s, from the gate gradients z and those of the peepholes."""
    dz = {letter: getattr(z, letter) for letter in p.gates}
    dp = {letter: Gate(np.outer(d, x), np.outer(d, h), d) for letter, d in dz.items()}
    if seen:
        dp = {letter: gate._replace(p=getattr(seen, letter)) for letter, gate in dp.items()}
    dx = sum((gate.W.T @ dz[letter] for letter, gate in p.gates.items()), np.zeros_like(x))
    dh = sum((gate.U.T @ dz[letter] for letter, gate in p.gates.items()), np.zeros_like(h))
    return Parameters(dp.get("i"), dp.get("f"), dp["g"], dp.get("o"), dR), dx, State(dh, dc)
