"""Keras 3's LSTM, on TensorFlow."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import numpy as np  # noqa: E402
from common import H, drawn, inputs, write  # noqa: E402

given = inputs()
x, h0, c0 = given.values()
layer = keras.layers.LSTM(H, return_sequences=True, return_state=True)
batch_first = np.swapaxes(x, 0, 1)
layer.build(batch_first.shape)
weights = drawn({weight.name: tuple(weight.shape) for weight in layer.cell.weights})
layer.cell.set_weights(list(weights.values()))
y, h, c = map(np.asarray, layer(batch_first, initial_state=[h0, c0]))
write("keras", "keras", keras.__version__, "keras", weights, given, {"y": np.swapaxes(y, 0, 1), "h_T": h, "c_T": c})
