"""How a known fault of networks gets into the catalogue: lengths, directions, layers and variants."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.faults.fault import make_decorators
from conformance.faults.parts import Reader
from conformance.faults.primitives import Value
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array

forward, gradient, around = make_decorators(networks=True)


def ask_instead(change: Callable[[Problem], Problem], network: Backend) -> Backend:
    """The network, asked another problem than the one given."""

    def forward(problem: Problem) -> Answer:
        return network.forward(change(problem))

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        return network.differentiate(change(problem), d)

    return replace(network, forward=forward, gradients=gradients)


def replace_lengths(change: Callable[[Array, int], Array], network: Backend) -> Backend:
    """The network that reads other lengths than the given ones; the change also gets the number of steps T."""

    def replace_them(problem: Problem) -> Problem:
        if problem.lengths is None:
            return problem
        return replace(problem, lengths=np.asarray(change(problem.lengths, len(problem.x)), np.int64))

    return ask_instead(replace_them, network)


def reverse_all_steps(r: Reader, a: Value) -> Value:
    """If the direction is reverse, all steps, those of the padding too, the last one first."""
    return a[::-1] if r.reverse else a


def map_state(change: Callable[[Value], Value], s: State) -> State:
    """The state with both memories changed."""
    return State(*map(change, s))
