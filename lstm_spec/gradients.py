"""The equations page differentiated by hand: full back-propagation through time, for one sample.

A cotangent dq is the gradient of the loss with respect to q. Graves & Schmidhuber 2005 (the full gradient).
"""

from collections.abc import Callable

import numpy as np

from lstm_spec.equations import cell, sigmoid, tanh
from lstm_spec.types import Array, Cell, Gate, Parameters, State, each_array


# fmt: off
def cell_gradient(p: Parameters, x: Array, s: State, ds: State) -> tuple[Parameters, Array, State]:
    """The gradients with respect to p, x and s, where ds is the cotangent of cell(p, x, s)."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    y = tanh(f * c + i * g)
    dh = ds.h
    dc = ds.c + dh * o * (1 - y * y)                    # GRAD-1  into the cell, through the output
    zi = dc * g * i * (1 - i)                           # GRAD-2  the four gate gradients
    zf = dc * c * f * (1 - f)                           # GRAD-2
    zg = dc * i * (1 - g * g)                           # GRAD-2
    zo = dh * y * o * (1 - o)                           # GRAD-2
    di, df, dg, do = (Gate(np.outer(z, x), np.outer(z, h), z) for z in (zi, zf, zg, zo))  # GRAD-4
    dx = p.i.W.T @ zi + p.f.W.T @ zf + p.g.W.T @ zg + p.o.W.T @ zo                        # GRAD-5
    dh = p.i.U.T @ zi + p.f.U.T @ zf + p.g.U.T @ zg + p.o.U.T @ zo                        # GRAD-3, GRAD-6
    dc = dc * f                                         # GRAD-3, GRAD-6, FLOW-1  along the cell only f counts
    return Parameters(di, df, dg, do), dx, State(dh, dc)
# fmt: on


CellGradient = Callable[[Parameters, Array, State, State], tuple[Parameters, Array, State]]


def run_gradient(
    p: Parameters,
    x: Array,
    s: State,
    dy: Array,
    ds: State,
    cell: Cell = cell,
    cell_gradient: CellGradient = cell_gradient,
) -> tuple[Parameters, Array, State]:
    """The gradients with respect to p, x and s, where dy and ds are the cotangents of run(p, x, s, cell)."""
    states = [s]
    for x_t in x:
        states.append(cell(p, x_t, states[-1]))
    dp, dx = zeros_like(p), np.empty_like(x)
    for t in reversed(range(len(x))):
        step, dx[t], ds = cell_gradient(p, x[t], states[t], State(ds.h + dy[t], ds.c))
        dp = add(dp, step)
    return dp, dx, ds


def zeros_like(p: Parameters) -> Parameters:
    """Parameters of the same shapes and dtypes as p, all zero."""
    return each_array(np.zeros_like, p)


def add(p: Parameters, q: Parameters) -> Parameters:
    """The sum of two sets of parameters, array by array."""
    return each_array(np.add, p, q)
