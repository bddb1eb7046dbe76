"""An LSTM node of an ONNX model: the questions that it was given in a run, and the answers."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.models.asked import Asked, ModelError
from lstm_spec import Problem, State, Variant, network_from
from lstm_spec.layouts.functions import read_onnx_activations
from lstm_spec.types import Array, Direction

SIDES: dict[str, tuple[Direction, ...]] = {
    "forward": ("forward",),
    "reverse": ("reverse",),
    "bidirectional": ("forward", "reverse"),
}
MOST_ITERATIONS = 8  # of a Loop, that are judged
Tensors = dict[str, Array]


def list_runs(node: Any, tensors: Tensors) -> Iterator[tuple[str, Tensors]]:
    """What a node was given and answered, in each iteration if it is in a loop, by the name of that.

    Raises ModelError for a loop in a loop.
    """
    if node.loops > 1:
        raise ModelError(f"{node.name} is in a loop in a loop, expected one loop at most; judge the inner graph")
    if not node.loops:
        if tensors["X"].ndim == 3:  # it was run
            yield node.name, tensors
        return
    many = len(tensors["X"])
    more = f": of {many} iterations the first {MOST_ITERATIONS} are judged" if many > MOST_ITERATIONS else ""
    for k in range(min(many, MOST_ITERATIONS)):
        yield f"{node.name} in iteration {k}{more}", {part: a[k] for part, a in tensors.items()}


def read_question(node: Any, tensors: Tensors, name: str, runtime: str) -> Asked:
    """One of these runs, of this name. Raises ModelError for what the specification has no word for."""
    variant, sides = _read_attributes(node), SIDES[node.attributes["direction"].decode()]
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # the sizes of biases are judged with
        network = network_from({part: tensors[part] for part in "WRBP" if part in tensors}, "onnx", directions=sides)
    network = replace(network, activations=variant.activations)
    is_first = bool(node.attributes["layout"])
    x = np.swapaxes(tensors["X"], 0, 1) if is_first else tensors["X"]
    Y = tensors["Y"].transpose((1, 0, 2, 3) if is_first else (0, 2, 1, 3))
    states = {part: np.swapaxes(a, 0, 1) if is_first else a for part, a in tensors.items() if part[-2:] in ("_h", "_c")}
    zeros = np.zeros_like(states["Y_h"])
    state = State(states.get("initial_h", zeros), states.get("initial_c", zeros))
    lengths = tensors.get("sequence_lens")
    whole = lengths is None or bool((lengths == len(x)).all())
    problem = network.ask(x, state, None if whole or lengths is None else lengths.astype(np.int64))
    sizes = network.bias_sizes
    if variant.kind == "coupled":
        if problem.layer.g is not None and any(gate.p is not None for gate in problem.layer.gates.values()):
            raise ModelError(f"{name} has coupled gates and peepholes, expected one of them; that is not specified")
        rows = tuple(tuple(p._replace(f=None) for p in row) for row in problem.parameters)
        problem = Problem(rows, x, state, problem.lengths, variant, sides)
        sizes = tuple(tuple({gate: a for gate, a in one.items() if gate != "f"} for one in row) for row in sizes)
    y = Y.reshape(*Y.shape[:2], -1)
    return Asked(name, runtime, problem, (np.ascontiguousarray(y), states["Y_h"], states["Y_c"]), sizes)


def _read_attributes(node: Any) -> Variant:
    """The kind of cell. Raises ModelError for what the specification has no word for."""
    used = [a.decode() for a in node.attributes["activations"]]
    alphas, betas = (node.attributes.get(f"activation_{word}", ()) for word in ("alpha", "beta"))
    try:
        activations = read_onnx_activations(used, alphas, betas, node.name)
    except ValueError as error:
        raise ModelError(str(error)) from error
    if node.attributes["clip"]:
        raise ModelError(f"{node.name} clips what its gates receive, expected no clip; it is not judged")
    if activations and node.attributes["input_forget"]:
        raise ModelError(f"{node.name} has coupled gates and the activations {', '.join(used)}; that is not specified")
    kind = "configured" if activations else "coupled" if node.attributes["input_forget"] else "standard"
    return Variant(kind, activations=activations)
