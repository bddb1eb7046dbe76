"""Layers on layers and directions side by side, for any array library: what NumPy and CuPy have in common.

A backend brings how one layer in one direction reads (`read`) and how it is differentiated (`back`); time runs as it is
read there, and every sequence of the batch starts at step 0.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from lstm_spec.types import Array, Gradients, Parameters, Problem, State


class Asked(NamedTuple):
    """A problem whose arrays are those of the library `xp`."""

    xp: Any
    problem: Problem  # for everything but its arrays
    x: Array  # (T, B, I), and whatever it is beyond a length
    state: State
    lengths: Array | None  # (B,)
    valid: Array | None  # (T, B, 1)  what lies within the lengths; None where everything does
    order: Array | None  # (T, B, 1)  which step a reverse direction reads when, where there are lengths

    def selected(self, a: Array) -> Array:
        """What lies within the lengths of a (T, B, ...), else 0; selected, for 0 times NaN is NaN."""
        return a if self.valid is None else self.xp.where(self.valid, a, self.xp.zeros_like(a))

    def turned(self, d: int, a: Array) -> Array:
        """a (T, B, ...) in the order in which the direction reads it; turned twice it is as it was."""
        if self.problem.directions[d] == "forward":
            return a
        return a[::-1, ...] if self.order is None else self.xp.take_along_axis(a, self.order, axis=0)


def asked(xp: Any, problem: Problem, x: Array, state: State, lengths: Array | None) -> Asked:
    """The problem, in arrays of `xp`."""
    if lengths is None:
        return Asked(xp, problem, x, state, None, None, None)
    t = xp.arange(len(x))[:, None]
    valid = t < lengths
    return Asked(xp, problem, x, state, lengths, valid[..., None], xp.where(valid, lengths - 1 - t, t)[..., None])


class Read(NamedTuple):
    """What a layer read in one direction, in the order in which it did; a sequence that has ended keeps its state."""

    y: Array  # (T, B, P)  0 beyond a length
    last: State
    trace: Any  # what the backward pass needs; None where nothing was to be kept


class Found(NamedTuple):
    """The gradients of one layer in one direction."""

    p: Parameters
    x: Array  # (T, B, I)
    h: Array  # (B, P)
    c: Array  # (B, H)


Rows = list[list[Any]]  # [layer][direction]


def run(q: Asked, layers: Rows, read: Callable[[Any, Array, State], Read]) -> tuple[Rows, Array, State]:
    """The traces, y, and the final states."""
    x, traces, after, D = q.selected(q.x), [], [], len(q.problem.directions)
    for n, row in enumerate(layers):
        reads = [
            read(layer, q.turned(d, x), State(q.state.h[n * D + d, ...], q.state.c[n * D + d, ...]))
            for d, layer in enumerate(row)
        ]
        ys = [q.turned(d, one.y) for d, one in enumerate(reads)]
        x = ys[0] if D == 1 else q.xp.concat(ys, axis=2)
        traces.append([one.trace for one in reads])
        after += [one.last for one in reads]
    h, c = (q.xp.stack(column) for column in zip(*after, strict=True))
    return traces, x, State(h, c)


def run_backwards(
    q: Asked, layers: Rows, traces: Rows, dy: Array, d_last: State, back: Callable[[Any, Any, Array, State], Found]
) -> Gradients:
    """From the cotangents of y and of the final states."""
    D, P = len(q.problem.directions), q.problem.P
    rows: list[tuple[Parameters, ...]] = []
    before: list[State] = []
    dy = q.selected(dy)
    for n in reversed(range(len(layers))):
        founds = [
            back(
                layers[n][d],
                traces[n][d],
                q.turned(d, dy[..., d * P : (d + 1) * P]),
                State(d_last.h[n * D + d, ...], d_last.c[n * D + d, ...]),
            )
            for d in range(D)
        ]
        parts = [q.turned(d, found.x) for d, found in enumerate(founds)]
        dy = parts[0] if D == 1 else parts[0] + parts[1]
        rows.insert(0, tuple(found.p for found in founds))
        before = [State(found.h, found.c) for found in founds] + before
    h, c = (q.xp.stack(column) for column in zip(*before, strict=True))
    return Gradients(tuple(rows), dy, State(h, c))
