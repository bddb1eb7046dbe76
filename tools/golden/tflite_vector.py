"""TensorFlow Lite's UNIDIRECTIONAL_SEQUENCE_LSTM, into which a Keras layer is converted, run by its interpreter.

The converter makes no peepholes, no projection and no coupled gates: they are put into the model that it makes.
"""

import copy

import numpy as np
import tensorflow as tf
import tf_keras
from common import B, H, I, P, T, drawn, inputs, write
from tensorflow.lite.tools import flatbuffer_utils

GATES = ("input", "forget", "cell", "output")
POSITIONS = {  # of its inputs, as tensorflow/lite/kernels/lstm_shared.h numbers them
    **{f"input_to_{gate}_weights": k for k, gate in enumerate(GATES, 1)},
    **{f"recurrent_to_{gate}_weights": k for k, gate in enumerate(GATES, 5)},
    **{f"cell_to_{gate}_weights": k for k, gate in enumerate(("input", "forget", "output"), 9)},
    **{f"{gate}_gate_bias": k for k, gate in enumerate(GATES, 12)},
    "projection_weights": 16,
}
HIDDEN, CELL = 18, 19  # the states, variables that it steps forward
A_WEIGHT = 2  # among the tensors of the converted model
OF_INPUT_GATE = ("input_to_input_weights", "recurrent_to_input_weights", "cell_to_input_weights", "input_gate_bias")


def shape_tensors(width: int, peepholes: bool, coupled: bool) -> dict[str, tuple[int, ...]]:
    """The tensors of a layer whose h has that width."""
    shapes = {name: (H, I) if k < 5 else (H, width) if k < 9 else (H,) for name, k in POSITIONS.items()}
    shapes["projection_weights"] = (width, H)
    left_out = set[str]() if peepholes else {name for name in POSITIONS if name.startswith("cell_to")}
    left_out |= {*OF_INPUT_GATE} if coupled else set()
    left_out |= {"projection_weights"} if width == H else set()
    return {name: shape for name, shape in shapes.items() if name not in left_out}


def write_vector(name: str, layout: str, width: int = H, peepholes: bool = False, coupled: bool = False) -> None:
    """The model with other tensors, and what it answers."""
    model = copy.deepcopy(CONVERTED)
    graph, weights = model.subgraphs[0], drawn(shape_tensors(width, peepholes, coupled))
    (node,) = graph.operators
    for part, k in POSITIONS.items():
        node.inputs[k] = len(graph.tensors) if part in weights else -1
        if part in weights:
            tensor, buffer = copy.deepcopy(graph.tensors[A_WEIGHT]), copy.deepcopy(model.buffers[0])
            tensor.name, tensor.shape, tensor.buffer = part.encode(), list(weights[part].shape), len(model.buffers)
            buffer.data = np.frombuffer(weights[part].tobytes(), np.uint8)
            graph.tensors.append(tensor)
            model.buffers.append(buffer)
    graph.tensors[node.inputs[HIDDEN]].shape = [B, width]
    graph.tensors[node.outputs[0]].shape = [B, T, width]
    lite = tf.lite.Interpreter(model_content=bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    lite.allocate_tensors()
    given = inputs(width)
    lite.set_tensor(lite.get_input_details()[0]["index"], np.ascontiguousarray(np.swapaxes(given["x"], 0, 1)))
    lite.set_tensor(node.inputs[HIDDEN], given["h0"])
    lite.set_tensor(node.inputs[CELL], given["c0"])
    lite.invoke()
    y = np.swapaxes(lite.get_tensor(node.outputs[0]), 0, 1)
    h, c = (lite.get_tensor(node.inputs[k]) for k in (HIDDEN, CELL))
    write(name, "tensorflow", tf.__version__, layout, weights, given, {"y": y, "h_T": h, "c_T": c})


layer = tf_keras.layers.LSTM(H, return_sequences=True)
keras = tf_keras.Sequential([tf_keras.Input(batch_size=B, shape=(T, I)), layer])
converted = tf.lite.TFLiteConverter.from_keras_model(keras).convert()
CONVERTED = flatbuffer_utils.convert_bytearray_to_object(bytearray(converted))
write_vector("tflite", "tflite")
write_vector("tflite-peephole-projection", "tflite", P, peepholes=True)
write_vector("tflite-cifg", "tflite-cifg", P, coupled=True)
