"""One gate at a time, read through the public interface; the others are held open or shut to the last bit."""

from typing import Any

import numpy as np

from conformance.arrays import frozen, limits
from conformance.assertions.comparison import model_of
from conformance.assertions.shapes import assert_answer_shaped
from conformance.problems.question import with_gates
from conformance.tolerance.cell import hidden_state
from conformance.tolerance.functions import functions_of
from conformance.tolerance.reading import Trajectory
from conformance.tolerance.rounding import Bounded, exact, narrow, with_oracle
from conformance.tolerance.trajectories import observed_trajectory
from lstm_spec import Answer, Backend, Gate, Parameters, Problem, State
from lstm_spec.types import Array

OPEN, SHUT = 1000.0, -1000.0


def hold_gates(problem: Problem, **biases: float) -> Problem:
    """The problem with these gates' biases set."""

    def hold(k: str, gate: Gate) -> Gate:
        return gate._replace(b=frozen(np.full_like(gate.b, biases[k]))) if k in biases else gate

    return with_gates(problem, hold)


def observe_answer(backend: Backend, problem: Problem) -> tuple[Answer, Trajectory]:
    """An answer, and the trajectory that says how far off it may be."""
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    return answer, observed_trajectory(problem, answer.y, model_of(backend, problem))


SWEEPS = (
    lambda rng, n: np.linspace(-8, 8, n) + rng.uniform(-0.5, 0.5),
    lambda rng, n: rng.uniform(-30, 30, n),
    lambda rng, n: rng.uniform(-110, 110, n),
    lambda rng, n: rng.uniform(-740, 740, n),
    lambda rng, n: rng.choice([-1.0, 1.0], n) * 10 ** rng.uniform(-8, 1, n),
    lambda rng, n: rng.standard_normal(n),
)


def show_returned_cell(backend: Backend, problem: Problem, o: Bounded, c: Array) -> Bounded:
    """What the output gate o shows of the cell state that was returned as c (B, H), and may be wider inside."""
    m = with_oracle(model_of(backend, problem))
    return hidden_state(functions_of(problem.variant).output, o, narrow(exact(c), max(m.wide_h, m.u_c), m), m)[1]


def isolate_gate(problem: Problem, seed: int, letter: str, c: float | None, **biases: float) -> tuple[Problem, Array]:
    """A problem in which one gate alone can be read, and its pre-activations (B, H).

    They come in by the bias, by an input or by a hidden unit; the other gates are held; c_0 is given, or is them.
    """
    rng = np.random.default_rng(seed)
    _, B, I, H = problem.sizes
    v = SWEEPS[seed % len(SWEEPS)](rng, H).astype(problem.dtype)
    v[np.abs(v) < limits(v.dtype).tiny] = 0
    way = (seed // len(SWEEPS)) % 3
    x, h = np.zeros((1, B, I), v.dtype), np.zeros((1, B, H), v.dtype)
    x[..., seed % I], h[..., seed % H] = 1, 1
    i, f, g, o = (
        _drive_gate(v, I, way, seed) if k == letter else _hold_gate(H, I, v.dtype, biases.get(k, 0.0)) for k in "ifgo"
    )
    cell = np.broadcast_to(v, (1, B, H)) if c is None else np.full((1, B, H), c, v.dtype)
    asked = Problem(((Parameters(i, f, g, o),),), frozen(x), State(frozen(h), frozen(np.array(cell))))
    return asked, np.broadcast_to(v.astype(np.float64), (B, H))


def _hold_gate(H: int, I: int, dtype: np.dtype[Any], bias: float) -> Gate:
    zeros = np.zeros((H, I), dtype), np.zeros((H, H), dtype)
    return Gate(frozen(zeros[0]), frozen(zeros[1]), frozen(np.full(H, bias, dtype)))


def _drive_gate(v: Array, I: int, way: int, seed: int) -> Gate:
    H = len(v)
    W, U, b = np.zeros((H, I), v.dtype), np.zeros((H, H), v.dtype), np.zeros(H, v.dtype)
    if way == 0:
        b[:] = v
    elif way == 1:
        W[:, seed % I] = v
    else:
        U[:, seed % H] = v
    return Gate(frozen(W), frozen(U), frozen(b))
