"""A given ONNX model, cut open at its LSTM node."""

from typing import Any

import numpy as np
import onnx

from lstm_spec.adapters.onnx.graph import Ends, Form, Weights
from lstm_spec.adapters.weights import Named

INPUTS = {"W": 1, "R": 2, "B": 3, "lengths": 4, "h": 5, "c": 6, "P": 7}  # of a node
OWN = "judged."  # tensors that are put in place of the model's


class GivenModel:
    """Somebody's model with one LSTM node that reads forward: around the node, everything is as it was."""

    def __init__(self, model: onnx.ModelProto, x: str, y: str) -> None:
        """x and y name where a question enters and the answer leaves; empty: the first input, the first output.

        Raises ValueError if the model has not one node that can be asked, or no such tensor.
        """
        self.model = onnx.shape_inference.infer_shapes(model)
        graph = self.model.graph
        self.taken = _list_inputs(_find_node(graph))
        _check_activations(_find_node(graph))
        self.layout = next((a.i for a in _find_node(graph).attribute if a.name == "layout"), 0)
        weights = {a.name for a in graph.initializer}
        self.given = [one.name for one in graph.input if one.name not in weights]
        self.x, self.y = x or self.given[0], y or graph.output[0].name
        described = {one.name: one.type.tensor_type for one in (*graph.value_info, *graph.input, *graph.output)}
        self.shapes = {name: [d.dim_value for d in kind.shape.dim] for name, kind in described.items()}
        self.shapes |= {a.name: list(a.dims) for a in graph.initializer}
        for option, name in (("input", self.x), ("output", self.y)):
            if name not in described:
                raise ValueError(
                    f"{option} is {name!r}, expected a tensor of the model; e.g. {', '.join([*described][:3])}"
                )
        self.kind = described[self.x].elem_type

    @property
    def sizes(self) -> tuple[int, int]:
        """I and H, as the weights have them."""
        return self.shapes[self.taken["W"]][2], self.shapes[self.taken["R"]][2]

    @property
    def dtype(self) -> str:
        """The dtype of x."""
        return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(self.kind)).name)

    def needs_state(self) -> bool:
        """Whether the model itself takes a state, so that none can be left out."""
        found, names = set[str](), {self.taken["h"], self.taken["c"]}
        while names:
            found |= names
            names = {name for node in self.model.graph.node if {*node.output} & names for name in node.input} - found
        return bool((found & {*self.given}) - {self.x})

    def cut(self, weights: Weights, form: Form) -> tuple[onnx.ModelProto, Ends]:
        """The model with these weights as initialisers; states enter at the node, and leave it."""
        model, tensors = onnx.ModelProto(), dict(weights[0])
        model.CopyFrom(self.model)
        node = _find_node(model.graph)
        if self.taken["P"] and "P" not in tensors:
            tensors["P"] = np.zeros((1, 3 * self.sizes[1]), tensors["W"].dtype)
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
        new = [name for name in (*parts.values(), *ends.h, *ends.c, *ends.answers) if name not in known]
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
    if [name.lower() for name in names] != ["sigmoid", "tanh", "tanh"][: len(names)]:
        raise ValueError(
            f"the LSTM node has the activations {', '.join(names)}, expected Sigmoid, Tanh, Tanh; judge its answers"
            " with lstm-conform judge FILE, or the runtime itself, with any activations: from_onnx()"
        )


def _find_node(graph: onnx.GraphProto) -> Any:
    """The one LSTM node of a graph."""
    nodes = [node for node in graph.node if node.op_type == "LSTM"]
    if len(nodes) != 1:
        raise ValueError(
            f"the model has {len(nodes)} LSTM nodes outside of If and Loop, expected 1; take one out with"
            " onnx.utils.extract_model, or judge the runtime itself, in all its forms: from_onnx()"
        )
    direction = next((a.s.decode() for a in nodes[0].attribute if a.name == "direction"), "forward")
    if direction != "forward":
        raise ValueError(
            f"the LSTM node is {direction}, expected forward; judge the runtime itself, in all directions: from_onnx()"
        )
    return nodes[0]
