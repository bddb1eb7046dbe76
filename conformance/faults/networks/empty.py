"""Known faults: no steps, no samples."""

from dataclasses import replace

import numpy as np

from conformance.faults.networks.registering import around, map_state, replace_lengths
from conformance.faults.plain.registering import change_each
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem


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
