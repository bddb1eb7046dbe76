"""flax.linen.OptimizedLSTMCell under nn.RNN, and its gradients: lstm-conform run examples.flax_cell:BACKEND"""

import flax
import jax
import numpy as np
from flax import linen as nn

from lstm_spec import Description, from_packed

jax.config.update("jax_enable_x64", True)


def parameters(W, U, b):
    """As the cell names them: a kernel for each gate, transposed; the biases in the recurrent half."""
    w, u, bias = (dict(zip("ifgo", jax.numpy.split(a, 4), strict=True)) for a in (W, U, b))
    inputs = {f"i{k}": {"kernel": w[k].T} for k in "ifgo"}
    return {"params": {"cell": inputs | {f"h{k}": {"kernel": u[k].T, "bias": bias[k]} for k in "ifgo"}}}


@jax.jit
def run(x, h, c, W, U, b):
    rnn = nn.RNN(nn.OptimizedLSTMCell(h.shape[1], param_dtype=x.dtype), time_major=True, return_carry=True)
    (c, h), y = rnn.apply(parameters(W, U, b), x, initial_carry=(c, h))
    return y, h, c


def forward(*given):
    return tuple(map(np.asarray, run(*given)))


def gradients(*given):
    *inputs, dy, dh, dc = given
    answer, back = jax.vjp(run, *inputs)
    return tuple(map(np.asarray, (*answer, *back((dy, dh, dc)))))


about = Description(version=flax.__version__)
BACKEND = from_packed(forward, gradients, order="ifgo", biases=1, name="flax", description=about)
