"""The nets: the LSTM of any backend, by its public `gradients`, the same with a gradient cut off, and an Elman RNN."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from long_lags.tasks import DTYPE
from lstm_spec import Array, Backend, Cotangents, Gate, Parameters, Problem, State
from lstm_spec.types import GATES

Weights = dict[str, Array]
H = 16


class Net(NamedTuple):
    """From inputs to the last hidden state h (B, H), and from dh to the gradients of the weights."""

    name: str
    of: str  # the backend, or this file
    rate: float  # of its learning at first; it goes down to 0 in equal steps
    new: Callable[[np.random.Generator, int, int], Weights]  # for so many inputs, and sequences so long
    last: Callable[[Weights, Array], Array]
    learn: Callable[[Weights, Array, Callable[[Array], Array]], Weights]  # given what makes dh of h


def uniform(rng: np.random.Generator, *shape: int) -> Array:
    edge = 1 / np.sqrt(H)
    return rng.uniform(-edge, edge, shape).astype(DTYPE)


def lstm(backend: Backend) -> Net:
    """The backend's."""

    def new(rng: np.random.Generator, I: int, T: int) -> Weights:
        """b_f = log(1 … T - 1), b_i = -b_f: it keeps for so many steps. Tallec & Ollivier 2018, arXiv:1804.11188."""
        found = {f"{part}_{k}": uniform(rng, H, n) for k in GATES for part, n in (("W", I), ("U", H))}
        kept = np.log(rng.uniform(1, T - 1, H)).astype(DTYPE)
        return found | {"b_f": kept, "b_i": -kept, "b_g": np.zeros(H, DTYPE), "b_o": np.zeros(H, DTYPE)}

    def problem(w: Weights, x: Array) -> Problem:
        i, f, g, o = (Gate(w[f"W_{k}"], w[f"U_{k}"], w[f"b_{k}"]) for k in GATES)
        zero = np.zeros((1, x.shape[1], H), DTYPE)
        return Problem(((Parameters(i, f, g, o),),), x, State(zero, zero))

    def last(w: Weights, x: Array) -> Array:
        return backend.forward(problem(w, x)).state.h[0]

    def learn(w: Weights, x: Array, dh: Callable[[Array], Array]) -> Weights:
        asked = problem(w, x)
        zero = np.zeros_like(asked.state.h)
        d = Cotangents(np.zeros((*x.shape[:2], H), DTYPE), State(dh(last(w, x))[None], zero))
        assert backend.gradients is not None
        (p,) = backend.gradients(asked, d)[1].parameters[0]
        return {f"{part}_{k}": getattr(getattr(p, k), part) for k in GATES for part in "WUb"}

    return Net("LSTM", backend.name, 0.02, new, last, learn)


def elman() -> Net:
    """h_t = tanh(W x_t + U h_{t-1} + b), for a batch: `lstm_spec.contrast` has it for one sample."""

    def new(rng: np.random.Generator, I: int, T: int) -> Weights:
        """U orthogonal, by which nothing shrinks but in tanh: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120."""
        q, r = np.linalg.qr(rng.standard_normal((H, H)))
        return {"W": uniform(rng, H, I), "U": (q * np.sign(np.diag(r))).astype(DTYPE), "b": np.zeros(H, DTYPE)}

    def states(w: Weights, x: Array) -> Array:
        h = np.zeros((len(x) + 1, x.shape[1], H), DTYPE)
        z = x @ w["W"].T + w["b"]
        for t in range(len(x)):
            np.tanh(z[t] + h[t] @ w["U"].T, out=h[t + 1])
        return h

    def learn(w: Weights, x: Array, dh: Callable[[Array], Array]) -> Weights:
        h = states(w, x)
        d, dz = dh(h[-1]), np.empty_like(h[1:])
        for t in reversed(range(len(x))):
            dz[t] = d * (1 - h[t + 1] ** 2)
            d = dz[t] @ w["U"]
        rows = dz.reshape(-1, H)
        return {"W": rows.T @ x.reshape(len(rows), -1), "U": rows.T @ h[:-1].reshape(-1, H), "b": rows.sum(axis=0)}

    return Net("RNN", "long_memory.py", 0.01, new, lambda w, x: states(w, x)[-1], learn)


CUT_OFF = "LSTM, gradient cut off after 50 steps"


def cut_off(backend: Backend, steps: int) -> Backend:
    """The backend, but its gradient sees the last steps alone: what a truncated back-propagation learns."""

    def gradients(problem: Problem, d: Cotangents) -> Any:
        early = max(0, len(problem.x) - steps)
        before = backend.forward(replace(problem, x=problem.x[:early])).state if early else problem.state
        assert backend.gradients is not None
        return backend.gradients(replace(problem, x=problem.x[early:], state=before), replace(d, y=d.y[early:]))

    return replace(backend, name=f"{backend.name}, cut off after {steps} steps", gradients=gradients)
