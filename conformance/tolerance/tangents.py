"""The directional derivative of the equations, carried forward in time: independent of any back-propagation."""

from dataclasses import dataclass

import numpy as np

from conformance.tolerance.rounding import sigmoid_value
from conformance.tolerance.trajectories import read_plain
from lstm_spec import Answer, Problem, State
from lstm_spec.types import Array


@dataclass(frozen=True)
class _Gates:
    i: Array
    f: Array
    g: Array
    o: Array


def push_tangent(problem: Problem, dx: Array, ds: State) -> Answer:
    """How the answer moves, in float64, where x moves by dx (T, B, I) and the initial state by ds."""
    W, U, b = read_plain(problem).w
    h, c, dh, dc = (a[0].astype(np.float64) for a in (*problem.state, *ds))
    moved = np.empty((*problem.x.shape[:2], h.shape[-1]))
    for t, x in enumerate(problem.x.astype(np.float64)):
        z, dz = x @ W.T + h @ U.T + b, dx[t] @ W.T + dh @ U.T
        now, slope = _gates(z), _slopes(z)
        di, df, dg, do = (s * part for s, part in zip(slope, np.split(dz, 4, axis=-1), strict=True))
        dc = df * c + now.f * dc + di * now.g + now.i * dg
        c = now.f * c + now.i * now.g
        y = np.tanh(c)
        h, dh = now.o * y, do * y + now.o * (1 - y * y) * dc
        moved[t] = dh
    return Answer(moved, State(dh[None], dc[None]))


def _gates(z: Array) -> _Gates:
    i, f, g, o = np.split(z, 4, axis=-1)
    return _Gates(sigmoid_value(i), sigmoid_value(f), np.tanh(g), sigmoid_value(o))


def _slopes(z: Array) -> list[Array]:
    i, f, g, o = np.split(z, 4, axis=-1)
    sigmoids = [sigmoid_value(a) * (1 - sigmoid_value(a)) for a in (i, f, o)]
    return [sigmoids[0], sigmoids[1], 1 - np.tanh(g) ** 2, sigmoids[2]]
