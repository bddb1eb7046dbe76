"""L1: the array code of stacked layers, with arrays of array-api-strict's second device, which mix with no others.

A layer here is a mere factor: what is shown is that lengths, directions and stacking use one library alone, and that
they give what NumPy gives.
"""

from itertools import product
from typing import Any

import array_api_strict as strict
import numpy as np

from backends.stacked import (
    LayerAnswer,
    LayerGradients,
    StackedProblem,
    run_layers,
    run_layers_backwards,
    stack_problem,
)
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form
from lstm_spec import Cotangents, Problem
from lstm_spec.types import State

DEVICE = strict.Device("device1")
DRAWN = ("dense",) * 6


def read(factor: float, x: Any, s: State) -> LayerAnswer:
    y = x * factor
    return LayerAnswer(y, State(s.h + y[-1, ...], s.c * factor), x)


def back(factor: float, x: Any, dy: Any, d_last: State) -> LayerGradients:
    return LayerGradients(x[0, ...] * dy[0, ...], dy * factor, d_last.h * factor, d_last.c)


def through(q: StackedProblem, dy: Any, d: State) -> list[Any]:
    """Everything that comes of it."""
    layers = [[0.5 + n + k for k in range(len(q.problem.directions))] for n in range(len(q.problem.parameters))]
    traces, y, after = run_layers(q, layers, read)
    found = run_layers_backwards(q, layers, traces, dy, d, back)
    return [y, *after, found.x, *found.state, *(p for row in found.parameters for p in row)]


def strictly(a: np.ndarray) -> Any:
    return strict.asarray(a, device=DEVICE)


def both(problem: Problem, d: Cotangents) -> tuple[list[Any], list[Any]]:
    of_numpy = stack_problem(np, problem, problem.x, problem.state, problem.lengths)
    state, valid, order = State(*map(strictly, problem.state)), of_numpy.valid, of_numpy.order
    given = (None if a is None else strictly(a) for a in (problem.lengths, valid, order))
    of_strict = StackedProblem(strict, problem, strictly(problem.x), state, *given)
    there = through(of_strict, strictly(d.y), State(*map(strictly, d.state)))
    return through(of_numpy, d.y, d.state), there


def main() -> None:
    tried = 0
    for layers, directions, lengths in product((1, 2, 3), (FORWARD, REVERSE, BOTH), ("", "any")):
        if directions == BOTH and layers > 1:
            continue  # there widths differ, and a factor cannot change them
        problem = build_problem(
            np.dtype("float64"), Form(layers, directions, lengths=lengths), (5, 4, 3, 3), DRAWN, tried
        )
        for here, there in zip(*both(problem, build_loss(problem, ("dense",) * 3, tried)), strict=True):
            assert there.device == DEVICE
            np.testing.assert_array_equal(here, np.asarray(there.to_device(strict.Device("CPU_DEVICE"))))
        tried += 1
    print(f"{tried} stacks: every array stays on the second device, every bit is NumPy's")


if __name__ == "__main__":
    main()
