"""How much of a gradient is left after many steps: of a backend, of the equations, and of an RNN.

One sequence of 2,000 random steps; the loss is the mean of the last hidden state. The norm of ∂loss/∂x_t is drawn over
the lag T - 1 - t: how much that input still counts. The RNN (FLOW-5) has the weights of the candidate, whose largest
singular value is RADIUS, so that FLOW-6 bounds its gradient.
"""

from typing import NamedTuple

import numpy as np

from conformance.problems.question import Question, widen_question
from lstm_spec import REFERENCE, Backend, Cotangents, Gate, Parameters, Problem, State
from lstm_spec.contrast import Elman, elman_bound, elman_gradient
from lstm_spec.equations import cell, sigmoid
from lstm_spec.types import Array

INPUTS, CELLS = 2, 8
RADIUS = 0.95  # the largest singular value of U_g
FORGET = 7.0  # the bias: σ(7) = 0.9991, so that a sixth is left after 2,000 steps
LEFT = 0.5  # of the equations' norm; from a cliff on, less than this is left at every lag


class Flow(NamedTuple):
    """Norms (T,) of ∂loss/∂x by lag, 0 first."""

    name: str
    norms: Array


def make_question(steps: int, seed: int, dtype: str) -> Question:
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
    return Question(Problem(((Parameters(i, f, g, o),),), x, State(zero, zero)), d)


def follow_backend(backend: Backend, question: Question) -> Flow:
    """The flow in a backend. Raises ValueError if it offers no gradients, or if dx has another shape than x."""
    if backend.gradients is None:
        raise ValueError(f"{backend.name} claims no gradients, expected Feature.GRADIENTS; there is nothing to follow")
    dx, x = backend.differentiate(*question)[1].x, question.problem.x
    if np.shape(dx) != x.shape:
        raise ValueError(f"dx has shape {np.shape(dx)}, expected {x.shape}")
    return Flow(backend.name, _norms_by_lag(dx[:, 0]))


def follow_equations(question: Question) -> Flow:
    """The flow in the equations of the specification, in float64."""
    return follow_backend(REFERENCE, widen_question(question))._replace(name="the equations")


def follow_cell_state(question: Question) -> Flow:
    """The flow along the long-term memory only (FLOW-1): back through the forget gates, then into the candidate."""
    wide, d = widen_question(question)
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
    dc, dx = d.state.h[0, 0] * shown, []
    for f, slope in zip(reversed(forget), reversed(slopes), strict=True):
        dx.append(p.g.W.T @ (dc * slope))
        dc = dc * f
    return Flow("along the cell only", np.linalg.norm(dx, axis=1))


def follow_elman(question: Question) -> tuple[Flow, Flow]:
    """The flow in the RNN, and its bound."""
    wide, d = widen_question(question)
    p, dy = Elman(*wide.layer.g[:3]), np.zeros((len(wide.x), CELLS))
    dy[-1] = d.state.h[0, 0]
    _, dx, _ = elman_gradient(p, wide.x[:, 0], wide.state.h[0, 0], dy)
    most = np.linalg.norm(p.W, 2) * np.linalg.norm(dy[-1])
    bounds = np.array([most * elman_bound(p, lag) for lag in range(len(dx))])
    return Flow("an RNN", _norms_by_lag(dx)), Flow("an RNN's bound", bounds)


def find_cliff(flow: Flow, expected: Flow) -> int | None:
    """The first lag from which on every norm is less than LEFT of the expected one; None if there is none."""
    low = ~(flow.norms >= LEFT * expected.norms)  # a NaN is low
    if not low[-1]:
        return None
    high = np.flatnonzero(~low)
    return int(high[-1]) + 1 if len(high) else 0


def is_finite(flow: Flow) -> bool:
    """Whether every norm is a number."""
    return bool(np.isfinite(flow.norms).all())


def _norms_by_lag(dx: Array) -> Array:
    """The norm of each step of dx (T, I), the last step first."""
    return np.linalg.norm(dx.astype(np.float64), axis=1)[::-1]
