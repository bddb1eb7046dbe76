"""MLX's nn.LSTM, on the CPU."""

from importlib.metadata import version

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from common import H, I, drawn, inputs, write

mx.set_default_device(mx.cpu)
given = inputs()
x, h0, c0 = map(mx.array, given.values())
lstm = nn.LSTM(I, H)
weights = drawn({name: tuple(a.shape) for name, a in lstm.parameters().items()})
lstm.update({name: mx.array(a) for name, a in weights.items()})
y, c = (np.swapaxes(np.array(a), 0, 1) for a in lstm(mx.swapaxes(x, 0, 1), h0, c0))
write("mlx", "mlx", version("mlx"), "mlx", weights, given, {"y": y, "h_T": y[-1], "c_T": c[-1]})
