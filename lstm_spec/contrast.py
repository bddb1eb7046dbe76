"""Two nets to compare the LSTM with, for one sample: one sees no order, the other is recurrent and forgets.

x (I,) and x (T, I), state h (H,). The recurrent net is that of Elman 1990. Bengio, Simard & Frasconi 1994 and Pascanu,
Mikolov & Bengio 2013 describe how its gradient flows. The end of this module shows how the LSTM's gradient flows
(Hochreiter & Schmidhuber 1997; with forget gates, Gers, Schmidhuber & Cummins 2000).
"""

from typing import NamedTuple

import numpy as np

from lstm_spec.equations import cell, sigmoid, tanh
from lstm_spec.types import Array, Parameters, State


class Elman(NamedTuple):
    """The weights of an Elman net. A feed-forward net has the same, less U."""

    W: Array  # (H, I)
    U: Array  # (H, H)
    b: Array  # (H,)


def feed_forward(p: Elman, x: Array) -> Array:
    """The output (H,) of a net without state, which sees the sum of all steps x (T, I) and not their order."""
    return tanh(p.W @ x.sum(axis=0) + p.b)  # FLOW-4


# fmt: off
def elman_cell(p: Elman, x: Array, h: Array) -> Array:
    """The state h (H,) after reading x (I,) in state h. Elman 1990."""
    return tanh(p.W @ x + p.U @ h + p.b)                # FLOW-5  the one memory, overwritten at every step


def elman_cell_gradient(p: Elman, x: Array, h: Array, dh: Array) -> tuple[Elman, Array, Array]:
    """The gradients with respect to p, x and h, where dh (H,) is the cotangent of elman_cell(p, x, h)."""
    y = elman_cell(p, x, h)
    z = dh * (1 - y * y)
    return Elman(np.outer(z, x), np.outer(z, h), z), p.W.T @ z, p.U.T @ z  # FLOW-6  Uᵀ again, step after step
# fmt: on


def elman(p: Elman, x: Array, h: Array) -> Array:
    """The states (T, H) while x (T, I) is read, starting from state h (H,)."""
    y = np.empty((len(x), len(h)), x.dtype)
    for t, x_t in enumerate(x):
        y[t] = h = elman_cell(p, x_t, h)
    return y


def elman_gradient(p: Elman, x: Array, h: Array, dy: Array) -> tuple[Elman, Array, Array]:
    """The gradients with respect to p, x and h, where dy (T, H) is the cotangent of elman(p, x, h)."""
    before = np.concatenate([h[None], elman(p, x, h)])
    dp, dx, dh = Elman(*map(np.zeros_like, p)), np.empty_like(x), np.zeros_like(h)
    for t in reversed(range(len(x))):
        step, dx[t], dh = elman_cell_gradient(p, x[t], before[t], dh + dy[t])
        dp = Elman(*map(np.add, dp, step))
    return dp, dx, dh


# ---------------------------------------------------------------- Jacobians


def elman_jacobian(p: Elman, x: Array, h: Array) -> Array:
    """The Jacobian ∂h_T/∂h_0 (H, H) of an Elman net that reads x (T, I) from state h (H,)."""
    J = np.eye(len(h), dtype=h.dtype)
    for x_t in x:
        h = elman_cell(p, x_t, h)
        J = (1 - h * h)[:, None] * (p.U @ J)  # FLOW-6
    return J


def elman_bound(p: Elman, lag: int) -> float:
    """An upper bound of the 2-norm of ∂h_t/∂h_{t-lag} for all inputs; 1 is the largest slope of tanh.

    Pascanu, Mikolov & Bengio 2013.
    """
    return float(np.linalg.norm(p.U, 2) ** lag)  # FLOW-6


def jacobian(p: Parameters, x: Array, s: State) -> Array:
    """The Jacobian ∂(h_T, c_T)/∂(h_0, c_0) (2H, 2H) of an LSTM that reads x (T, I) from state s."""
    H = len(s.h)
    J = np.eye(2 * H, dtype=s.h.dtype)
    for x_t in x:
        J = cell_jacobian(p, x_t, s) @ J  # FLOW-7
        s = cell(p, x_t, s)
    return J


# fmt: off
def cell_jacobian(p: Parameters, x: Array, s: State) -> Array:
    """The Jacobian ∂(h_t, c_t)/∂(h_{t-1}, c_{t-1}) (2H, 2H) of one step that reads x (I,) in state s."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b)
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)
    y = tanh(f * c + i * g)
    c_h = (rows(i * (1 - g * g), p.g.U)                 # ∂c_t/∂h, through i, f and g
           + rows(g * i * (1 - i), p.i.U)
           + rows(c * f * (1 - f), p.f.U))
    c_c = np.diag(f)                                    # FLOW-1  ∂c_t/∂c: the carousel
    shown = o * (1 - y * y)
    h_h = rows(shown, c_h) + rows(y * o * (1 - o), p.o.U)
    return np.block([[h_h, rows(shown, c_c)], [c_h, c_c]])
# fmt: on


def rows(v: Array, M: Array) -> Array:
    """The product diag(v) M: each row of M times its number in v."""
    return v[:, None] * M


def carousel(p: Parameters, x: Array, s: State) -> Array:
    """The derivative ∂c_T/∂c_0 (H,) along the cell state only: the product of all forget gates."""
    found = np.ones_like(s.c)
    for x_t in x:
        found = found * sigmoid(p.f.W @ x_t + p.f.U @ s.h + p.f.b)  # FLOW-1
        s = cell(p, x_t, s)
    return found
