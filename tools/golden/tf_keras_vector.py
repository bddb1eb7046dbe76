"""The LSTM cells of TensorFlow 1, as tf_keras keeps them, also with peepholes and a projection; and CuDNNLSTM.

CuDNNLSTM itself runs on a GPU only: tf_keras loads its weights into an LSTM, which runs.
"""

import warnings

import numpy as np
import tensorflow as tf
import tf_keras
from common import B, H, I, P, T, drawn, inputs, write
from tf_keras.src.layers.rnn.cudnn_lstm import CuDNNLSTM
from tf_keras.src.layers.rnn.legacy_cells import BasicLSTMCell, LSTMCell
from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

warnings.simplefilter("ignore")  # "this class is deprecated"
for name, layout, cell, width in (
    ("tf1-basic", "tf1-basic", BasicLSTMCell(H), H),
    ("tf1", "tf1", LSTMCell(H), H),
    ("tf1-peephole", "tf1", LSTMCell(H, use_peepholes=True), H),
    ("tf1-projection", "tf1", LSTMCell(H, num_proj=P), P),
    ("tf1-peephole-projection", "tf1", LSTMCell(H, use_peepholes=True, num_proj=P), P),
):
    given = inputs(width)
    x, h, c = map(tf.constant, given.values())
    cell.build(x.shape[1:])
    weights = drawn({w.name.removesuffix(":0").partition("/")[2]: tuple(w.shape) for w in cell.trainable_weights})
    cell.set_weights(list(weights.values()))
    outputs = []
    for x_t in tf.unstack(x):
        h, (c, _) = cell(x_t, (c, h))
        outputs.append(h)
    write(name, "tf_keras", tf_keras.__version__, layout, weights, given, {"y": tf.stack(outputs), "h_T": h, "c_T": c})

given = inputs()
cudnn = CuDNNLSTM(H, return_sequences=True, return_state=True)
cudnn.build((B, T, I))
weights = drawn({w.name.removesuffix(":0").rpartition("/")[2]: tuple(w.shape) for w in cudnn.weights})
layer = tf_keras.layers.LSTM(H, return_sequences=True, return_state=True)
layer.build((B, T, I))
layer.set_weights(preprocess_weights_for_loading(layer, list(weights.values())))
x, h, c = (np.swapaxes(given["x"], 0, 1), given["h0"], given["c0"])
y, h, c = layer(tf.constant(x), initial_state=[tf.constant(h), tf.constant(c)])
found = {"y": np.swapaxes(y, 0, 1), "h_T": h, "c_T": c}
write("cudnnlstm-v1", "tf_keras", tf_keras.__version__, "cudnnlstm-v1", weights, given, found)
