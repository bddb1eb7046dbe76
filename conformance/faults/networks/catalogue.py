"""How a known fault of networks gets into the catalogue. All of the plain LSTM is right in it.

Kinds as in `plain`. Each is there for a class of mistakes; where it was seen stands beside it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from autograd.tracer import getval

from conformance.faults.fault import Fault, registering
from conformance.faults.network_lstm import backend
from conformance.faults.network_parts import Network
from conformance.faults.primitives import Value, selected
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array

Change = Callable[[Network], Network]

NETWORK_FAULTS: dict[str, Fault] = {}
OF_NETWORKS: dict[str, Any] = {"right": Network(), "build": backend}


_changing = registering(NETWORK_FAULTS, "change", **OF_NETWORKS)
forward = partial(_changing, "forward")
gradient = partial(_changing, "gradient")  # the parts of the gradient pass alone; the forward pass is right
around = registering(NETWORK_FAULTS, "wrap", **OF_NETWORKS)


def asking(change: Callable[[Problem], Problem], network: Backend) -> Backend:
    """The network, asked for another problem than the one given."""

    def forward(problem: Problem) -> Answer:
        return network.forward(change(problem))

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        return network.gradients(change(problem), d)  # type: ignore[misc]

    return replace(network, forward=forward, gradients=gradients)


def with_lengths(change: Callable[[Array, int], Array], network: Backend) -> Backend:
    """The network, which takes lengths (of so many steps at most) for other ones."""

    def asked(problem: Problem) -> Problem:
        if problem.lengths is None:
            return problem
        return replace(problem, lengths=np.asarray(change(problem.lengths, len(problem.x)), np.int64))

    return asking(asked, network)


def zeros(a: Value) -> Array:
    return np.zeros_like(getval(a))


def wherever(valid: Any, a: Value, b: Value) -> Value:
    """a where it is valid, b elsewhere; `valid` need not have their shape."""
    return selected(np.broadcast_to(valid, getval(a).shape), a, b)


def backwards(a: Value) -> Value:
    """The whole of it, from the last step."""
    return a[::-1]


def of_each_state(change: Callable[[Value], Value], s: State) -> State:
    return State(*map(change, s))
