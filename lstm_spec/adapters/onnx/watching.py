"""An ONNX model in which every LSTM node is watched: what it is given and what it answers leave the model, as outputs.

A node inside of If, Loop or Scan is watched, too: its values are handed on through what it is in.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import onnx
import onnx.inliner
import onnx.shape_inference

from lstm_spec.types import Array

GIVEN = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")  # in the order of a node
FOUND = ("Y", "Y_h", "Y_c")
REPEATED = ("Loop", "Scan")  # what is handed on from there has one more axis, of iterations
DEFAULTS: dict[str, Any] = {"activations": [], "direction": b"forward", "clip": None, "input_forget": 0, "layout": 0}


class Watched(NamedTuple):
    """One node."""

    name: str  # its own, after those of what it is in
    attributes: dict[str, Any]
    outputs: dict[str, str]  # of the model, by what the node calls them
    alone: onnx.NodeProto  # the node with names of its own: those of GIVEN and FOUND
    kind: int = onnx.TensorProto.FLOAT  # of its numbers
    loops: int = 0  # that it is in
    branches: int = 0  # likewise


def watch_nodes(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[Watched]]:
    """The model with more outputs, and the nodes that they belong to. Raises ValueError if a node cannot be judged."""
    opened = onnx.inliner.inline_local_functions(model)
    found = _open_graph(opened.graph, "", count(), _list_kinds(opened))
    for one in found:
        _add_outputs(opened.graph, one)
    return opened, found


def _list_kinds(model: onnx.ModelProto) -> dict[str, int]:
    """By the name of each tensor, of what its numbers are, as far as that is known."""
    with suppress(Exception):  # what it cannot infer is float32, as a rule
        model = onnx.shape_inference.infer_shapes(model)
    found: dict[str, int] = {}
    for graph in _walk_graphs(model.graph):
        described = (*graph.input, *graph.output, *graph.value_info)
        found |= {one.name: one.type.tensor_type.elem_type for one in described}
        found |= {one.name: one.data_type for one in graph.initializer}
    return found


def _walk_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for inner in _list_graphs(node):
            yield from _walk_graphs(inner)


def list_types(graph: onnx.GraphProto) -> set[str]:
    """Which operators a graph has, and those in it."""
    return {node.op_type for node in _walk_nodes(graph)}


def isolate_node(one: Watched, model: onnx.ModelProto, tensors: Mapping[str, Array]) -> onnx.ModelProto:
    """A model of the node alone, which is given X and states, with these weights, and without lengths."""
    weights = {part: tensors[part] for part in "WRBP" if part in tensors}
    asked = [part for part in GIVEN if part == "X" or part.startswith("initial")]
    node, kind = onnx.NodeProto(), onnx.helper.np_dtype_to_tensor_dtype(weights["W"].dtype)
    node.CopyFrom(one.alone)
    node.input[:] = [part if part in weights or part in asked else "" for part in GIVEN]
    given, found = (
        [onnx.helper.make_tensor_value_info(part, kind, None) for part in parts] for parts in (asked, FOUND)
    )
    kept = [onnx.numpy_helper.from_array(a, part) for part, a in weights.items()]
    graph = onnx.helper.make_graph([node], "alone", given, found, kept)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def list_unjudged(graph: onnx.GraphProto) -> list[str]:
    """Nodes that are LSTMs of another kind, e.g. with quantised weights, or steps of one."""
    found = [node for node in _walk_nodes(graph) if "LSTM" in node.op_type.upper() and not _is_lstm(node)]
    return [f"{node.name or node.output[0]} is {node.domain or 'ai.onnx'}:{node.op_type}" for node in found]


def _walk_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    return (node for one in _walk_graphs(graph) for node in one.node)


def _is_lstm(node: onnx.NodeProto) -> bool:
    return node.op_type == "LSTM" and node.domain in ("", "ai.onnx")


def _list_graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def _open_graph(graph: onnx.GraphProto, place: str, numbers: "count[int]", kinds: Mapping[str, int]) -> list[Watched]:
    """Give names to everything that is watched in a graph; they are not its outputs yet."""
    found: list[Watched] = []
    for node in list(graph.node):
        name = f"{place}{node.name or node.output[0]}"
        if _is_lstm(node):
            kind = next((kinds[text] for text in node.input[:3] if kinds.get(text)), onnx.TensorProto.FLOAT)
            found.append(_open_node(graph, node, name, numbers)._replace(kind=kind))
        inner = [_open_graph(one, f"{name}/", numbers, kinds) for one in _list_graphs(node)]
        found += _hand_on(node, inner)
    return found


def _open_node(graph: onnx.GraphProto, node: onnx.NodeProto, name: str, numbers: "count[int]") -> Watched:
    number = next(numbers)
    node.output[:] = [text or f"watched.{number}.{part}.own" for text, part in zip([*node.output, "", ""], FOUND)]  # noqa: B905
    pairs = [*zip(GIVEN, node.input), *zip(FOUND, node.output)]  # noqa: B905  what is left out at the end
    outputs = {}
    for part, text in pairs:
        if text:
            outputs[part] = f"watched.{number}.{part}"
            graph.node.append(onnx.helper.make_node("Identity", [text], [outputs[part]]))
    alone = onnx.NodeProto()
    alone.CopyFrom(node)
    alone.input[:], alone.output[:] = GIVEN, FOUND
    attributes = DEFAULTS | {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return Watched(name, attributes, outputs, alone)


def _hand_on(node: onnx.NodeProto, inner: list[list[Watched]]) -> Iterator[Watched]:
    """Make what is watched in the graphs of a node their outputs, in the same order in all, and the node's."""
    branches = _list_graphs(node)
    for own, one in ((branch, one) for branch, several in zip(branches, inner, strict=True) for one in several):
        names = {part: f"{text}'" for part, text in one.outputs.items()}
        node.output.extend(names.values())
        for branch in branches:  # those of an If have the same outputs
            if branch is not own:
                _add_empty(branch, one)
            _add_outputs(branch, one)
        for a in node.attribute:
            if a.name in ("scan_output_axes", "scan_output_directions"):
                a.ints.extend([0] * len(names))
        loops, ifs = one.loops + (node.op_type in REPEATED), one.branches + (node.op_type == "If")
        yield one._replace(outputs=names, loops=loops, branches=ifs)


def _add_outputs(graph: onnx.GraphProto, one: Watched) -> None:
    graph.output.extend(onnx.ValueInfoProto(name=text) for text in one.outputs.values())


def _add_empty(graph: onnx.GraphProto, one: Watched) -> None:
    """Values for a branch in which the node is not."""
    for part, text in one.outputs.items():
        kind = onnx.TensorProto.INT32 if part == "sequence_lens" else one.kind
        empty = onnx.helper.make_tensor(text, kind, [0], [])
        graph.node.append(onnx.helper.make_node("Constant", [], [text], value=empty))
