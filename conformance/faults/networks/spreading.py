"""Known faults: a NaN or an infinity acts where it should not, or is not seen, in some form of network only."""

from dataclasses import replace

import numpy as np

from conformance.faults.networks.registering import around, ask_instead, map_state
from conformance.faults.plain.numbers import MASK, clear, spread
from conformance.faults.plain.registering import replace_gates
from lstm_spec import Answer, Backend, Cotangents, Gradients, Parameters, Problem
from lstm_spec.types import Array, each_array


def spread_later_rows(a: Array) -> Array:
    """The states of all readers but the first, spread over the samples."""
    return np.concatenate([a[:1], spread(a[1:], 1)])


@around("contract", "layers", "NUM-1", MASK, part="forward")
def adds_zero_times_other_samples_above_the_first_reader(network: Backend, problem: Problem) -> Answer:
    """The final states of upper layers and second directions are summed with a mask that is 0 for all but one."""
    answer = network.forward(problem)
    return replace(answer, state=map_state(spread_later_rows, answer.state))


@around("contract", "layers", "NUM-1", MASK, part="gradients")
def adds_zero_times_other_gradients_above_the_first_reader(
    network: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """The gradients of the states of upper layers and second directions are summed with such a mask."""
    answer, g = network.differentiate(problem, d)
    return answer, replace(g, state=map_state(spread_later_rows, g.state))


@around("contract", "layers", "NUM-2", "fmax and fmin")
def takes_a_nan_in_a_projection_or_peephole_for_0(network: Backend) -> Backend:
    """Every NaN in R and p is replaced by 0."""

    def clear_some(p: Parameters) -> Parameters:
        cleared = each_array(clear, p)
        gates = {k: gate._replace(p=cleared.gates[k].p) for k, gate in p.gates.items()}
        return replace_gates(p, R=cleared.R, **gates)

    return ask_instead(
        lambda problem: replace(problem, parameters=tuple(tuple(map(clear_some, row)) for row in problem.parameters)),
        network,
    )


@around("contract", "layers", "NUM-2", "torch.nan_to_num after the backward pass", part="gradients")
def clears_a_nan_from_the_gradients_above_the_first_layer(
    network: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """A NaN in the gradients of the parameters of upper layers is replaced by 0."""
    answer, g = network.differentiate(problem, d)
    upper = tuple(tuple(each_array(clear, p) for p in row) for row in g.parameters[1:])
    return answer, replace(g, parameters=(*g.parameters[:1], *upper))
