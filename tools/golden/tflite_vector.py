"""TensorFlow Lite's UNIDIRECTIONAL_SEQUENCE_LSTM, into which a Keras layer is converted, run by its interpreter."""

import numpy as np
import tensorflow as tf
import tf_keras
from common import B, H, I, T, drawn, inputs, write

POSITIONS = {  # of its inputs, as tensorflow/lite/kernels/lstm_shared.h numbers them
    **{f"input_to_{gate}_weights": k for k, gate in enumerate(("input", "forget", "cell", "output"), 1)},
    **{f"recurrent_to_{gate}_weights": k for k, gate in enumerate(("input", "forget", "cell", "output"), 5)},
    **{f"{gate}_gate_bias": k for k, gate in enumerate(("input", "forget", "cell", "output"), 12)},
}
HIDDEN, CELL = 18, 19  # the states, variables that it steps forward

given = inputs()
batch_first = np.ascontiguousarray(np.swapaxes(given["x"], 0, 1))
layer = tf_keras.layers.LSTM(H, return_sequences=True)
model = tf_keras.Sequential([tf_keras.Input(batch_size=B, shape=(T, I)), layer])
layer.set_weights(list(drawn({w.name: tuple(w.shape) for w in layer.weights}).values()))
lite = tf.lite.Interpreter(model_content=tf.lite.TFLiteConverter.from_keras_model(model).convert())
lite.allocate_tensors()
(node,) = lite._get_ops_details()  # no public way leads to a node's inputs
weights = {name: lite.get_tensor(node["inputs"][k]) for name, k in POSITIONS.items()}
lite.set_tensor(lite.get_input_details()[0]["index"], batch_first)
lite.set_tensor(node["inputs"][HIDDEN], given["h0"])
lite.set_tensor(node["inputs"][CELL], given["c0"])
lite.invoke()
y = np.swapaxes(lite.get_tensor(node["outputs"][0]), 0, 1)
h, c = (lite.get_tensor(node["inputs"][k]) for k in (HIDDEN, CELL))
write("tflite", "tensorflow", tf.__version__, "tflite", weights, given, {"y": y, "h_T": h, "c_T": c})
