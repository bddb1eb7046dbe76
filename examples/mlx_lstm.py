"""mlx.nn.LSTM, and its gradients: lstm-conform run examples.mlx_lstm:BACKEND"""

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from lstm_spec import Description, from_packed

mx.set_default_device(mx.cpu)


def run(x, h, c, W, U, b):
    """x (B, T, I)."""
    layer = nn.LSTM(x.shape[-1], h.shape[-1])
    layer.Wx, layer.Wh, layer.bias = W, U, b
    y, cells = layer(x, hidden=h, cell=c)
    return y, y[:, -1], cells[:, -1]


def forward(*given):
    return tuple(np.array(a) for a in run(*map(mx.array, given)))


def gradients(*given):
    *inputs, dy, dh, dc = map(mx.array, given)
    answer, found = mx.vjp(run, inputs, [dy, dh, dc])
    return tuple(np.array(a) for a in (*answer, *found))


about = Description(version=mx.__version__, dtypes=("float32",))
BACKEND = from_packed(forward, gradients, order="ifgo", biases=1, batch_first=True, name="mlx", description=about)
