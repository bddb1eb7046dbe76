"""tinygrad's LSTMCell; where there is no clang, with DEV=PYTHON."""

from importlib.metadata import version

import numpy as np
from common import H, I, drawn, inputs, write
from tinygrad import Tensor
from tinygrad.nn import LSTMCell

given = inputs()
x, h0, c0 = given.values()
cell = LSTMCell(I, H)
weights = drawn({name: tuple(a.shape) for name, a in vars(cell).items() if isinstance(a, Tensor)})
for name, a in weights.items():
    setattr(cell, name, Tensor(a))
state, outputs = (Tensor(h0), Tensor(c0)), []
for x_t in x:
    state = cell(Tensor(x_t), state)
    outputs.append(state[0].numpy())
h, c = (a.numpy() for a in state)
found = {"y": np.stack(outputs), "h_T": h, "c_T": c}
write("tinygrad", "tinygrad", version("tinygrad"), "tinygrad", weights, given, found)
