"""Haiku's LSTM, and its gradients: lstm-conform run tools.frameworks.haiku:BACKEND

It adds 1 to the forget gate's bias at run time, which rounds; so it is asked in float64, and answers in float32.
"""

import haiku as hk
import jax
import numpy as np

from lstm_spec import Description, from_packed

jax.config.update("jax_enable_x64", True)
FORGET = 2  # in the order igfo


def apply(x, h, c, W, U, b):
    """One bias (4H,), in which the forget gate's is 1 less than it acts as."""
    lstm = hk.without_apply_rng(hk.transform(lambda x, s: hk.dynamic_unroll(hk.LSTM(h.shape[-1]), x, s)))
    H = h.shape[-1]
    weights = {"w": jax.numpy.concatenate([W, U]), "b": b.at[FORGET * H : (FORGET + 1) * H].add(-1.0)}
    y, state = lstm.apply({"lstm/linear": weights}, x, hk.LSTMState(h, c))
    return y, state.hidden, state.cell


@jax.jit
def differentiate(arguments, cotangents):
    answer, pull_back = jax.vjp(apply, *arguments)
    return *answer, *pull_back(cotangents)


def narrow(found):
    return tuple(np.asarray(a, np.float32) for a in found)


def forward(*given):
    return narrow(jax.jit(apply)(*(np.asarray(a, np.float64) for a in given)))


def gradients(*given):
    *arguments, dy, dh, dc = (np.asarray(a, np.float64) for a in given)
    return narrow(differentiate(arguments, (dy, dh, dc)))


BACKEND = from_packed(
    forward,
    gradients,
    order="igfo",
    biases=1,
    transposed=True,
    name="Haiku LSTM",
    description=Description(hk.__version__, dtypes=("float32",)),
)
