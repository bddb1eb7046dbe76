"""A file of any kind: its LSTMs, asked in a runtime."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np

from conformance.models.apart import read_apart
from conformance.models.asked import Asked, ModelError
from conformance.models.reading import GRAPHS
from conformance.models.runtimes import ask_problems, ask_weights, choose_runtime
from conformance.models.weights import Stored
from lstm_spec import Backend, Network, State
from lstm_spec.types import Array

Open = Callable[[str], AbstractContextManager[str | Backend]]  # a runtime, by its name


def ask_file(
    path: Path, inputs: Mapping[str, Array], runtime: str | None, open_runtime: Open, layout: str | None = None
) -> tuple[list[Asked], tuple[str, ...]]:
    """Every LSTM of a file, with the question and the answer, and what has to be said. Raises ModelError."""
    found = read_apart(path, inputs, layout)
    if isinstance(found, Stored):
        with open_runtime(runtime or choose_runtime(found.runtime, found.networks.values())) as backend:
            return ask_weights(found, inputs, backend), found.notes
    if runtime and runtime != GRAPHS[path.suffix.lower()].runtime:
        with open_runtime(runtime) as backend:
            return ask_problems(found, backend), ()
    return found, ()


def choose_one(path: Path, asked: list[Asked], name: str, is_needed: bool = True) -> Asked:
    """The LSTM of that name, or whose name ends so, or the only one there is if no name is needed.

    Nodes that read each other are one.

    Raises ModelError.
    """
    whole: list[Asked] = []
    for one in asked:
        below = whole[-1] if whole else one
        whole[-1:] = [_stack(below, one)] if whole and _reads(one, below) else [*whole[-1:], one]
    is_only = len(whole) == 1 and not is_needed
    ends = [one for one in whole if name and one.short_name.endswith((f"/{name}", f".{name}"))]
    found = [one for one in whole if one.short_name == name or not name or is_only] or ends
    if len(found) != 1:
        names, wanted = ", ".join(one.short_name for one in whole), f"one named {name!r}" if name else "one"
        many = f"{len(whole)} LSTM{'s' * (len(whole) != 1)} ({names})"
        raise ModelError(f"{path} has {many}, expected {wanted}; choose with --name")
    return found[0]


def _reads(above: Asked, below: Asked) -> bool:
    """Whether what one returned is what the other was given."""
    mine, theirs = above.problem, below.problem
    return np.array_equal(mine.x, below.answer[0]) and (mine.directions, mine.variant) == (
        theirs.directions,
        theirs.variant,
    )


def _stack(below: Asked, above: Asked) -> Asked:
    state = State(*(np.concatenate(pair) for pair in zip(below.problem.state, above.problem.state, strict=True)))
    rows = (*below.problem.parameters, *above.problem.parameters)
    y, *last = above.answer
    pairs = zip(below.answer[1:], last, strict=True)
    h, c = (None if a is None or b is None else np.concatenate([a, b]) for a, b in pairs)
    return above._replace(
        name=below.name,
        problem=replace(below.problem, parameters=rows, state=state),
        answer=(y, h, c),
        bias_sizes=(*below.bias_sizes, *above.bias_sizes),
        inner=(*below.inner, below.answer[0]),
        units=(*below.units, *above.units),
    )


def read_network(asked: Asked) -> Network:
    """The weights that an answer was given with."""
    problem = asked.problem
    sizes = tuple(tuple(dict(one) for one in row) for row in asked.bias_sizes)
    network = Network(problem.parameters, problem.directions, "pytorch", False, sizes)
    of = problem.variant
    return replace(network, activations=of.activations, clip=of.clip, projection_clip=of.projection_clip)


def list_inputs(asked: Asked, is_graph: bool) -> Iterator[tuple[str, Array]]:
    """The question as inputs for a file that was written from it, by the names of its form."""
    D, (h, c) = len(asked.problem.directions), asked.problem.state
    yield "X" if is_graph else "x", asked.problem.x
    if not is_graph:
        yield from (("h", h), ("c", c))
    for layer in range(len(h) // D) if is_graph else ():
        part = slice(layer * D, (layer + 1) * D)
        yield from ((f"h{layer}", h[part]), (f"c{layer}", c[part]))
