"""Known faults: a NaN or an infinity acts where it should not, or is not seen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.faults.plain.registering import contract
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array, each_array

Change = Callable[[Array], Array]
MASK = "a mask that is multiplied"


def spread(a: Array, axis: int) -> Array:
    """The same numbers, unless one of them along the axis is none: 0 times NaN is NaN."""
    return a + 0 * a.sum(axis=axis, keepdims=True)


def change_answer(answer: Answer, change: Change) -> Answer:
    """The answer with y and both final states changed."""
    return Answer(change(answer.y), State(*map(change, answer.state)))


def change_gradients(found: tuple[Answer, Gradients], change: Change) -> tuple[Answer, Gradients]:
    """The gradients of x and of both initial states changed."""
    answer, g = found
    return answer, replace(g, x=change(g.x), state=State(*map(change, g.state)))


@contract("NUM-1", MASK, part="forward")
def adds_zero_times_the_other_samples(right: Backend, problem: Problem) -> Answer:
    """Samples are summed with a mask that is 0 for all but one."""
    return change_answer(right.forward(problem), lambda a: spread(a, 1))


@contract("NUM-1", MASK, part="gradients")
def adds_zero_times_the_gradients_of_other_samples(
    right: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """Gradients are summed over samples with a mask that is 0 for all but one."""
    return change_gradients(right.differentiate(problem, d), lambda a: spread(a, 1))


@contract("NUM-1", MASK, part="forward")
def adds_zero_times_all_steps(right: Backend, problem: Problem) -> Answer:
    """Steps are summed with a mask that is 0 for all but one: what comes later acts before."""
    return change_answer(right.forward(problem), lambda a: spread(a, 0))


@contract("NUM-1", MASK, part="gradients")
def adds_zero_times_the_gradients_of_all_steps(
    right: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """Gradients are summed over steps with a mask that is 0 for all but one: what is said of a step acts after it."""
    return change_gradients(right.differentiate(problem, d), lambda a: spread(a, 0))


@contract("NUM-2", "fmax and fmin", part="forward")
def takes_a_nan_for_0(right: Backend, problem: Problem) -> Answer:
    """Every NaN that is given is replaced by 0."""
    rows = tuple(tuple(each_array(clear, p) for p in row) for row in problem.parameters)
    return right.forward(replace(problem, parameters=rows, x=clear(problem.x), state=State(*map(clear, problem.state))))


@contract("NUM-2", "torch.nan_to_num after the backward pass", part="gradients")
def clears_a_nan_from_the_gradients(right: Backend, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """A NaN in the gradients of the inputs and states is replaced by 0."""
    return change_gradients(right.differentiate(problem, d), clear)


def clear(a: Array) -> Array:
    """The array with 0 for each NaN."""
    return np.where(np.isnan(a), np.zeros((), a.dtype), a)
