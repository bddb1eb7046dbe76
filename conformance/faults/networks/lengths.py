"""Known faults: which steps are read, the states where a sequence ends, and what is empty."""

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.faults.networks.registering import around, ask_instead, forward, gradient, map_state, replace_lengths
from conformance.faults.parts import RIGHT_PARTS, Memory, Parts, Reader, reorder_steps
from conformance.faults.plain.registering import change_each
from conformance.faults.primitives import Value, make_zeros, select_where
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array


@around("forward", "lengths", "LEN-1", "shiyybua/NER#47")
def ignores_the_lengths(network: Backend) -> Backend:
    """Every sequence is read to the last step."""
    return ask_instead(lambda problem: replace(problem, lengths=None), network)


@around("forward", "lengths", "LEN-1")
def takes_the_longest_length_for_all(network: Backend) -> Backend:
    """Every sequence is read to the end of the longest."""
    return replace_lengths(lambda lengths, T: np.full_like(lengths, lengths.max(initial=0)), network)


@around("forward", "lengths", "LEN-1")
def takes_the_first_length_for_all(network: Backend) -> Backend:
    """Every sequence is read to the end of the first."""
    return replace_lengths(lambda lengths, T: np.full_like(lengths, lengths[0] if len(lengths) else 0), network)


@around("forward", "lengths", "LEN-1")
def reads_one_step_too_many(network: Backend) -> Backend:
    """The step after the last is also read: t <= L."""
    return replace_lengths(lambda lengths, T: np.minimum(lengths + 1, T), network)


@around("forward", "lengths", "LEN-1")
def stops_one_step_early(network: Backend) -> Backend:
    """The last step is not read: t < L - 1."""
    return replace_lengths(lambda lengths, T: np.maximum(lengths - 1, 0), network)


@around("forward", "lengths", "LEN-4", "pytorch/pytorch#3662")
def sorts_the_lengths_but_not_the_sequences(network: Backend) -> Backend:
    """The lengths are read in descending order, the sequences as they stand."""
    return replace_lengths(lambda lengths, T: np.sort(lengths)[::-1], network)


@around("forward", "lengths", "LEN-3")
def takes_a_length_of_0_for_1(network: Backend) -> Backend:
    """One step at least is read."""
    return replace_lengths(lambda lengths, T: np.maximum(lengths, min(T, 1)), network)


@around("forward", "lengths", "LEN-3")
def takes_a_length_of_0_for_none(network: Backend) -> Backend:
    """A sequence of length 0 is read to the last step."""
    return replace_lengths(lambda lengths, T: np.where(lengths == 0, T, lengths), network)


@around("contract", "lengths", "LEN-3")  # no probe of the diagnosis is empty; the refutation says it
def forgets_the_initial_state_where_there_are_no_steps(network: Backend) -> Backend:
    """With lengths, but without steps, the final state is zero."""

    def forget(problem: Problem, answer: Answer) -> Answer:
        empty = problem.lengths is not None and not len(problem.x)
        return replace(answer, state=map_state(np.zeros_like, answer.state)) if empty else answer

    def forward(problem: Problem) -> Answer:
        return forget(problem, network.forward(problem))

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = network.differentiate(problem, d)
        return forget(problem, answer), found

    return replace(network, forward=forward, gradients=gradients)


@forward("lengths", "LEN-1", "padding in front, as keras.utils.pad_sequences does", part="inputs")
def reads_the_last_steps(r: Reader, x: Value) -> Value:
    """The padding is taken to stand in front: the last L steps are read."""
    T, t = len(x), np.arange(len(x))[:, None]
    return x if r.layer else reorder_steps(x, (t + T - r.lengths) % max(T, 1))


@forward("lengths", "LEN-3", "thtrieu/qclass_dl#1")
def runs_on_through_the_padding(parts: Parts) -> Parts:
    """The state goes on beyond the length, from what stands there."""
    return replace(parts, mask=lambda r, x, valid: x, freeze=lambda r, valid, new, old: new)


@forward("lengths", "LEN-3", "pytorch/pytorch#517")
def runs_on_through_zeros(parts: Parts) -> Parts:
    """The state goes on beyond the length, from zeros."""
    return replace(parts, freeze=lambda r, valid, new, old: new)


@forward("lengths", "LEN-3", part="freeze")
def forgets_a_sequence_that_has_ended(r: Reader, valid: Array, new: Memory, old: Memory) -> Memory:
    """The state beyond the length is zero."""
    return Memory(*(select_where(valid, a, make_zeros(a)) for a in new))


@forward("lengths", "LEN-3", "keras-team/keras#1569", part="final")
def returns_the_last_output_as_the_final_hidden_state(r: Reader, states: list[Memory]) -> State:
    """h_T is y_T, which is zero if the sequence is shorter."""
    whole = (r.lengths == len(r.problem.x))[:, None]
    return State(select_where(whole, states[-1].h, make_zeros(states[-1].h)), states[-1].c)


@forward("lengths", "LEN-3")
def freezes_the_hidden_state_but_not_the_cell_state(parts: Parts) -> Parts:
    """Beyond the length c goes on."""
    return replace(parts, freeze=lambda r, valid, new, old: parts.freeze(r, valid, new, old)._replace(c=new.c))


@forward("lengths", "LEN-3", part="freeze")
def freezes_the_cell_state_but_not_the_hidden_state(r: Reader, valid: Array, new: Memory, old: Memory) -> Memory:
    """Beyond the length h goes on."""
    return RIGHT_PARTS.freeze(r, valid, new, old)._replace(h=new.h, fed=new.fed)


@forward("lengths", "LEN-3", part="final")
def forgets_the_state_of_length_0(r: Reader, states: list[Memory]) -> State:
    """The final state of a sequence of length 0 is zero."""
    h, c, _ = states[-1]
    return (
        State(*(select_where((r.lengths > 0)[:, None], a, make_zeros(a)) for a in (h, c)))
        if len(states) > 1
        else State(h, c)
    )


@gradient("lengths", "LEN-6", part="gradients")
def loses_the_gradient_of_a_state_of_length_0(problem: Problem, g: Gradients) -> Gradients:
    """dh_0 and dc_0 are zero if nothing is read."""
    if problem.lengths is None:
        return g
    some = (problem.lengths > 0)[:, None]
    return replace(g, state=map_state(lambda a: np.where(some, a, 0), g.state))


@around("contract", "lengths", "LEN-7")
def cuts_a_length_that_does_not_fit(network: Backend) -> Backend:
    """A length below 0 is taken for 0, one above T for T."""
    return replace_lengths(lambda lengths, T: np.clip(lengths, 0, T), network)


@around("contract", "lengths", "CONTRACT-2", "a mask that is cached by its shape")
def keeps_the_lengths_of_the_first_call(network: Backend) -> Backend:
    """Lengths are cached by T and B."""
    cache: dict[Any, Array] = {}
    return replace_lengths(lambda lengths, T: cache.setdefault((T, len(lengths)), lengths), network)


# ---------------------------------------------------------------- no steps, no samples


@around("contract", "lengths", "SHAPE-6", "the maximum of an empty array")
def looks_for_the_longest_of_no_sequences(network: Backend) -> Backend:
    """With lengths, an empty batch raises an exception."""
    return replace_lengths(lambda lengths, T: np.minimum(lengths, lengths.max()), network)


@around("contract", "lengths", "SHAPE-6", "a mean over no samples", part="gradients")
def divides_by_an_empty_batch_of_sequences(
    network: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """The parameter gradients of an empty batch are 0/0, in every layer and of every variant."""
    answer, g = network.differentiate(problem, d)
    return answer, g if problem.x.shape[1] else change_each(lambda a: np.full_like(a, np.nan))(problem, g)


@around("contract", "lengths", "SHAPE-5", part="gradients")
def hands_no_cotangent_on_without_steps(network: Backend, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """Without steps, the initial states have no gradient."""
    answer, g = network.differentiate(problem, d)
    return answer, g if len(problem.x) else replace(g, state=map_state(np.zeros_like, g.state))
