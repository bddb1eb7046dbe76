"""Where a free run still says something: the whole answer beside a float64 run, over weight scales and lengths.

For information only. A correct implementation leaves the float64 run within a few steps if the weights are large, and
nothing here decides about it; what decides is each step judged from the states that it returned, shown beside.
"""

from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.comparison import model_of
from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.sizes import find_least_sizes, nearest_sizes
from conformance.targets.border import guard_backend
from conformance.tolerance.conclusive import largest_conclusive_error
from conformance.tolerance.trajectories import free_trajectory, observed_trajectory
from lstm_spec import Backend, Gate, Parameters, Problem, Shapes, State
from lstm_spec.types import Array

SCALES = (0.1, 1.0, 5.0)
LENGTHS = (100, 1_000, 10_000)
SIZES = {"B": 2, "I": 3, "H": 8}


class Row(NamedTuple):
    """A weight scale and a length: how far y is from a free float64 run, and what the bounds say of it."""

    scale: float
    T: int
    off: float  # the largest |y - free run|
    bound: float  # what rounding may have grown to at the last step
    inconclusive_from: int | None  # the first step at which that is too much to say anything
    ratio: float  # the largest error/bound of a step judged from the states that were returned


def measure_end_to_end(backend: Backend, dtype: str) -> list[Row]:
    """The table of a backend at a dtype, as far as its shapes go; no rows for what raises, or is no answer."""
    try:
        with np.errstate(all="ignore"):
            return [row for scale in SCALES for row in measure_scale(backend, dtype, scale)]
    except (Errored, Refuted, NotClaimed):
        return []


def measure_scale(backend: Backend, dtype: str, scale: float) -> list[Row]:
    """One run of the largest length; the others are its beginnings."""
    shapes = backend.description.shapes
    find_least_sizes(shapes)  # raises NotClaimed if nothing is small enough
    lengths = sorted(set(nearest_sizes("T", LENGTHS, shapes.T)))
    problem = draw_scaled_problem(scale, lengths[-1], dtype, shapes)
    answer, model = guard_backend(backend).forward(problem), model_of(backend, problem)
    assert_answer_shaped(answer, problem)
    free, observed = free_trajectory(problem, model).h, observed_trajectory(problem, answer.y, model).h
    y = answer.y.astype(np.float64)
    off, bound = _largest_by_step(np.abs(y - free.value)), _largest_by_step(free.error)
    ratio = _largest_by_step(np.abs(y - observed.value) / observed.error)
    too_much = np.flatnonzero(~(bound <= largest_conclusive_error(model)))
    from_step = int(too_much[0]) if len(too_much) else None
    return [
        Row(
            scale,
            T,
            float(off[:T].max()),
            float(bound[T - 1]),
            from_step if from_step is not None and from_step < T else None,
            float(ratio[:T].max()),
        )
        for T in lengths
    ]


def _largest_by_step(a: Array) -> Array:
    """The largest value of each step."""
    return np.asarray(a.max(axis=(1, 2)))


def draw_scaled_problem(scale: float, T: int, dtype: str, shapes: Shapes) -> Problem:
    """A dense problem whose weights and biases are normal, times scale."""
    rng = np.random.default_rng(0)
    B, I, H = (nearest_sizes(k, (n, 1), getattr(shapes, k))[0] for k, n in SIZES.items())

    def draw(*shape: int, by: float = 1.0) -> Array:
        return frozen((rng.standard_normal(shape) * by).astype(dtype))

    i, f, g, o = (Gate(draw(H, I, by=scale), draw(H, H, by=scale), draw(H, by=scale)) for _ in "ifgo")
    return Problem(((Parameters(i, f, g, o),),), draw(T, B, I), State(draw(1, B, H, by=0.5), draw(1, B, H)))


def format_rows(rows: list[Row]) -> list[str]:
    """The table as text, its head first; nothing without rows."""
    head = ("weights", "T", "off by", "free bound", "", "step by step")
    table = [head, *(_format_row(row) for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(n) for cell, n in zip(cells, widths, strict=True)).rstrip() for cells in table]


def _format_row(row: Row) -> tuple[str, ...]:
    verdict = "conclusive" if row.inconclusive_from is None else f"inconclusive from t = {row.inconclusive_from:,}"
    free = f"× {row.scale:g}", f"{row.T:,}", f"{row.off:.1e}", f"±{row.bound:.1e}", verdict
    return (*free, f"{row.ratio:.2g} × allowed")
