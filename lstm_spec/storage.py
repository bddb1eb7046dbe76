"""Numbers that are stored in fewer bits than an LSTM computes with."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_spec.contract import Backend
from lstm_spec.types import Answer, Array, Cotangents, Gradients, Problem, State, each_array
from lstm_spec.validation import check_cotangents, checked

NARROW = ("bfloat16", "float16")


def has_narrow_weights(problem: Problem) -> bool:
    """Whether x and the parameters are stored in fewer bits than the states (ACC-5)."""
    x, h = problem.x, getattr(problem.state, "h", None)
    return isinstance(x, np.ndarray) and isinstance(h, np.ndarray) and x.dtype.itemsize < h.dtype.itemsize


def is_narrow(problem: Problem) -> bool:
    """Whether x and the parameters have 16 bits, whatever the states have."""
    x = problem.x
    return isinstance(x, np.ndarray) and x.dtype.itemsize == 2 and x.dtype.name in NARROW  # the name takes longest


def compute_wide(backend: Backend, applies: Callable[[Problem], bool]) -> Backend:
    """The backend, asked in float32 where this applies to the problem; what it returns is then rounded, once.

    An answer is rounded to the dtype of the states, and a gradient to that of what it belongs to.
    """

    def forward(problem: Problem) -> Answer:
        if not applies(problem):
            return backend.forward(problem)
        return store_answer(backend.forward(widen_problem(problem)), problem)

    def gradients(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
        if not applies(problem):
            return backend.differentiate(problem, cotangents)
        answer, found = backend.differentiate(widen_problem(problem), widen_cotangents(problem, cotangents))
        return store_answer(answer, problem), store_gradients(found, problem)

    return replace(backend, forward=forward, gradients=backend.gradients and gradients)


def widen_problem(problem: Problem) -> Problem:
    """The problem in float32. Raises ValueError or TypeError if it is not well formed."""
    checked(problem)
    rows = tuple(tuple(each_array(_to_float32, p) for p in row) for row in problem.parameters)
    return replace(problem, parameters=rows, x=_to_float32(problem.x), state=State(*map(_to_float32, problem.state)))


def widen_cotangents(problem: Problem, d: Cotangents) -> Cotangents:
    """The cotangents in float32. Raises ValueError or TypeError if they do not fit the problem."""
    check_cotangents(problem, d)
    return Cotangents(_to_float32(d.y), State(*map(_to_float32, d.state)))


def _to_float32(a: Array) -> Array:
    return a.astype(np.float32)


def store_answer(answer: Answer, problem: Problem) -> Answer:
    """The answer, rounded to the dtype of the problem's states."""
    return Answer(answer.y.astype(problem.dtype), State(*(a.astype(problem.dtype) for a in answer.state)))


def store_gradients(found: Gradients, problem: Problem) -> Gradients:
    """The gradients, each rounded to the dtype of what it belongs to; one that is missing stays so."""

    def store(a: Array) -> Array:
        return a if a is None else a.astype(problem.x.dtype)

    rows = tuple(tuple(each_array(store, p) for p in row) for row in found.parameters)
    state = State(*(a if a is None else a.astype(problem.dtype) for a in found.state))
    return Gradients(rows, store(found.x), state)
