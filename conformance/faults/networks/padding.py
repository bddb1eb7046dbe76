"""Known faults: what stands beyond the length, sorting by length, and their gradients."""

from dataclasses import replace

import numpy as np

from conformance.faults.networks.registering import around, forward, gradient, map_state
from conformance.faults.parts import RIGHT_PARTS, Memory, Parts, Reader, list_lengths
from conformance.faults.primitives import Value, replace_gradient
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array


@forward("lengths", "LEN-2", "keras: zero_output_for_mask=False")
def repeats_the_last_output_in_the_padding(parts: Parts) -> Parts:
    """Beyond the length y is h_L."""
    return replace(parts, output=lambda r, valid, new, after, before: after.h)


@forward("lengths", "LEN-2")
def returns_what_it_computes_in_the_padding(parts: Parts) -> Parts:
    """Beyond the length y is what a step from the last state would give."""
    return replace(parts, output=lambda r, valid, new, after, before: new.h)


@forward("lengths", "LEN-1", "apache/mxnet#5546")
def masks_the_state_by_multiplication(parts: Parts) -> Parts:
    """m s_t + (1 - m) s_{t-1}: what is no number in the padding is none in the state."""

    def freeze(r: Reader, valid: Array, new: Memory, old: Memory) -> Memory:
        m = valid.astype(r.problem.dtype)
        return Memory(*(m * a + (1 - m) * b for a, b in zip(new, old, strict=True)))

    return replace(parts, mask=lambda r, x, valid: x, freeze=freeze)


@forward("lengths", "LEN-2")
def masks_the_outputs_by_multiplication(parts: Parts) -> Parts:
    """m y: what is no number in the padding is none in the output."""

    def output(r: Reader, valid: Array | None, new: Memory, after: Memory, before: Memory) -> Value:
        return new.h if valid is None else valid.astype(r.problem.dtype) * new.h

    return replace(parts, mask=lambda r, x, valid: x if r.layer == 0 else parts.mask(r, x, valid), output=output)


@forward("lengths", "LEN-1")
def forgets_the_lengths_above_the_first_layer(parts: Parts) -> Parts:
    """The layers above read to the last step."""
    return replace(parts, lengths=lambda r: np.full_like(r.lengths, len(r.problem.x)) if r.layer else r.lengths)


def sort_longest_first(problem: Problem) -> Array:
    """The order of the samples when sorted by length, the longest first."""
    return np.argsort(-list_lengths(problem), kind="stable")


@forward("lengths", "LEN-4", part="finish")
def leaves_the_outputs_sorted_by_length(problem: Problem, ys: list[Value], after: State) -> tuple[Value, State]:
    """Sequences are read longest first, and the outputs left in that order."""
    return ys[-1][:, sort_longest_first(problem)], after


@forward("lengths", "LEN-4", part="finish")
def leaves_the_states_sorted_by_length(problem: Problem, ys: list[Value], after: State) -> tuple[Value, State]:
    """Sequences are read longest first, and the final states left in that order."""
    return ys[-1], map_state(lambda a: a[:, sort_longest_first(problem)], after)


@forward("lengths", "LEN-4", "PaddlePaddle/Paddle#7792", part="initial")
def does_not_sort_the_initial_states(problem: Problem, h: Value, c: Value) -> tuple[Value, Value]:
    """Sequences are read longest first, each from the state that stands where it then is."""
    where = np.argsort(sort_longest_first(problem))
    return h[:, where], c[:, where]


@gradient("lengths", "LEN-6", part="cotangents")
def takes_the_cotangent_of_the_final_state_at_the_last_step(problem: Problem, d: Cotangents) -> Cotangents:
    """dL/dh_T and dL/dc_T enter at T, and are lost if the sequence is shorter."""
    whole = (list_lengths(problem) == len(problem.x))[:, None]
    return replace(d, state=map_state(lambda a: a * whole, d.state))


@gradient("lengths", "LEN-5", part="output")
def sends_back_the_cotangents_of_the_padding(
    r: Reader, valid: Array | None, new: Memory, after: Memory, before: Memory
) -> Value:
    """The cotangents of the outputs beyond a length are added to that of its last step."""
    return replace_gradient(RIGHT_PARTS.output(r, valid, new, after, before), after.h)


@gradient("lengths", "LEN-5", "0 times NaN")
def selects_only_after_the_step(parts: Parts) -> Parts:
    """The step is also taken in the padding, and its gradient is 0 times that of the padding."""
    return replace(parts, mask=lambda r, x, valid: x)


@gradient("lengths", "LEN-5", part="gradients")
def leaves_an_input_gradient_in_the_padding(problem: Problem, g: Gradients) -> Gradients:
    """Beyond the length dx is that of the first step."""
    within = (np.arange(len(g.x))[:, None] < list_lengths(problem))[..., None]
    return replace(g, x=np.where(within, g.x, g.x[:1] + 1))


@around("gradient", "lengths", "LEN-5", part="gradients")
def counts_the_padding_in_the_parameter_gradients(
    network: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """dW, dU and db are summed over all steps."""
    answer, g = network.differentiate(problem, d)
    _, whole = network.differentiate(replace(problem, lengths=None), d)
    return answer, g if problem.lengths is None else replace(g, parameters=whole.parameters)
