"""Batches, lengths, directions and layers: maps and folds over `equations.run` and `gradients.run_gradient`."""

from functools import reduce
from typing import NamedTuple

import numpy as np

from lstm_spec.contract import Backend, Description
from lstm_spec.equations import run
from lstm_spec.gradients import CellGradient, add, run_gradient, zeros_like
from lstm_spec.storage import compute_wide, has_narrow_weights
from lstm_spec.types import (
    Answer,
    Array,
    Cell,
    Cotangents,
    Direction,
    Feature,
    Gradients,
    Parameters,
    Problem,
    State,
)
from lstm_spec.validation import check_cotangents, checked
from lstm_spec.variants import cell_of


class Reading(NamedTuple):
    """One sequence that one layer reads in one direction, up to its length."""

    cell: Cell
    gradient: CellGradient
    p: Parameters
    x: Array  # (T, I)
    s: State  # h (P,), c (H,)
    length: int
    direction: Direction

    def turn_steps(self, a: Array) -> Array:
        """The steps of a (T, ...) within the length, in the order in which they are read."""
        return a[: self.length] if self.direction == "forward" else a[: self.length][::-1]  # LEN-1, DIR-1

    def forward(self) -> tuple[Array, State]:
        """The outputs (T, P), zero beyond the length, and the state after the last step that is read."""
        y = np.zeros((len(self.x), len(self.s.h)), self.x.dtype)  # LEN-2
        within, s = run(self.p, self.turn_steps(self.x), self.s, self.cell)
        y[: self.length] = self.turn_steps(within)  # DIR-2  an output lies beside its input
        return y, s  # LEN-3, DIR-3

    def backward(self, dy: Array, ds: State) -> tuple[Parameters, Array, State]:
        """The gradients with respect to p, x and s; dx is zero beyond the length."""
        dx = np.zeros_like(self.x)  # LEN-5
        x, dy = self.turn_steps(self.x), self.turn_steps(dy)
        dp, within, ds = run_gradient(self.p, x, self.s, dy, ds, self.cell, self.gradient)  # LEN-6
        dx[: self.length] = self.turn_steps(within)
        return dp, dx, ds


def forward(problem: Problem) -> Answer:
    """The answer to the problem, computed sample by sample (NET-1), in the problem's dtype.

    Raises ValueError or TypeError if the problem is not well formed.
    """
    ys, after = _run_layers(checked(problem))
    return Answer(ys[-1], after)


def _run_layers(problem: Problem) -> tuple[list[Array], State]:
    """What each layer returned, (T, B, D*P), and the final states."""
    x, ys, after = problem.x, [], State(*(np.empty_like(a) for a in problem.state))
    for layer in range(len(problem.parameters)):
        x, after = _read_layer(problem, layer, x, after)  # NET-3  a layer reads what the one below returned
        ys.append(x)
    return ys, after


def _read_layer(problem: Problem, layer: int, x: Array, after: State) -> tuple[Array, State]:
    T, B, D, P = *x.shape[:2], len(problem.directions), problem.P
    y = np.empty((T, B, D * P), x.dtype)
    for d in range(D):
        k = layer * D + d  # NET-4
        for b in range(B):
            reading = _reading_of(problem, layer, d, x, b)
            y[:, b, d * P : (d + 1) * P], (after.h[k, b], after.c[k, b]) = reading.forward()  # DIR-4
    return y, after


def _reading_of(problem: Problem, layer: int, d: int, x: Array, b: int) -> Reading:
    k = layer * len(problem.directions) + d
    length = len(x) if problem.lengths is None else int(problem.lengths[b])
    s = State(problem.state.h[k, b], problem.state.c[k, b])
    return Reading(*cell_of(problem), problem.parameters[layer][d], x[:, b], s, length, problem.directions[d])


def gradients(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients. Those of the parameters are summed over the batch (GRAD-4).

    Raises ValueError or TypeError if the problem or the cotangents are not well formed.
    """
    ys, after = _run_layers(checked(problem))
    check_cotangents(problem, cotangents)
    before = State(*(np.empty_like(a) for a in problem.state))
    dy, layers = cotangents.y, []
    for layer in reversed(range(len(problem.parameters))):
        x = ys[layer - 1] if layer else problem.x
        dy, of_layer = _read_backwards(problem, layer, x, dy, cotangents.state, before)
        layers.append(of_layer)
    return Answer(ys[-1], after), Gradients(tuple(layers[::-1]), dy, before)


def _read_backwards(
    problem: Problem, layer: int, x: Array, dy: Array, d_after: State, before: State
) -> tuple[Array, tuple[Parameters, ...]]:
    """The gradients with respect to x and to the parameters of a layer; those of its initial states go to `before`."""
    D, P, dx, of_layer = len(problem.directions), problem.P, np.zeros_like(x), []
    for d in range(D):
        k, of_samples = layer * D + d, []
        for b in range(x.shape[1]):
            ds = State(d_after.h[k, b], d_after.c[k, b])
            dp, within, ds = _reading_of(problem, layer, d, x, b).backward(dy[:, b, d * P : (d + 1) * P], ds)
            dx[:, b] += within  # NET-5  each direction that read x sends its part back
            before.h[k, b], before.c[k, b] = ds
            of_samples.append(dp)
        of_layer.append(reduce(add, of_samples, zeros_like(problem.parameters[layer][d])))
    return dx, tuple(of_layer)


REFERENCE = compute_wide(
    Backend("reference", forward, gradients, Description(features=frozenset(Feature))), has_narrow_weights
)
