"""Models of TensorFlow Lite that are one LSTM operator, of any form."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from conformance.models.lite import PARTS

T, B, I, H, P = 4, 2, 3, 5, 2
FLOAT, INT8 = schema.TensorType.FLOAT32, schema.TensorType.INT8
INPUTS = 24  # of the operator


def make_model(
    left_out: str = "cell_to projection", width: int = H, dtype: Any = np.float32, extra: int = 0, **options: Any
) -> bytes:
    """A model that is one operator. Parts whose names begin with these words are left out; `extra`: one more input."""
    rng, model, graph, node = np.random.default_rng(0), schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []

    def add(name: str, shape: tuple[int, ...], values: Any = None, is_variable: bool = False) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.isVariable, tensor.buffer = name.encode(), list(shape), is_variable, 0
        tensor.type = FLOAT if values is None or values.dtype == np.float32 else INT8
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    node.inputs = [-1] * INPUTS
    time_major = options.get("timeMajor", False)
    node.inputs[0] = add("x", (T, B, I) if time_major else (B, T, I))
    for k, name in enumerate(PARTS, 1):
        shape = (H, I) if k < 5 else (H, width) if k < 9 else (width, H) if k == 16 else (H,)
        if not name.startswith(tuple(left_out.split())):
            node.inputs[k] = add(name, shape, (rng.integers(-64, 65, shape) / 64).astype(dtype))
    if extra:
        node.inputs[extra] = add("extra", (width,), np.ones(width, np.float32))
    node.inputs[18], node.inputs[19] = add("h", (B, width), None, True), add("c", (B, H), None, True)
    node.outputs = [add("y", (T, B, width) if time_major else (B, T, width))]
    node.builtinOptionsType = schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions
    node.builtinOptions = schema.UnidirectionalSequenceLSTMOptionsT()
    for name, value in {"fusedActivationFunction": schema.ActivationFunctionType.TANH, **options}.items():
        setattr(node.builtinOptions, name, value)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    graph.inputs, graph.outputs, graph.operators = [node.inputs[0]], node.outputs, [node]
    model.subgraphs, model.operatorCodes = [graph], [code]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


COUPLED = "cell_to projection input_to_input recurrent_to_input input_gate"
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "time first": {"timeMajor": True},
    "peepholes": {"left_out": "projection"},
    "projection": {"left_out": "cell_to", "width": P},
    "coupled": {"left_out": COUPLED},
    "bound": {"cellClip": 0.5},
    "bound on the projection": {"left_out": "cell_to", "width": P, "projClip": 0.25},
}
