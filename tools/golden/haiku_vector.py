"""Haiku's LSTM."""

import haiku as hk
import jax
import jax.numpy as jnp
from common import H, drawn, inputs, write

given = inputs()
x, h0, c0 = given.values()
lstm = hk.without_apply_rng(hk.transform(lambda x, s: hk.dynamic_unroll(hk.LSTM(H), x, s)))
state = hk.LSTMState(jnp.asarray(h0), jnp.asarray(c0))
tree = lstm.init(jax.random.key(0), x, state)
((module, arrays),) = tree.items()
weights = drawn({name: a.shape for name, a in arrays.items()})
y, (h, c) = lstm.apply({module: weights}, x, state)
layer = {f"{module.removeprefix('lstm/')}/{name}": a for name, a in weights.items()}
write("haiku", "dm-haiku", hk.__version__, "haiku", layer, given, {"y": y, "h_T": h, "c_T": c})
