"""Stacked layers and directions for any array library: the code that NumPy and CuPy share.

A backend passes two functions for one layer in one direction: `read` runs it and `back` differentiates it. Both receive
the steps in the order in which the direction reads them; every sequence of the batch starts at step 0.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from lstm_spec.types import Array, Gradients, Parameters, Problem, State


class StackedProblem(NamedTuple):
    """A problem whose arrays belong to the library `xp`."""

    xp: Any
    problem: Problem  # use everything but its arrays
    x: Array  # (T, B, I), anything beyond a length
    state: State
    lengths: Array | None  # (B,)
    valid: Array | None  # (T, B, 1)  True within the lengths; None if there are no lengths
    order: Array | None  # (T, B, 1)  the step that a reverse direction reads at each time; None as above

    def select_valid(self, a: Array) -> Array:
        """a (T, B, ...) within the lengths and 0 beyond; not a product, because 0 times NaN is NaN."""
        return a if self.valid is None else self.xp.where(self.valid, a, self.xp.zeros_like(a))

    def turn_time(self, d: int, a: Array) -> Array:
        """a (T, B, ...) in the order in which direction d reads it; applying it twice restores a."""
        if self.problem.directions[d] == "forward":
            return a
        return a[::-1, ...] if self.order is None else self.xp.take_along_axis(a, self.order, axis=0)


def stack_problem(xp: Any, problem: Problem, x: Array, state: State, lengths: Array | None) -> StackedProblem:
    """The problem with x, state and lengths given as arrays of `xp`."""
    if lengths is None:
        return StackedProblem(xp, problem, x, state, None, None, None)
    t = xp.arange(len(x))[:, None]
    valid = t < lengths
    return StackedProblem(
        xp, problem, x, state, lengths, valid[..., None], xp.where(valid, lengths - 1 - t, t)[..., None]
    )


class LayerAnswer(NamedTuple):
    """The answer of a layer in one direction, in its order of reading; a sequence that has ended keeps its state."""

    y: Array  # (T, B, P)  0 beyond a length
    last: State
    trace: Any  # what the backward pass needs, if it was kept


class LayerGradients(NamedTuple):
    """The gradients of one layer in one direction."""

    p: Parameters
    x: Array  # (T, B, I)
    h: Array  # (B, P)
    c: Array  # (B, H)


Rows = list[list[Any]]  # [layer][direction]


def run_layers(
    q: StackedProblem, layers: Rows, read: Callable[[Any, Array, State], LayerAnswer]
) -> tuple[Rows, Array, State]:
    """Run all layers and return the traces, y and the final states."""
    x, traces, after, D = q.select_valid(q.x), [], [], len(q.problem.directions)
    for n, row in enumerate(layers):
        reads = [
            read(layer, q.turn_time(d, x), State(q.state.h[n * D + d, ...], q.state.c[n * D + d, ...]))
            for d, layer in enumerate(row)
        ]
        ys = [q.turn_time(d, one.y) for d, one in enumerate(reads)]
        x = ys[0] if D == 1 else q.xp.concat(ys, axis=2)
        traces.append([one.trace for one in reads])
        after += [one.last for one in reads]
    h, c = (q.xp.stack(column) for column in zip(*after, strict=True))
    return traces, x, State(h, c)


def run_layers_backwards(
    q: StackedProblem,
    layers: Rows,
    traces: Rows,
    dy: Array,
    d_last: State,
    back: Callable[[Any, Any, Array, State], LayerGradients],
) -> Gradients:
    """The gradients of all layers, given the cotangents of y and of the final states."""
    D, P = len(q.problem.directions), q.problem.P
    rows: list[tuple[Parameters, ...]] = []
    before: list[State] = []
    dy = q.select_valid(dy)
    for n in reversed(range(len(layers))):
        founds = [
            back(
                layers[n][d],
                traces[n][d],
                q.turn_time(d, dy[..., d * P : (d + 1) * P]),
                State(d_last.h[n * D + d, ...], d_last.c[n * D + d, ...]),
            )
            for d in range(D)
        ]
        parts = [q.turn_time(d, found.x) for d, found in enumerate(founds)]
        dy = parts[0] if D == 1 else parts[0] + parts[1]
        rows.insert(0, tuple(found.p for found in founds))
        before = [State(found.h, found.c) for found in founds] + before
    h, c = (q.xp.stack(column) for column in zip(*before, strict=True))
    return Gradients(tuple(rows), dy, State(h, c))
