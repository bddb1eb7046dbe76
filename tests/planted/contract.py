"""Right answers of a backend that breaks its contract in ways on no list."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from backends.numpy.backend import BACKEND as NUMPY
from lstm_spec import Answer, Backend, Cotangents, Feature, Gradients, Problem, State
from lstm_spec.types import Array


def answering(change: Callable[[Problem, Answer], Answer]) -> Backend:
    """The NumPy backend with its answers changed, and those that come with gradients."""

    def forward(problem: Problem) -> Answer:
        return change(problem, NUMPY.forward(problem))

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        return change(problem, answer), found

    return replace(NUMPY, name="planted", forward=forward, gradients=gradients)


def differentiating(change: Callable[[Problem, Gradients], Gradients]) -> Backend:
    """The NumPy backend with its gradients changed."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        return answer, change(problem, found)

    return replace(NUMPY, name="planted", gradients=gradients)


def overwrite_U(problem: Problem, found: Gradients) -> Gradients:
    U = problem.layer.g.U
    if U.flags.writeable:
        U[...] = found.parameters[0][0].g.U
    return found


def return_x(problem: Problem, answer: Answer) -> Answer:
    """y lies in the memory of x, if it fits."""
    if problem.x.shape != answer.y.shape or problem.x.dtype != answer.y.dtype or not problem.x.flags.writeable:
        return answer
    problem.x[...] = answer.y
    return replace(answer, y=problem.x)


def refuse_nothing(problem: Problem, answer: Answer) -> Answer:
    if problem.x.shape[1] == 0:
        raise IndexError("list index out of range")
    return answer


def read_any_lengths() -> Backend:
    """Lengths of any dtype are rounded up."""

    def forward(problem: Problem) -> Answer:
        n = problem.lengths
        if n is None or n.dtype.kind != "f" or not np.isfinite(n).all():
            return NUMPY.forward(problem)
        return NUMPY.forward(replace(problem, lengths=np.ceil(n).astype(np.int64)))

    return replace(NUMPY, name="planted", forward=forward)


def keep_last_output() -> Backend:
    """Where B = 1 the y of a call is a view of one array that the next such call fills."""
    place: list[Array] = []

    def change(problem: Problem, answer: Answer) -> Answer:
        if problem.x.shape[1] != 1:
            return answer
        if not place or place[0].shape != answer.y.shape or place[0].dtype != answer.y.dtype:
            place[:] = [answer.y.copy()]
        place[0][...] = answer.y
        return replace(answer, y=place[0])

    return answering(change)


def narrow_large(problem: Problem, answer: Answer) -> Answer:
    """At float64, y is float32."""
    return replace(answer, y=answer.y.astype(np.float32)) if problem.dtype == np.float64 else answer


def drop_layer_of_c(problem: Problem, answer: Answer) -> Answer:
    return replace(answer, state=State(answer.state.h, answer.state.c[0]))


def transpose_y(problem: Problem, answer: Answer) -> Answer:
    return replace(answer, y=np.ascontiguousarray(answer.y.swapaxes(0, 1)))


def squeeze_units(problem: Problem, answer: Answer) -> Answer:
    return replace(answer, y=answer.y[..., 0]) if problem.sizes[3] == 1 else answer


def clear_output(problem: Problem, answer: Answer) -> Answer:
    return replace(answer, y=np.nan_to_num(answer.y))


def widen_dx(problem: Problem, found: Gradients) -> Gradients:
    return replace(found, x=found.x.astype(np.float64)) if problem.dtype == np.float32 else found


CORE = frozenset({Feature.GRADIENTS, Feature.DETERMINISTIC, Feature.EMPTY_BATCH, Feature.EMPTY_SEQUENCE})


def plain(backend: Backend) -> Backend:
    """The backend, which claims one plain layer."""
    about = replace(backend.description, features=CORE)
    return replace(backend, description=about)


def of_sequences(backend: Backend) -> Backend:
    """The backend, which claims lengths besides."""
    return replace(backend, description=replace(backend.description, features=CORE | {Feature.LENGTHS}))


ALWAYS_WRITABLE = ", only where arrays may be written to"
NAN_AWAY = "where x has a NaN, it is not seen in all of y that it enters"
Planted = tuple[Backend, str, str, str]  # asked at this clause and dtype; and how the sentence begins
PLANTED: dict[str, Planted] = {
    "y is float32 at float64": (
        plain(answering(narrow_large)),
        "SHAPE-1",
        "float64",
        "y is float32, expected float64 like the problem",
    ),
    "c_T lacks its first axis": (
        plain(answering(drop_layer_of_c)),
        "SHAPE-1",
        "float32",
        "at T, B, I, H = 3, 2, 4, 5 c_T has shape (2, 5), expected (1, 2, 5): it lacks the first axis",
    ),
    "y is batch first": (
        plain(answering(transpose_y)),
        "SHAPE-1",
        "float32",
        "at T, B, I, H = 3, 2, 4, 5 y has shape (2, 3, 5), expected (3, 2, 5): it looks like (B, T, H)",
    ),
    "y lacks its axis of one unit": (
        plain(answering(squeeze_units)),
        "SHAPE-4",
        "float32",
        "at T, B, I, H = 3, 2, 4, 1 y has shape (3, 2), expected (3, 2, 1), only where H = 1",
    ),
    "dx is float64": (
        plain(differentiating(widen_dx)),
        "SHAPE-3",
        "float32",
        "in the call for gradients, dx is float64, expected float32 like the problem; convert it",
    ),
    "U is written over with its gradient": (
        plain(differentiating(overwrite_U)),
        "CONTRACT-1",
        "float32",
        f"in the call for gradients, U is written over{ALWAYS_WRITABLE}",
    ),
    "y lies where x lay": (
        plain(answering(return_x)),
        "CONTRACT-1",
        "float32",
        "x is written over, only where I = H and where arrays may be written to",
    ),
    "no samples raise": (
        plain(answering(refuse_nothing)),
        "SHAPE-6",
        "float32",
        "it raised IndexError: list index out of range, only where B = 0",
    ),
    "lengths are rounded up": (
        of_sequences(read_any_lengths()),
        "LEN-7",
        "float32",
        "it answers, where an exception is expected: a length that is not whole",
    ),
    "a NaN is cleared from y": (plain(answering(clear_output)), "NUM-2", "float32", NAN_AWAY),
    "one sample is answered in a buffer": (
        plain(keep_last_output()),
        "CONTRACT-2",
        "float32",
        "y of an answer is overwritten by the next call, seen at T, B, I, H = ",
    ),
}
