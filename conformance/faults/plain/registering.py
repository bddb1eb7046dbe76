"""How a known fault of one standard layer gets into the catalogue.

A *forward* fault replaces parts of a right LSTM and carries its own, consistent gradient; a *gradient* fault has the
right forward; a *contract* fault wraps a right backend.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from conformance.faults.fault import make_decorators
from conformance.faults.parts import Rows
from conformance.faults.primitives import Value
from lstm_spec import Gate, Gradients, Parameters, Problem
from lstm_spec.types import each_array

forward, gradient, around = make_decorators(networks=False)
contract = partial(around, "contract", "contract")


def replace_gates(p: Parameters, **gates: Any) -> Parameters:
    """The parameters with some gates replaced, by letter."""
    return p._replace(**gates)


def change_layers(change: Callable[[Parameters], Parameters]) -> Callable[[Problem, Rows], Rows]:
    """The weights that the change makes of those of each layer and direction."""
    return lambda problem, rows: tuple(tuple(map(change, row)) for row in rows)


def change_gates(change: Callable[[str, Gate], Gate]) -> Callable[[Problem, Rows], Rows]:
    """The weights that the change makes of each gate, given its letter."""
    return change_layers(lambda p: replace_gates(p, **{k: change(k, gate) for k, gate in p.gates.items()}))


def change_arrays(letters: str, name: str, change: Callable[[Value], Value]) -> Callable[[Problem, Rows], Rows]:
    """The weights with the array W, U or b of these gates changed."""
    return change_gates(lambda k, g: g._replace(**{name: change(getattr(g, name))}) if k in letters else g)


def take_arrays(name: str, sources: dict[str, str]) -> Callable[[Problem, Rows], Rows]:
    """The weights with the array W, U or b of some gates taken from other gates, as far as these are there."""

    def take(p: Parameters) -> Parameters:
        pairs = ((k, source) for k, source in sources.items() if k in p.gates and source in p.gates)
        return replace_gates(
            p, **{k: p.gates[k]._replace(**{name: getattr(p.gates[source], name)}) for k, source in pairs}
        )

    return change_layers(take)


def reorder_gates(order: str, p: Parameters) -> Parameters:
    """The parameters with the weights of these gates used for i, f, g, o, as far as they are there."""
    sources = [p.gates[k] for k in order if k in p.gates]
    return replace_gates(p, **dict(zip(p.gates, sources, strict=True)))


def change_parameters(change: Callable[[Problem, Rows], Rows]) -> Callable[[Problem, Gradients], Gradients]:
    """The gradients with those of the parameters changed."""
    return lambda problem, g: replace(g, parameters=change(problem, g.parameters))


def change_each(change: Callable[[Value], Value]) -> Callable[[Problem, Gradients], Gradients]:
    """The gradients with each array of the parameters changed."""
    return change_parameters(change_layers(partial(each_array, change)))
