"""Known faults: x and weights in bfloat16 where states are float32."""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from conformance.arrays import CODES
from conformance.faults.networks.registering import around, map_state
from lstm_spec import Answer, Backend, Cotangents, Gradients, Parameters, Problem, State
from lstm_spec.storage import has_narrow_weights
from lstm_spec.types import Array, each_array

Forward = Callable[[Problem], Answer]


def narrow(a: Array) -> Array:
    """The array in bfloat16."""
    return a.astype(CODES["BF16"])


def widen(a: Array) -> Array:
    """The array in float32."""
    return a.astype(np.float32)


def forward_instead(network: Backend, forward: Forward) -> Backend:
    """The network with another forward pass where x and the weights are bfloat16 beside states of float32."""

    def ask(problem: Problem) -> Answer:
        return forward(problem) if has_narrow_weights(problem) else network.forward(problem)

    return replace(network, forward=ask)


@around("contract", "storage", "ACC-5")
def keeps_the_states_in_bfloat16_too(network: Backend) -> Backend:
    """The states are rounded to bfloat16, which only the weights have."""

    def forward(problem: Problem) -> Answer:
        answer = network.forward(replace(problem, state=map_state(narrow, problem.state)))
        return Answer(widen(answer.y), map_state(widen, answer.state))

    return forward_instead(network, forward)


@around("contract", "storage", "ACC-5")
def feeds_back_the_hidden_state_in_bfloat16(network: Backend) -> Backend:
    """Before each step h is rounded to bfloat16, so that it fits the weights that it is multiplied by."""

    def forward(problem: Problem) -> Answer:
        if problem.lengths is not None or problem.directions != ("forward",):
            return network.forward(problem)
        state, ys = problem.state, list[Array]()
        for x in problem.x:
            fed = State(widen(narrow(state.h)), state.c)
            answer = network.forward(replace(problem, x=x[None], state=fed))
            ys, state = [*ys, answer.y], answer.state
        return Answer(np.concatenate(ys), state) if ys else network.forward(problem)

    return forward_instead(network, forward)


@around("contract", "storage", "SHAPE-2")
def returns_the_outputs_in_bfloat16(network: Backend) -> Backend:
    """y has the dtype of x, and not that of the states."""

    def forward(problem: Problem) -> Answer:
        answer = network.forward(problem)
        return Answer(narrow(answer.y), answer.state)

    return forward_instead(network, forward)


def gradients_instead(network: Backend, change: Callable[[Problem, Cotangents, Gradients], Gradients]) -> Backend:
    """The network with its gradients changed where x and the weights are bfloat16 beside states of float32."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = network.differentiate(problem, d)
        return answer, change(problem, d, found) if has_narrow_weights(problem) else found

    return replace(network, gradients=gradients)


def _of_parameters(function: Callable[..., Any], *many: Gradients) -> tuple[tuple[Parameters, ...], ...]:
    rows = zip(*(found.parameters for found in many), strict=True)
    return tuple(tuple(each_array(function, *ps) for ps in zip(*row, strict=True)) for row in rows)


@around("contract", "storage", "SHAPE-3")
def returns_the_gradients_of_the_weights_in_float32(network: Backend) -> Backend:
    """The gradients of bfloat16 weights are float32."""
    return gradients_instead(network, lambda _, d, found: replace(found, parameters=_of_parameters(widen, found)))


@around("contract", "storage", "ACC-5")
def adds_up_the_samples_in_bfloat16(network: Backend) -> Backend:
    """The gradients of the weights are summed over the samples in the weights' own dtype."""

    def change(problem: Problem, d: Cotangents, found: Gradients) -> Gradients:
        samples = [slice(b, b + 1) for b in range(problem.x.shape[1])]
        if len(samples) < 2:
            return found
        each = [network.differentiate(*_take_sample(problem, d, b))[1] for b in samples]
        return replace(found, parameters=reduce(_add_parameters, each).parameters)

    return gradients_instead(network, change)


def _add_parameters(a: Gradients, b: Gradients) -> Gradients:
    return replace(a, parameters=_of_parameters(np.add, a, b))


def _take_sample(problem: Problem, d: Cotangents, b: slice) -> tuple[Problem, Cotangents]:
    def take(a: Array) -> Array:
        return a[:, b]

    lengths = None if problem.lengths is None else problem.lengths[b]
    one = replace(problem, x=take(problem.x), state=map_state(take, problem.state), lengths=lengths)
    return one, Cotangents(take(d.y), map_state(take, d.state))
