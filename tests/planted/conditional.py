"""Mistakes that show only under one condition: at some sizes, in some places, after some calls, of some numbers.

Each is put around the NumPy backend, and nothing else is wrong.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from backends.numpy.backend import BACKEND as NUMPY
from conformance.problems.form import FORWARD
from lstm_spec import Answer, Array, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import each_array

Change = Callable[[Array], Array]  # of an array (..., batch, unit)


def double(a: Array) -> Array:
    return a * 2 + 1


def at_sizes(holds: Callable[[int, int, int, int], bool]) -> Backend:
    """Wrong at every place of y and of the states where this is so of T, B, I and H."""

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        if not holds(*problem.sizes):
            return answer
        return Answer(double(answer.y), State(*map(double, answer.state)))

    return replace(NUMPY, name="wrong at some sizes", forward=forward, gradients=None)


def in_gradients_at_sizes(holds: Callable[[int, int, int, int], bool]) -> Backend:
    """Right answers; gradients that are wrong where this is so of T, B, I and H."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        if not holds(*problem.sizes):
            return answer, found
        rows = tuple(tuple(each_array(double, p) for p in row) for row in found.parameters)
        return answer, Gradients(rows, double(found.x), State(*map(double, found.state)))

    return replace(NUMPY, name="wrong gradients at some sizes", gradients=gradients)


def at_places(change: Callable[[Array], None], layer: int = 0, direction: int = 0, steps: str = "all") -> Backend:
    """A backend whose cell states are changed in one layer and direction, step by step, before they are read again."""
    chosen = {"all": range(1000), "every fourth": range(3, 1000, 4), "first": range(1)}[steps]

    def forward(problem: Problem) -> Answer:
        x, hs, cs, D = problem.x, list(problem.state.h), list(problem.state.c), len(problem.directions)
        for k, row in enumerate(problem.parameters):
            ys = []
            for d, name in enumerate(problem.directions):
                n, read, y = k * D + d, x if name == "forward" else x[::-1], []
                for t, now in enumerate(read):
                    state = State(hs[n][None], cs[n][None])
                    one = NUMPY.forward(Problem(((row[d],),), now[None], state, None, problem.variant, FORWARD))
                    hs[n], cs[n] = one.state.h[0].copy(), one.state.c[0].copy()
                    if (k, d) == (layer, direction) and t in chosen:
                        change(hs[n])
                        change(cs[n])
                    y.append(hs[n])
                ys.append(np.array(y if name == "forward" else y[::-1]))
            x = np.concatenate(ys, axis=-1)
        return Answer(x, State(np.array(hs), np.array(cs)))

    return replace(NUMPY, name="wrong in some places", forward=forward, gradients=None)


def add_one(*places: slice) -> Callable[[Array], None]:
    def add(a: Array) -> None:
        a[places] += 1

    return add
