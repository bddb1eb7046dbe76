"""How much of a gradient is left after how many steps: a backend's, beside what the equations say and an RNN's.

One sequence of 2,000 random steps; the loss is the mean of the last hidden state. The norm of ∂loss/∂x_t, at lag
T - 1 - t, is what the input of that step still counts. The RNN (FLOW-5) has the weights of the candidate, whose largest
singular value is RADIUS, so that FLOW-6 says what it cannot exceed.
"""

from typing import NamedTuple

import numpy as np

from lstm_spec import REFERENCE, Backend, Cotangents, Gate, Parameters, Problem, State
from lstm_spec.contrast import Elman, elman_bound, elman_gradient
from lstm_spec.equations import cell, sigmoid
from lstm_spec.types import Array, each_array

INPUTS, CELLS = 2, 8
RADIUS = 0.95  # the largest singular value of U_g
FORGET = 7.0  # the bias: σ(7) = 0.9991, so that 2,000 steps leave a sixth
LEFT = 0.5  # of what the equations say: less, at every lag from here on, is a cliff


class Flow(NamedTuple):
    """Norms (T,) of ∂loss/∂x by lag, 0 first."""

    name: str
    norms: Array


def question(steps: int, seed: int, dtype: str) -> tuple[Problem, Cotangents]:
    """The weights, the sequence, and the loss on h_T."""
    rng = np.random.default_rng(seed)

    def gate(bias: float) -> Gate:
        U = rng.standard_normal((CELLS, CELLS))
        W = 0.5 * rng.standard_normal((CELLS, INPUTS))
        return Gate(*(a.astype(dtype) for a in (W, RADIUS * U / np.linalg.norm(U, 2), np.full(CELLS, bias))))

    i, f, g, o = gate(-3.0), gate(FORGET), gate(0.0), gate(0.0)
    f = f._replace(W=f.W / 4, U=f.U / 4)
    zero = np.zeros((1, 1, CELLS), dtype)
    x = rng.uniform(-1, 1, (steps, 1, INPUTS)).astype(dtype)
    d = Cotangents(np.zeros((steps, 1, CELLS), dtype), State(np.full((1, 1, CELLS), 1 / CELLS, dtype), zero))
    return Problem(((Parameters(i, f, g, o),),), x, State(zero, zero)), d


def of_backend(backend: Backend, problem: Problem, d: Cotangents) -> Flow:
    """Through its public gradients. Raises ValueError for a backend without them, or where dx has another shape."""
    if backend.gradients is None:
        raise ValueError(f"{backend.name} claims no gradients, expected Feature.GRADIENTS; there is nothing to follow")
    dx = backend.gradients(problem, d)[1].x
    if np.shape(dx) != problem.x.shape:
        raise ValueError(f"dx has shape {np.shape(dx)}, expected {problem.x.shape}")
    return Flow(backend.name, _norms(dx[:, 0]))


def of_equations(problem: Problem, d: Cotangents) -> Flow:
    """What lstm_spec/gradients.py says, in float64."""
    wide_problem, wide_d = _wide(problem, d)
    assert REFERENCE.gradients is not None
    return Flow("the equations", _norms(REFERENCE.gradients(wide_problem, wide_d)[1].x[:, 0]))


def of_carousel(problem: Problem, d: Cotangents) -> Flow:
    """Along the long-term memory alone (FLOW-1): into the candidate, then forget gate after forget gate."""
    wide, wide_d = _wide(problem, d)
    p, s = wide.layer, State(wide.state.h[0, 0], wide.state.c[0, 0])
    assert p.i and p.f and p.o, "the standard cell has them"
    forget, slopes, shown = [], [], np.zeros(CELLS)
    for x in wide.x[:, 0]:
        i, f, o = (sigmoid(gate.W @ x + gate.U @ s.h + gate.b) for gate in (p.i, p.f, p.o))
        g = np.tanh(p.g.W @ x + p.g.U @ s.h + p.g.b)
        s = cell(p, x, s)
        forget.append(f)
        slopes.append(i * (1 - g * g))
        shown = o * (1 - np.tanh(s.c) ** 2)
    dc, found = wide_d.state.h[0, 0] * shown, []
    for f, slope in zip(reversed(forget), reversed(slopes), strict=True):
        found.append(p.g.W.T @ (dc * slope))
        dc = dc * f
    return Flow("along the cell alone", np.linalg.norm(found, axis=1))


def of_elman(problem: Problem, d: Cotangents) -> tuple[Flow, Flow]:
    """The RNN's, and what it cannot exceed."""
    wide, wide_d = _wide(problem, d)
    p, dy = Elman(*wide.layer.g[:3]), np.zeros((len(wide.x), CELLS))
    dy[-1] = wide_d.state.h[0, 0]
    _, dx, _ = elman_gradient(p, wide.x[:, 0], wide.state.h[0, 0], dy)
    most = np.linalg.norm(p.W, 2) * np.linalg.norm(dy[-1])
    bounds = np.array([most * elman_bound(p, lag) for lag in range(len(dx))])
    return Flow("an RNN", _norms(dx)), Flow("an RNN's bound", bounds)


def cliff(flow: Flow, expected: Flow) -> int | None:
    """The lag from which on it is less than LEFT of what it should be; None where there is no such lag."""
    low = ~(flow.norms >= LEFT * expected.norms)  # a NaN is low
    if not low[-1]:
        return None
    high = np.flatnonzero(~low)
    return int(high[-1]) + 1 if len(high) else 0


def finite(flow: Flow) -> bool:
    """Whether every norm is a number."""
    return bool(np.isfinite(flow.norms).all())


def _norms(dx: Array) -> Array:
    """By lag: the last step first."""
    return np.linalg.norm(dx.astype(np.float64), axis=1)[::-1]


def _wide(problem: Problem, d: Cotangents) -> tuple[Problem, Cotangents]:
    def wide(a: Array) -> Array:
        return a.astype(np.float64)

    layer = each_array(wide, problem.layer)
    state, cotangents = State(*map(wide, problem.state)), Cotangents(wide(d.y), State(*map(wide, d.state)))
    return Problem(((layer,),), wide(problem.x), state), cotangents
