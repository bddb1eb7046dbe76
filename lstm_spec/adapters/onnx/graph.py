"""An ONNX graph for a network, with an LSTM node for each layer."""

from typing import Any, NamedTuple

import numpy as np
import onnx

from lstm_spec.adapters.weights import Named
from lstm_spec.layouts.functions import write_onnx_activations
from lstm_spec.types import Activations, Array, Direction

DIRECTION = {("forward",): "forward", ("reverse",): "reverse", ("forward", "reverse"): "bidirectional"}
Weights = list[Named]  # W and R, B and P if they are there, of each layer, the directions one behind the other
OPSET, IR = 22, 10  # of the graphs that are made here


class Form(NamedTuple):
    """Which parts of a question a graph takes, beside x."""

    state: bool = True
    lengths: bool = False


class Ends(NamedTuple):
    """The names by which a graph is asked, and answers; those of states and weights layer by layer."""

    x: str
    lengths: str
    h: list[str]
    c: list[str]
    answers: list[str]  # y, and then h and c of each layer
    weights: list[dict[str, str]]  # by the names of the layout


def make_graph(
    weights: Weights,
    form: Form,
    directions: tuple[Direction, ...],
    layout: int,
    coupled: bool,
    activations: Activations | None = None,
) -> tuple[Any, Ends]:
    """A model with a node for each layer, whose weights are initialisers."""
    layers, nodes, read = range(len(weights)), [], "X"
    states = [[f"{letter}{k}" for k in layers] if form.state else [] for letter in "hc"]
    named = [{part: f"{part}{k}" for part in tensors} for k, tensors in enumerate(weights)]
    last = [name for k in layers for name in (f"Y_h{k}", f"Y_c{k}")]
    ends = Ends("X", "lengths" * form.lengths, states[0], states[1], ["y", *last], named)
    how = {"direction": DIRECTION[directions], **({"layout": 1} if layout else {}), "input_forget": int(coupled)}
    how |= write_onnx_activations(activations, len(directions)) if activations else {}
    for k, names in enumerate(named):
        optional = [states[0][k], states[1][k]] if form.state else ["", ""]
        taken = [read, *(names.get(part, "") for part in "WRB"), ends.lengths, *optional, names.get("P", "")]
        read = "y" if k == layers[-1] else f"X{k + 1}"
        found, H = [f"Y{k}", *last[2 * k : 2 * k + 2]], weights[k]["R"].shape[-1]
        nodes += _make_nodes(taken, found, read, how | {"hidden_size": H})
    initialisers = {
        names[part]: a for names, tensors in zip(named, weights, strict=True) for part, a in tensors.items()
    }
    return _finish(nodes, ends, initialisers | {"flat": np.array([0, 0, -1])}, weights[0]["W"].dtype), ends


def _make_nodes(taken: list[str], found: list[str], y: str, attributes: dict[str, Any]) -> list[Any]:
    """An LSTM, and what makes y (T, B, D * H) of its (T, D, B, H), or of (B, T, D, H) with layout 1."""
    make, turned = onnx.helper.make_node, f"turned_{y}"
    return [
        make("LSTM", taken, found, **attributes),
        make("Transpose", found[:1], [turned], perm=[0, 1, 2, 3] if "layout" in attributes else [0, 2, 1, 3]),
        make("Reshape", [turned, "flat"], [y]),
    ]


def _finish(nodes: list[Any], ends: Ends, initialisers: dict[str, Array], dtype: np.dtype[Any]) -> Any:
    kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    describe = onnx.helper.make_tensor_value_info
    given = [describe(name, kind, [None] * 3) for name in (ends.x, *ends.h, *ends.c)]
    given += [describe(ends.lengths, onnx.TensorProto.INT32, [None])] * bool(ends.lengths)
    found = [describe(name, kind, None) for name in ends.answers]
    kept = [onnx.numpy_helper.from_array(a, name) for name, a in initialisers.items()]
    graph = onnx.helper.make_graph(nodes, "lstm", given, found, kept)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR)
