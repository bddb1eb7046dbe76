"""Whether a backend compiles for every new size: its first answer then takes many times as long as the next ones."""

import time
from dataclasses import replace

import numpy as np

from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.build import build_problem
from conformance.problems.covering import DENSE
from conformance.problems.form import Form
from conformance.problems.sizes import find_least_sizes, nearest_sizes
from conformance.targets.border import guard_backend
from lstm_spec import Backend, Problem

SIZES = ((3, 2, 2, 3), (4, 2, 2, 3), (5, 3, 2, 3))  # the first one also loads what is loaded once
TIMES, LONG = 10.0, 0.03  # how many times as long, and how many seconds longer at least, a first answer then takes


def note_compiling(backend: Backend) -> Backend:
    """The backend; its description says that it compiles for every size, if it does."""
    about = backend.description
    if about.compiles or not about.dtypes or not compiles_for_each_size(backend, about.dtypes[0]):
        return backend
    return replace(backend, description=replace(about, compiles=True))


def compiles_for_each_size(backend: Backend, dtype: str) -> bool:
    """Whether the first answer at each of two new sizes takes much longer than the next two answers."""
    shapes = backend.description.shapes
    try:
        find_least_sizes(shapes)  # raises NotClaimed if nothing is small enough
        allowed = {letter: getattr(shapes, letter) for letter in "TBIH"}
        fitting = [tuple(nearest_sizes(k, (n,), allowed[k])[0] for k, n in zip("TBIH", s, strict=True)) for s in SIZES]
        if len({*fitting}) < len(SIZES):
            return False
        problems = [build_problem(np.dtype(dtype), Form(), sizes, DENSE, 0) for sizes in fitting]
        return all([_is_slow_at_first(backend, problem) for problem in problems][1:])
    except (Errored, Refuted, NotClaimed):
        return False


def _is_slow_at_first(backend: Backend, problem: Problem) -> bool:
    first, *later = (_time_answer(backend, problem) for _ in range(3))
    return first > TIMES * min(later) and first > LONG + min(later)


def _time_answer(backend: Backend, problem: Problem) -> float:
    """Seconds. Raises Errored and Refuted."""
    ask, started = guard_backend(backend).forward, time.perf_counter()
    ask(problem)
    return time.perf_counter() - started
