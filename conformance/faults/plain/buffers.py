"""Known faults: where inputs lie in memory, and what becomes of the memory of answers."""

import ctypes
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from conformance.faults.plain.registering import contract
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array, each_array


@contract("CONTRACT-1", "torch.from_numpy shares the memory of an array that is read-only", part="forward")
def writes_where_it_may_only_read(right: Backend, problem: Problem) -> Answer:
    """c_T is copied to the address of c_0, whatever the flag of the array says."""
    answer, c = right.forward(problem), problem.state.c
    if c.flags.c_contiguous:
        ctypes.memmove(c.ctypes.data, answer.state.c.tobytes(), c.nbytes)
    return answer


@contract("CONTRACT-2", "double buffering")
def answers_in_four_buffers_in_turn(right: Backend) -> Backend:
    """The memory of an answer is used again for the fourth answer after it."""
    place_in_turn = make_buffers(4)

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        return replace(answer, y=place_in_turn(answer.y))

    return replace(right, forward=forward)


@contract("CONTRACT-2", "gradients in the .grad of a parameter")
def returns_gradients_in_two_buffers_in_turn(right: Backend) -> Backend:
    """The memory of dx is used again for the second dx after it."""
    place_in_turn = make_buffers(2)

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.differentiate(problem, d)
        return answer, replace(g, x=place_in_turn(g.x))

    return replace(right, gradients=gradients)


def make_buffers(many: int) -> Callable[[Array], Array]:
    """A function that copies an array into one of so many of its shape, in turn."""
    buffers: dict[Any, Array] = {}
    turn = count()

    def place_in_turn(a: Array) -> Array:
        buffer = buffers.setdefault((next(turn) % many, a.shape, a.dtype), a.copy())
        buffer[...] = a
        return buffer

    return place_in_turn


@contract("CONTRACT-2", "weights packed once, and again only for another array")
def packs_the_weights_again_only_if_they_are_other_arrays(right: Backend) -> Backend:
    """Weights that are written over in place are not seen."""
    return keep_while_the_same(right, lambda problem: problem.parameters)


def keep_while_the_same(right: Backend, part: Callable[[Problem], Any]) -> Backend:
    """The backend that copies the parameters, and again only if that part of the problem is another object."""
    kept: list[Any] = [None, None]

    def recall(problem: Problem) -> Problem:
        if part(problem) is not kept[0]:
            rows = tuple(tuple(each_array(np.array, p) for p in row) for row in problem.parameters)
            kept[:] = part(problem), rows
        return replace(problem, parameters=kept[1])

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        return right.differentiate(recall(problem), d)

    return replace(right, forward=lambda problem: right.forward(recall(problem)), gradients=gradients)


@contract("CONTRACT-4", "an aligned load", part="forward")
def reads_from_an_aligned_address(right: Backend, problem: Problem) -> Answer:
    """The addresses of x and of the weights are rounded down to a multiple of the size of a number."""

    def align(a: Array) -> Array:
        off = a.ctypes.data % a.itemsize if a.flags.c_contiguous and a.size else 0
        return np.frombuffer(ctypes.string_at(a.ctypes.data - off, a.nbytes), a.dtype).reshape(a.shape) if off else a

    rows = tuple(tuple(each_array(align, p) for p in row) for row in problem.parameters)
    return right.forward(replace(problem, parameters=rows, x=align(problem.x)))


@contract("CONTRACT-4", "the gradient of y.sum(): a number with strides of 0", part="gradients")
def reads_a_repeated_cotangent_once(right: Backend, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """What dL/dy holds once for many places is read for the first of them; the others are 0."""

    def read_once(a: Array) -> Array:
        once = tuple(slice(1) if stride == 0 else slice(None) for stride in a.strides)
        found = np.zeros_like(a, order="C", subok=False)
        found[once] = a[once]
        return found

    return right.differentiate(problem, replace(d, y=read_once(d.y)))


@contract("CONTRACT-4", "h and c updated in place", part="forward")
def keeps_both_states_in_one_place_if_they_are_one_array(right: Backend, problem: Problem) -> Answer:
    """If h_0 and c_0 are the same array, every step writes its h over its c."""
    if problem.state.h is not problem.state.c:
        return right.forward(problem)
    y, s = np.empty((*problem.x.shape[:2], problem.P), problem.dtype), problem.state
    for t, x in enumerate(problem.x):
        answer = right.forward(replace(problem, x=x[None], state=s))
        y[t], s = answer.y[0], State(answer.state.h, answer.state.h)
    return Answer(y, State(*(a.copy() for a in s)))
