"""Equinox's LSTMCell, which takes one sample."""

import equinox as eqx
import jax
import jax.numpy as jnp
from common import H, I, drawn, inputs, write

given = inputs()
x, h0, c0 = given.values()
cell = eqx.nn.LSTMCell(I, H, key=jax.random.key(0))
names = ("weight_ih", "weight_hh", "bias")
weights = drawn({name: getattr(cell, name).shape for name in names})
cell = eqx.tree_at(lambda c: [getattr(c, name) for name in names], cell, [jnp.asarray(a) for a in weights.values()])
state, outputs = (jnp.asarray(h0), jnp.asarray(c0)), []
for x_t in x:
    state = jax.vmap(cell)(x_t, state)
    outputs.append(state[0])
found = {"y": jnp.stack(outputs), "h_T": state[0], "c_T": state[1]}
write("equinox", "equinox", eqx.__version__, "equinox", weights, given, found)
