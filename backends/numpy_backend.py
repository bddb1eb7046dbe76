"""An LSTM in NumPy: any layers, directions, lengths and variants, a batch at a time, gradients by hand."""

from typing import NamedTuple

import numpy as np

from backends.numpy_layer import Layer, Trace, layer_of, read, read_backwards, selected
from lstm_spec.adapters import wide_inside
from lstm_spec.contract import Backend, Description, Feature
from lstm_spec.types import Answer, Array, Cotangents, Gradients, Parameters, Problem, State
from lstm_spec.validation import check_cotangents


class Kept(NamedTuple):
    """What the backward pass needs of one layer in one direction."""

    layer: Layer
    trace: Trace


def forward(problem: Problem) -> Answer:
    """The answer. Raises ValueError or TypeError where the problem is not well formed."""
    problem.checked()
    _, y, after = _run(problem, keep=False)
    return Answer(y, after)


def gradients(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients of the same pass. Raises as `forward`, for the cotangents too."""
    problem.checked()
    check_cotangents(problem, cotangents)
    kept, y, after = _run(problem, keep=True)
    return Answer(y, after), _run_backwards(problem, kept, cotangents)


def _run(problem: Problem, keep: bool) -> tuple[list[list[Kept]], Array, State]:
    valid, D = _valid(problem), len(problem.directions)
    x, kept, after = selected(valid, problem.x), [], State(*(np.empty_like(a) for a in problem.state))
    for n, row in enumerate(problem.parameters):
        of_layer, ys = [], []
        for d, p in enumerate(row):
            k, layer = n * D + d, layer_of(p, problem.variant)
            s = State(problem.state.h[k], problem.state.c[k])
            y, last, trace = read(layer, _turned(problem, d, x), s, valid, keep)
            if trace:
                of_layer.append(Kept(layer, trace))
            after.h[k], after.c[k] = last
            ys.append(_turned(problem, d, selected(valid, y)))
        x = ys[0] if D == 1 else np.concatenate(ys, axis=2)
        kept.append(of_layer)
    return kept, x.copy() if problem.directions == ("reverse",) or keep else x, after


def _run_backwards(problem: Problem, kept: list[list[Kept]], cotangents: Cotangents) -> Gradients:
    valid, D, P = _valid(problem), len(problem.directions), problem.P
    dy, before = selected(valid, cotangents.y), State(*(np.empty_like(a) for a in problem.state))
    parameters: list[tuple[Parameters, ...]] = []
    for n in reversed(range(len(kept))):
        dx, found = None, []
        for d, (layer, trace) in enumerate(kept[n]):
            k = n * D + d
            mine = _turned(problem, d, dy[..., d * P : (d + 1) * P])
            last = State(cotangents.state.h[k], cotangents.state.c[k])
            part = read_backwards(layer, trace, mine, last, valid)
            before.h[k], before.c[k] = part.h, part.c
            back = _turned(problem, d, part.x)
            dx = back if dx is None else dx + back
            found.append(part.p)
        assert dx is not None, "a layer has a direction"
        dy = dx
        parameters.insert(0, tuple(found))
    return Gradients(tuple(parameters), dy, before)


def _valid(problem: Problem) -> Array | None:
    """(T, B, 1): what lies within the lengths; None where everything does."""
    if problem.lengths is None:
        return None
    return np.asarray((np.arange(len(problem.x))[:, None] < problem.lengths)[..., None])


def _turned(problem: Problem, d: int, a: Array) -> Array:
    """a (T, B, ...) in the order in which the direction reads it; turned twice it is as it was."""
    if problem.directions[d] == "forward":
        return a
    if problem.lengths is None:
        return a[::-1]
    t, lengths = np.arange(len(a))[:, None], problem.lengths
    return np.asarray(a[np.where(t < lengths, lengths - 1 - t, t), np.arange(a.shape[1])])


BACKEND = wide_inside(
    Backend("numpy", forward, gradients, Description(version=np.__version__, features=frozenset(Feature)))
)
