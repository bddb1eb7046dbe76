"""A given ONNX model, cut open at one of its LSTM nodes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx

from lstm_spec.adapters.onnx.graph import Ends, Form, Weights
from lstm_spec.adapters.weights import Named
from lstm_spec.types import Direction

INPUTS = {"W": 1, "R": 2, "B": 3, "lengths": 4, "h": 5, "c": 6, "P": 7}  # of a node
OWN = "judged."  # tensors that are put in place of the model's
KINDS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.UNDEFINED)
DIRECTIONS: dict[str, tuple[Direction, ...]] = {
    "forward": ("forward",),
    "reverse": ("reverse",),
    "bidirectional": ("forward", "reverse"),
}


class GivenModel:
    """Somebody's model with an LSTM node: around the node, everything is as it was."""

    def __init__(self, model: onnx.ModelProto, x: str, y: str, node: str) -> None:
        """x and y name where a question enters and the answer leaves, `node` the LSTM, by its name or its output.

        Without names, they are the first input and the first output of the model if those may be what they should, or
        else those of the node. Raises ValueError if there is no such node or tensor, or no weights of known sizes.
        """
        self.model = onnx.shape_inference.infer_shapes(model)
        graph = self.model.graph
        self.number = _find_node(graph, node)
        self.node = graph.node[self.number]
        self.taken = _list_inputs(self.node)
        _check_activations(self.node)
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in self.node.attribute}
        self.layout = attributes.get("layout", 0)
        self.directions = DIRECTIONS[attributes.get("direction", b"forward").decode()]
        weights = {a.name for a in graph.initializer}
        self.given = [one.name for one in graph.input if one.name not in weights]
        described = {one.name: one.type.tensor_type for one in (*graph.value_info, *graph.input, *graph.output)}
        self.shapes = {name: [d.dim_value for d in kind.shape.dim] for name, kind in described.items()}
        self.shapes |= {a.name: list(a.dims) for a in graph.initializer}
        self.kinds = {name: kind.elem_type for name, kind in described.items()}
        I, H = self.sizes
        is_one = sum(1 for _ in _list_nodes(graph)) == 1
        first = self.given[0] if is_one and self.given and self._may_be(self.given[0], I) else self.node.input[0]
        last = graph.output[0].name if is_one and self._may_be(graph.output[0].name, len(self.directions) * H) else ""
        self.x, self.y = x or first, y or last or self.node.output[0]
        for option, name in (("input", x), ("output", y)):
            if name and name not in described:
                raise ValueError(
                    f"{option} is {name!r}, expected a tensor of the model; e.g. {', '.join([*described][:3])}"
                )
        self.kind = self.kinds.get(self.x, 0) or self.kinds.get(self.taken["W"], 0) or onnx.TensorProto.FLOAT

    def _may_be(self, name: str, width: int) -> bool:
        """Whether a tensor may be x or y, with this many features: numbers of three axes, or of four as a node's Y."""
        shape = self.shapes.get(name, [])
        has_axes = not shape or len(shape) == 4 or (len(shape) == 3 and shape[2] in (0, width))
        return has_axes and self.kinds.get(name, 0) in KINDS

    @property
    def sizes(self) -> tuple[int, int]:
        """I and H, as the weights have them. Raises ValueError if the model does not say it."""
        found = [self.shapes.get(self.taken[part], []) for part in ("W", "R")]
        if not all(len(shape) == 3 and shape[2] for shape in found):
            raise ValueError(
                f"the weights of {_name(self.node)} have no shape, expected initialisers; fold what computes them, e.g."
                " with onnxruntime's graph optimisations"
            )
        return found[0][2], found[1][2]

    @property
    def dtype(self) -> str:
        """The dtype of x."""
        return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(self.kind)).name)

    def needs_state(self) -> bool:
        """Whether the model itself takes a state, so that none can be left out."""
        found, names = set[str](), {self.taken["h"], self.taken["c"]} - {""}
        while names:
            found |= names
            names = {name for node in self.model.graph.node if {*node.output} & names for name in node.input} - found
        return bool((found & {*self.given}) - {self.x})

    def cut(self, weights: Weights, form: Form) -> tuple[onnx.ModelProto, Ends]:
        """The model with these weights as initialisers; states enter at the node, and leave it."""
        model, tensors = onnx.ModelProto(), dict(weights[0])
        model.CopyFrom(self.model)
        node = model.graph.node[self.number]
        if self.taken["P"] and "P" not in tensors:
            tensors["P"] = np.zeros((len(self.directions), 3 * self.sizes[1]), tensors["W"].dtype)
        parts, states = {part: OWN + part for part in tensors}, [OWN + "h", OWN + "c"] if form.state else []
        taken = self.taken | parts | dict(zip("hc", states, strict=False))
        found = [*node.output, "", ""][:3]
        found = [name or f"{OWN}output.{k}" for k, name in enumerate(found)]
        node.input[1:], node.output[:] = taken.values(), found
        ends = Ends(self.x, taken["lengths"], states[:1], states[1:], [self.y, *found[1:]], [parts])
        return self._extract(model, tensors, ends), ends

    def _extract(self, model: onnx.ModelProto, tensors: Named, ends: Ends) -> onnx.ModelProto:
        """What lies between the ends, with the tensors as initialisers."""
        graph, parts = model.graph, ends.weights[0]
        known = {one.name for one in (*graph.value_info, *graph.input, *graph.output)}
        new = [name for name in (ends.x, *parts.values(), *ends.h, *ends.c, *ends.answers) if name not in known]
        graph.value_info.extend(onnx.helper.make_tensor_value_info(name, self.kind, None) for name in new)
        given = [ends.x, *ends.h, *ends.c, *([ends.lengths] if ends.lengths else [])]
        cut = onnx.utils.Extractor(model).extract_model([*given, *parts.values()], ends.answers)
        inputs = [one for one in cut.graph.input if one.name in given]
        del cut.graph.input[:]
        cut.graph.input.extend(inputs)
        cut.graph.initializer.extend(onnx.numpy_helper.from_array(tensors[part], name) for part, name in parts.items())
        return cut


def _list_inputs(node: onnx.NodeProto) -> dict[str, str]:
    """What a node takes beside x, by our letters, in its order; empty if it is left out."""
    names = [*node.input, *[""] * 8]
    return {part: names[k] for part, k in INPUTS.items()}


def _check_activations(node: onnx.NodeProto) -> None:
    """Raises ValueError if they are not the usual ones, for which the numbers of the judge are."""
    given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    names = [name.decode() for name in given.get("activations", [])]
    if [name.lower() for name in names] != ["sigmoid", "tanh", "tanh", "sigmoid", "tanh", "tanh"][: len(names)]:
        raise ValueError(
            f"the LSTM node has the activations {', '.join(names)}, expected Sigmoid, Tanh, Tanh; judge its answers"
            " with lstm-conform judge FILE, or the runtime itself, with any activations: from_onnx()"
        )


def _list_nodes(graph: Any, kind: str = "LSTM") -> Iterator[int]:
    return (k for k, node in enumerate(graph.node) if node.op_type == kind)


def _name(node: Any) -> str:
    """By what a node can be named."""
    return str(node.name or node.output[0] or node.output[1])


def _find_node(graph: Any, wanted: str) -> int:
    """The number of the LSTM node of that name or output, or of the only one. Raises ValueError if there is none."""
    numbers = list(_list_nodes(graph))
    fitting = [k for k in numbers if wanted in ("", graph.node[k].name, *filter(None, graph.node[k].output))]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(_name(graph.node[k]) for k in numbers)
    if numbers and wanted:
        raise ValueError(f"node is {wanted!r}, expected one of the LSTM nodes {listed}; name one of them")
    if numbers:
        raise ValueError(
            f"the model has {len(numbers)} LSTM nodes, expected 1: {listed}; name one of them, onnx:FILE:NODE or"
            " node=, for each is judged by itself"
        )
    if inner := [(node, each) for node in graph.node for each in _list_inner(node)]:
        node, each = inner[0]
        raise ValueError(
            f"the LSTM node {_name(each)} is inside of the {node.op_type} node {_name(node)}, expected one outside;"
            " give the branch as a model of its own, or judge the runtime itself, in all its forms: from_onnx()"
        )
    others = sorted({node.op_type for node in graph.node} & {"GRU", "RNN", "Loop", "Scan"})
    but = f", but {others[0]}" if others else ""
    raise ValueError(
        f"the model has no LSTM node{but}, expected one; export the LSTM as a node, or"
        " judge the runtime itself: from_onnx()"
    )


def _list_inner(node: Any) -> Iterator[Any]:
    """The LSTM nodes in the graphs that are attributes of a node."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for each in graph.node:
                yield from ([each] if each.op_type == "LSTM" else _list_inner(each))
