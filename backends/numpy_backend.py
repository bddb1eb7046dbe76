"""An LSTM in NumPy: packed weights, one matrix product per step, back-propagation through time by hand."""

from typing import NamedTuple

import numpy as np

from lstm_spec.adapters import wide_inside
from lstm_spec.contract import Backend, Description, Feature
from lstm_spec.layouts import Packed, pack, unpack
from lstm_spec.types import Answer, Array, Cotangents, Gradients, Problem, State
from lstm_spec.validation import check_cotangents

ORDER = "ifog"  # the three sigmoids side by side


class Trace(NamedTuple):
    """What the backward pass needs of the forward pass."""

    h: Array  # (T+1, B, H)
    c: Array  # (T+1, B, H)
    gates: Array  # (T, B, 4H)
    squashed: Array  # (T, B, H)  tanh(c)


def forward(problem: Problem) -> Answer:
    """The answer. Raises ValueError or TypeError where the problem is not well formed."""
    problem.checked()
    return _answer(_run(problem, pack(problem.layer, ORDER)))


def gradients(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients of the same pass. Raises as `forward`, for the cotangents too."""
    problem.checked()
    check_cotangents(problem, cotangents)
    w = pack(problem.layer, ORDER)
    trace = _run(problem, w)
    return _answer(trace), _backward(problem, w, trace, cotangents)


def _run(problem: Problem, w: Packed) -> Trace:
    T, B, I, H = problem.sizes
    x = np.ascontiguousarray(problem.x).reshape(T * B, I)
    z = (x @ w.W.T + w.b).reshape(T, B, 4 * H)
    h, c = np.empty((2, T + 1, B, H), x.dtype)
    squashed = np.empty((T, B, H), x.dtype)
    h[0], c[0] = problem.state.h[0], problem.state.c[0]
    U = w.U.T
    for t in range(T):
        z[t] += h[t] @ U
        i, f, o, g = _gates(z[t], H)
        np.multiply(f, c[t], out=c[t + 1])
        c[t + 1] += i * g
        np.tanh(c[t + 1], out=squashed[t])
        np.multiply(o, squashed[t], out=h[t + 1])
    return Trace(h, c, z, squashed)


def _gates(z: Array, H: int) -> tuple[Array, Array, Array, Array]:
    """The pre-activations z (B, 4H) turned, in place, into i, f, o, g."""
    sigmoids, g = z[:, : 3 * H], z[:, 3 * H :]
    e = np.exp(-np.abs(sigmoids))
    np.copyto(sigmoids, np.where(sigmoids >= 0, 1, e) / (1 + e))
    np.tanh(g, out=g)
    return z[:, :H], z[:, H : 2 * H], z[:, 2 * H : 3 * H], g


def _answer(trace: Trace) -> Answer:
    return Answer(trace.h[1:].copy(), State(trace.h[-1:].copy(), trace.c[-1:].copy()))


def _backward(problem: Problem, w: Packed, trace: Trace, d: Cotangents) -> Gradients:
    T, B, I, H = problem.sizes
    i, f, o, g = (trace.gates[:, :, k * H : (k + 1) * H] for k in range(4))
    along_c = np.concatenate([g * i * (1 - i), trace.c[:-1] * f * (1 - f)], axis=2)
    along_h = trace.squashed * o * (1 - o)
    candidate = i * (1 - g * g)
    into_c = o * (1 - trace.squashed * trace.squashed)
    dz = np.empty((T, B, 4 * H), problem.dtype)
    dh, dc = d.state.h[0], d.state.c[0]
    for t in reversed(range(T)):
        dh = dh + d.y[t]
        dc = dc + dh * into_c[t]
        dz[t, :, :H] = dc * along_c[t, :, :H]
        dz[t, :, H : 2 * H] = dc * along_c[t, :, H:]
        dz[t, :, 2 * H : 3 * H] = dh * along_h[t]
        dz[t, :, 3 * H :] = dc * candidate[t]
        dh, dc = dz[t] @ w.U, dc * f[t]
    rows = dz.reshape(T * B, 4 * H)
    packed = Packed(rows.T @ problem.x.reshape(T * B, I), rows.T @ trace.h[:-1].reshape(T * B, H), rows.sum(axis=0))
    return Gradients(
        ((unpack(packed, ORDER),),), (rows @ w.W).reshape(T, B, I), State(dh[None].copy(), dc[None].copy())
    )


BACKEND = wide_inside(
    Backend(
        "numpy",
        forward,
        gradients,
        Description(
            version=np.__version__,
            features=frozenset({Feature.GRADIENTS, Feature.EMPTY_SEQUENCE, Feature.EMPTY_BATCH, Feature.DETERMINISTIC}),
        ),
    )
)
