"""The LSTM cells of TensorFlow 1, as tf_keras keeps them, also with peepholes and a projection."""

import warnings

import tensorflow as tf
import tf_keras
from common import H, P, drawn, inputs, write
from tf_keras.src.layers.rnn.legacy_cells import BasicLSTMCell, LSTMCell

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
