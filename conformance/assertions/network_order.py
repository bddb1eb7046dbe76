"""Lengths and directions: which steps count, and in which order a direction reads them."""

import numpy as np

from conformance.tolerance.rounding import Bounded
from lstm_spec import Problem
from lstm_spec.types import Array


def valid_steps(problem: Problem) -> Array:
    """(T, B, 1): whether the step is within the length."""
    T, B, _, _ = problem.sizes
    lengths = np.full(B, T) if problem.lengths is None else problem.lengths
    return np.asarray((np.arange(T)[:, None] < lengths)[..., None])


def turned(problem: Problem, d: int, a: Array) -> Array:
    """a (T, B, ...) in the order in which the direction reads it; turned twice it is as it was."""
    if problem.directions[d] == "forward":
        return a
    T, B, _, _ = problem.sizes
    lengths, t = (np.full(B, T) if problem.lengths is None else problem.lengths), np.arange(T)[:, None]
    return np.asarray(a[np.where(t < lengths, lengths - 1 - t, t), np.arange(B)])


def turn_bounded(problem: Problem, d: int, q: Bounded) -> Bounded:
    return Bounded(*(turned(problem, d, a) for a in q))


def part_of(problem: Problem, d: int, a: Array) -> Array:
    """The features that a direction wrote."""
    return a[..., d * problem.P : (d + 1) * problem.P]


def name_place(problem: Problem, layer: int, d: int | None = None) -> str:
    """Of which layer and direction, in words; nothing where there is one only."""
    of = [f"layer {layer}"] if len(problem.parameters) > 1 else []
    of += [problem.directions[d]] if d is not None and len(problem.directions) > 1 else []
    return f" of {' '.join(of)}" if of else ""
