"""How a known fault of the plain LSTM gets into the catalogue.

A *forward* fault replaces parts of a right LSTM and carries its own, consistent gradient; a *gradient* fault has the
right forward; a *contract* fault wraps a right backend.
"""

from collections.abc import Callable
from functools import partial

from conformance.faults.fault import Fault as Fault
from conformance.faults.fault import registering
from conformance.faults.primitives import GATES, Value

FAULTS: dict[str, Fault] = {}


def add(fault: Fault) -> None:
    FAULTS[fault.name] = fault


_changing = registering(FAULTS, "change")
forward = partial(_changing, "forward")
gradient = partial(_changing, "gradient")  # the parts of the gradient pass alone; the forward pass is right
around = registering(FAULTS, "wrap")
contract = partial(around, "contract", "contract")


def swap_gates(d: dict[str, Value], order: str) -> dict[str, Value]:
    return {k: d[source] for k, source in zip(GATES, order, strict=True)}


def change_each(change: Callable[[Value], Value], d: dict[str, Value]) -> dict[str, Value]:
    return {k: change(v) for k, v in d.items()}
