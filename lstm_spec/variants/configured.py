"""The cells whose functions are configured, for one sample: gates by a hard sigmoid, other squashing functions or none.

Shapes and arguments as in cells.py; `a` says which functions are meant. A function that is made of lines has the slope
of its line; at a kink that is unspecified, and 0 here (VAR-12).
"""

import numpy as np

from lstm_spec.equations import sigmoid, tanh
from lstm_spec.types import Activations, Array, Parameters, State
from lstm_spec.variants.cells import GateGradients, Loss, clip, gather_gradients, inside, project, unproject


def hard_sigmoid(z: Array, alpha: float, beta: float) -> Array:
    """A line, cut off at 0 and 1. ONNX, HardSigmoid; Keras 2 has alpha = 1/5, Keras 3 has 1/6, both beta = 1/2."""
    return np.clip(z.dtype.type(alpha) * z + z.dtype.type(beta), 0, 1)  # VAR-10


def open_gate(a: Activations, z: Array) -> Array:
    """A gate, by its function."""
    return hard_sigmoid(z, a.alpha, a.beta) if a.gate == "hard sigmoid" else sigmoid(z)


def gate_slope(a: Activations, v: Array) -> Array:
    """The derivative of the gates' function where its value is v."""
    if a.gate == "hard sigmoid":
        return np.where((v > 0) & (v < 1), v.dtype.type(a.alpha), v.dtype.type(0))  # VAR-12
    return v * (1 - v)


def squash(name: str, z: Array) -> Array:
    """The function of that name."""
    return np.maximum(z, 0) if name == "relu" else tanh(z) if name == "tanh" else z


def squashing_slope(name: str, y: Array) -> Array:
    """The derivative of the function of that name where its value is y."""
    if name == "tanh":
        return 1 - y * y
    return np.asarray(y > 0, y.dtype) if name == "relu" else np.ones_like(y)  # VAR-12


# fmt: off
def configured_cell(p: Parameters, x: Array, s: State, k: float, a: Activations) -> State:
    """The standard cell with other functions. Greff et al. 2017 have no functions there (NIAF, NOAF)."""
    h, c = s
    i = open_gate(a, p.i.W @ x + p.i.U @ h + p.i.b)
    f = open_gate(a, p.f.W @ x + p.f.U @ h + p.f.b)
    g = squash(a.candidate, p.g.W @ x + p.g.U @ h + p.g.b)  # VAR-11
    o = open_gate(a, p.o.W @ x + p.o.U @ h + p.o.b)
    c = clip(f * c + i * g, k)
    return State(project(p, o * squash(a.output, c)), c)  # VAR-11


def configured_peephole_cell(p: Parameters, x: Array, s: State, k: float, a: Activations) -> State:
    """The same with gates that see the cell state. ONNX, LSTM: the input P beside the attribute `activations`."""
    h, c = s
    i = open_gate(a, p.i.W @ x + p.i.U @ h + p.i.b + p.i.p * c)  # VAR-1, VAR-10
    f = open_gate(a, p.f.W @ x + p.f.U @ h + p.f.b + p.f.p * c)
    g = squash(a.candidate, p.g.W @ x + p.g.U @ h + p.g.b)
    c = clip(f * c + i * g, k)
    o = open_gate(a, p.o.W @ x + p.o.U @ h + p.o.b + p.o.p * c)  # VAR-2, VAR-10
    return State(project(p, o * squash(a.output, c)), c)


def configured_gradient(p: Parameters, x: Array, s: State, ds: State, k: float, a: Activations) -> Loss:
    """The gradient of `configured_cell`."""
    h, c = s
    i = open_gate(a, p.i.W @ x + p.i.U @ h + p.i.b)
    f = open_gate(a, p.f.W @ x + p.f.U @ h + p.f.b)
    g = squash(a.candidate, p.g.W @ x + p.g.U @ h + p.g.b)
    o = open_gate(a, p.o.W @ x + p.o.U @ h + p.o.b)
    raw = f * c + i * g
    y = squash(a.output, clip(raw, k))
    dR, dm = unproject(p, o * y, ds.h)
    dc = (ds.c + dm * o * squashing_slope(a.output, y)) * inside(raw, k)
    zi = dc * g * gate_slope(a, i)
    zf = dc * c * gate_slope(a, f)
    zg = dc * i * squashing_slope(a.candidate, g)
    zo = dm * y * gate_slope(a, o)
    return gather_gradients(p, GateGradients(zi, zf, zg, zo), x, h, dR, dc * f)


def configured_peephole_gradient(p: Parameters, x: Array, s: State, ds: State, k: float, a: Activations) -> Loss:
    """The gradient of `configured_peephole_cell`."""
    h, c = s
    i = open_gate(a, p.i.W @ x + p.i.U @ h + p.i.b + p.i.p * c)
    f = open_gate(a, p.f.W @ x + p.f.U @ h + p.f.b + p.f.p * c)
    g = squash(a.candidate, p.g.W @ x + p.g.U @ h + p.g.b)
    raw = f * c + i * g
    new = clip(raw, k)
    o = open_gate(a, p.o.W @ x + p.o.U @ h + p.o.b + p.o.p * new)
    y = squash(a.output, new)
    dR, dm = unproject(p, o * y, ds.h)
    zo = dm * y * gate_slope(a, o)
    dc = (ds.c + dm * o * squashing_slope(a.output, y) + zo * p.o.p) * inside(raw, k)
    zi = dc * g * gate_slope(a, i)
    zf = dc * c * gate_slope(a, f)
    zg = dc * i * squashing_slope(a.candidate, g)
    seen = GateGradients(zi * c, zf * c, None, zo * new)
    before = dc * f + zi * p.i.p + zf * p.f.p
    return gather_gradients(p, GateGradients(zi, zf, zg, zo), x, h, dR, before, seen)
# fmt: on
