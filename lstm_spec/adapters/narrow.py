"""A backend of 16 bits that computes in float32 inside."""

from dataclasses import replace

import numpy as np

from lstm_spec.contract import Backend
from lstm_spec.types import Answer, Array, Cotangents, Gradients, Problem, State, each_array
from lstm_spec.validation import check_cotangents, checked


def wide_inside(backend: Backend) -> Backend:
    """The backend with two more dtypes, bfloat16 and float16: computed in float32, rounded when returned (ACC-4).

    It claims both dtypes at grade "wide".
    """
    about, differentiate = backend.description, backend.gradients

    def forward(problem: Problem) -> Answer:
        return _narrow(backend.forward(_widen(problem)), problem)

    def gradients(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
        assert differentiate is not None
        answer, found = differentiate(_widen(problem), _widen_cotangents(problem, cotangents))
        return _narrow(answer, problem), _narrow_gradients(found, problem)

    claims = replace(
        about,
        dtypes=(*about.dtypes, *(dtype for dtype in NARROW if dtype not in about.dtypes)),
        grades={**dict.fromkeys(NARROW, "wide"), **about.grades},
    )
    return replace(backend, forward=forward, gradients=differentiate and gradients, description=claims)


NARROW = ("bfloat16", "float16")


def _is_narrow(problem: Problem) -> bool:
    return problem.dtype.itemsize == 2 and problem.dtype.name in NARROW  # NumPy computes the name at each call


def _widen(problem: Problem) -> Problem:
    if not _is_narrow(problem):
        return problem
    checked(problem)
    rows = tuple(tuple(each_array(_to_float32, p) for p in row) for row in problem.parameters)
    return replace(problem, parameters=rows, x=_to_float32(problem.x), state=State(*map(_to_float32, problem.state)))


def _widen_cotangents(problem: Problem, d: Cotangents) -> Cotangents:
    if not _is_narrow(problem):
        return d
    check_cotangents(problem, d)
    return Cotangents(_to_float32(d.y), State(*map(_to_float32, d.state)))


def _to_float32(a: Array) -> Array:
    return a.astype(np.float32)


def _narrow(answer: Answer, problem: Problem) -> Answer:
    if not _is_narrow(problem):
        return answer
    return Answer(answer.y.astype(problem.dtype), State(*(a.astype(problem.dtype) for a in answer.state)))


def _narrow_gradients(found: Gradients, problem: Problem) -> Gradients:
    if not _is_narrow(problem):
        return found

    def narrow(a: Array) -> Array:
        return a.astype(problem.dtype)

    rows = tuple(tuple(each_array(narrow, p) for p in row) for row in found.parameters)
    return Gradients(rows, narrow(found.x), State(*map(narrow, found.state)))
