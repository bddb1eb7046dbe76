"""Known faults of networks: what is done to the memory of lengths, peepholes, projections and stacked states."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from conformance.faults.networks.registering import around, ask_instead
from conformance.faults.plain.buffers import keep_while_the_same, make_buffers
from lstm_spec import Answer, Backend, Cotangents, Gradients, Parameters, Problem
from lstm_spec.types import Array

memory = partial(around, "contract", "memory")


def _replace_parameters(change: Callable[[Parameters], Parameters], problem: Problem) -> Problem:
    return replace(problem, parameters=tuple(tuple(map(change, row)) for row in problem.parameters))


def _spoil(network: Backend, spoil: Callable[[Problem], None]) -> Backend:
    """The network that afterwards does something to its inputs."""

    def forward(problem: Problem) -> Answer:
        answer = network.forward(problem)
        spoil(problem)
        return answer

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        found = network.differentiate(problem, d)
        spoil(problem)
        return found

    return replace(network, forward=forward, gradients=gradients)


@memory("CONTRACT-1", "sorted for packing")
def sorts_the_lengths_in_place(network: Backend) -> Backend:
    """The given lengths are in descending order afterwards."""

    def sort(problem: Problem) -> None:
        if problem.lengths is not None and problem.lengths.flags.writeable:
            problem.lengths[...] = np.sort(problem.lengths)[::-1]

    return _spoil(network, sort)


@memory("CONTRACT-1")
def doubles_the_peepholes_in_place(network: Backend) -> Backend:
    """The weights of the peepholes are twice what they were afterwards."""

    def double(problem: Problem) -> None:
        for gate in (gate for row in problem.parameters for p in row for gate in p.gates.values()):
            if gate.p is not None and gate.p.flags.writeable:
                gate.p[...] *= 2

    return _spoil(network, double)


@memory("CONTRACT-2")
def keeps_the_projection_of_the_first_call(network: Backend) -> Backend:
    """R is cached by its shape."""
    cache: dict[Any, Array] = {}

    def keep(p: Parameters) -> Parameters:
        return p if p.R is None else p._replace(R=cache.setdefault((p.R.shape, p.R.dtype), p.R.copy()))

    return ask_instead(partial(_replace_parameters, keep), network)


@memory("CONTRACT-2")
def packs_the_weights_again_only_for_another_last_layer(network: Backend) -> Backend:
    """Weights that are written over in place are not seen."""
    return keep_while_the_same(network, lambda problem: problem.parameters[-1][-1].g.W)


@memory("CONTRACT-2")
def returns_the_states_of_a_stack_in_three_buffers_in_turn(network: Backend) -> Backend:
    """With several layers, the memory of c_T is used again for the third answer after it."""
    place_in_turn = make_buffers(3)

    def place(problem: Problem, answer: Answer) -> Answer:
        c = answer.state.c
        return (
            replace(answer, state=answer.state._replace(c=place_in_turn(c))) if len(problem.parameters) > 1 else answer
        )

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = network.differentiate(problem, d)
        return place(problem, answer), g

    return replace(network, forward=lambda problem: place(problem, network.forward(problem)), gradients=gradients)


def _read_in_a_row(a: Array) -> Array:
    """The numbers as they lie in memory, from the first one in the array on, as far as its memory goes."""
    base = a if a.base is None else a.base
    flat = np.frombuffer(base.tobytes(order="A"), a.dtype) if base.dtype == a.dtype else a.ravel()
    return np.resize(flat, a.shape)


@memory("CONTRACT-4")
def reads_a_projection_in_a_row(network: Backend) -> Backend:
    """The strides of R are ignored."""

    def read(p: Parameters) -> Parameters:
        return p if p.R is None else p._replace(R=_read_in_a_row(p.R))

    return ask_instead(partial(_replace_parameters, read), network)


@memory("CONTRACT-4")
def reads_the_lengths_in_a_row(network: Backend) -> Backend:
    """The strides of the lengths are ignored."""

    def read(problem: Problem) -> Problem:
        if problem.lengths is None:
            return problem
        lengths = np.clip(_read_in_a_row(problem.lengths), problem.lengths.min(initial=0), len(problem.x))
        return replace(problem, lengths=lengths)

    return ask_instead(read, network)
