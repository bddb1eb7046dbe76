"""Known faults: no steps, no samples."""

from dataclasses import replace

import numpy as np

from conformance.faults.networks.registering import around, map_state, replace_lengths
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem
from lstm_spec.types import each_array


@around("contract", "lengths", "SHAPE-6", "the maximum of an empty array")
def looks_for_the_longest_of_no_sequences(network: Backend) -> Backend:
    """With lengths, an empty batch raises an exception."""
    return replace_lengths(lambda lengths, T: np.minimum(lengths, lengths.max()), network)


@around("contract", "lengths", "SHAPE-6", "a mean over no samples")
def divides_by_an_empty_batch_of_sequences(network: Backend) -> Backend:
    """The parameter gradients of an empty batch are 0/0, in every layer and of every variant."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = network.differentiate(problem, d)
        if problem.x.shape[1]:
            return answer, g
        rows = tuple(tuple(each_array(lambda a: np.full_like(a, np.nan), p) for p in row) for row in g.parameters)
        return answer, replace(g, parameters=rows)

    return replace(network, gradients=gradients)


@around("contract", "lengths", "SHAPE-5")
def hands_no_cotangent_on_without_steps(network: Backend) -> Backend:
    """Without steps, the initial states have no gradient."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = network.differentiate(problem, d)
        return answer, g if len(problem.x) else replace(g, state=map_state(np.zeros_like, g.state))

    return replace(network, gradients=gradients)
