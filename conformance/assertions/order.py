"""Lengths and directions: which steps count, and in which order a direction reads them."""

import numpy as np

from conformance.tolerance.rounding import Bounded
from lstm_spec import Problem
from lstm_spec.types import Array


def mark_valid_steps(problem: Problem) -> Array:
    """(T, B, 1): whether the step is within the length."""
    T, B, _, _ = problem.sizes
    lengths = np.full(B, T) if problem.lengths is None else problem.lengths
    return np.asarray((np.arange(T)[:, None] < lengths)[..., None])


def turn(problem: Problem, d: int, a: Array) -> Array:
    """a (T, B, ...) in the order in which the direction reads it; turning it twice changes nothing."""
    if problem.directions[d] == "forward":
        return a
    T, B, _, _ = problem.sizes
    lengths, t = (np.full(B, T) if problem.lengths is None else problem.lengths), np.arange(T)[:, None]
    return np.asarray(a[np.where(t < lengths, lengths - 1 - t, t), np.arange(B)])


def turn_bounded(problem: Problem, d: int, q: Bounded) -> Bounded:
    """`turn` for a value and its error."""
    return Bounded(*(turn(problem, d, a) for a in q))


def take_direction(problem: Problem, d: int, a: Array) -> Array:
    """The features (..., P) that a direction wrote, of a (..., D*P)."""
    return a[..., d * problem.P : (d + 1) * problem.P]


def read_direction(problem: Problem, d: int, q: Bounded) -> Bounded:
    """What a direction wrote, in the order in which it read."""
    return Bounded(*(turn(problem, d, take_direction(problem, d, a)) for a in q))


def name_place(problem: Problem, layer: int, d: int | None = None) -> str:
    """Which layer and direction, in words; empty if the problem has only one."""
    words = [f"layer {layer}"] if len(problem.parameters) > 1 else []
    words += [problem.directions[d]] if d is not None and len(problem.directions) > 1 else []
    return f" of {' '.join(words)}" if words else ""
