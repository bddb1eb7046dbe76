"""A backend that is asked every problem together with one more sample, in which a number is NaN or infinite."""

from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.problems.strikes import one_sample_fewer
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array

NUMBERS = (np.nan, np.inf, -np.inf)


def join_company(backend: Backend, seed: int, arrays: int = 6) -> Backend:
    """The backend's answers and gradients without those of the other sample, which may spoil only sums over samples.

    The number stands in one of the first arrays of x, h_0, c_0, dy, dh_T and dc_T.
    """
    struck, number = seed % arrays, NUMBERS[seed // arrays % len(NUMBERS)]

    def seat(problem: Problem) -> int:
        return seed % (problem.x.shape[1] + 1)

    def insert(a: Array, at: int, which: int) -> Array:
        """The array with one more sample, which has the number in it if the array is the one struck."""
        rng = np.random.default_rng(seed + which)
        other = rng.standard_normal((*a.shape[:1], *a.shape[2:])).astype(a.dtype)
        if which == struck and other.size:
            other.flat[rng.integers(other.size)] = number
        return frozen(np.insert(a, at, other, axis=1))

    def join(problem: Problem) -> Problem:
        at, T = seat(problem), len(problem.x)
        x, h, c = (insert(a, at, k) for k, a in enumerate((problem.x, *problem.state)))
        lengths = problem.lengths if problem.lengths is None else frozen(np.insert(problem.lengths, at, T))
        return replace(problem, x=x, state=State(h, c), lengths=lengths)

    def leave(problem: Problem, a: Array) -> Array:
        return np.delete(a, seat(problem), axis=1)

    def drop(problem: Problem, answer: Answer) -> Answer:
        return Answer(leave(problem, answer.y), State(*(leave(problem, a) for a in answer.state)))

    def forward(problem: Problem) -> Answer:
        joined = join(problem)
        answer = backend.forward(joined)
        assert_answer_shaped(answer, joined)
        return drop(problem, answer)

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        joined = join(problem)
        y, h, c = (insert(a, seat(problem), 3 + k) for k, a in enumerate((d.y, *d.state)))
        answer, found = backend.differentiate(joined, Cotangents(y, State(h, c)))
        assert_answer_shaped(answer, joined)
        assert_gradients_shaped(found, joined)
        state = State(*(leave(problem, a) for a in found.state))
        return drop(problem, answer), Gradients(found.parameters, leave(problem, found.x), state)

    about = replace(backend.description, shapes=one_sample_fewer(backend.description.shapes))
    return replace(backend, forward=forward, gradients=backend.gradients and gradients, description=about)
