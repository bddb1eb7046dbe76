"""LSTMs as people write them in Flax and Equinox, each in another form. Tests change lines of this text."""

import equinox
import jax
import jax.numpy as jnp
from flax import linen, nnx


class LinenSequence(linen.Module):
    """It reads sequences, batch first, with one Dense; the carry comes second, and may be left out."""

    hidden_size: int

    @linen.compact
    def __call__(self, x, carry=None):
        gates = linen.Dense(4 * self.hidden_size)
        c, h = carry or (jnp.zeros((len(x), self.hidden_size)), jnp.zeros((len(x), self.hidden_size)))
        y = []
        for t in range(x.shape[1]):
            f, i, o, g = jnp.split(gates(jnp.concatenate([x[:, t], h], -1)), 4, -1)
            c = linen.sigmoid(f) * c + linen.sigmoid(i) * jnp.tanh(g)
            h = linen.sigmoid(o) * jnp.tanh(c)
            y.append(h)
        return jnp.stack(y, 1), (c, h)


class LinenTold(linen.Module):
    """Something else stands between x and the carry."""

    hidden_size: int

    @linen.compact
    def __call__(self, x, deterministic=True, carry=None):
        return LinenSequence(self.hidden_size)(x if deterministic else x / 2, carry)


class LinenCell(linen.RNNCellBase):
    """A cell for linen.RNN with matrices of its own; its carry is (h, c)."""

    features: int

    @linen.compact
    def __call__(self, carry, x):
        h, c = carry
        W = self.param("W", linen.initializers.normal(), (x.shape[-1], 4 * self.features))
        U = self.param("U", linen.initializers.normal(), (self.features, 4 * self.features))
        b = self.param("b", linen.initializers.zeros, (4 * self.features,))
        f, i, o, g = jnp.split(x @ W + h @ U + b, 4, -1)
        c_new = linen.sigmoid(f) * c + linen.sigmoid(i) * jnp.tanh(g)
        h = linen.sigmoid(o) * jnp.tanh(c_new)
        return (h, c_new), h

    def initialize_carry(self, rng, input_shape):
        return (jnp.zeros((*input_shape[:-1], self.features)),) * 2

    @property
    def num_feature_axes(self):
        return 1


class NnxCell(nnx.Module):
    """A cell with a Linear for each gate, which stand in a list."""

    def __init__(self, inputs, hidden, rngs):
        self.gates = nnx.List([nnx.Linear(inputs + hidden, hidden, rngs=rngs) for _ in range(4)])

    def __call__(self, x, state):
        h, c = state
        i, f, o, g = (gate(jnp.concatenate([x, h], -1)) for gate in self.gates)
        c = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
        h = nnx.sigmoid(o) * jnp.tanh(c)
        return h, (h, c)


class EquinoxCell(equinox.Module):
    """A cell with two Linears, of one sample."""

    ih: equinox.nn.Linear
    hh: equinox.nn.Linear

    def __init__(self, input_size, hidden_size, *, key):
        self.ih = equinox.nn.Linear(input_size, 4 * hidden_size, key=key)
        self.hh = equinox.nn.Linear(hidden_size, 4 * hidden_size, use_bias=False, key=key)

    def __call__(self, x, state):
        h, c = state
        i, f, g, o = jnp.split(self.ih(x) + self.hh(h), 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c


class EquinoxSequence(equinox.Module):
    """It scans equinox.nn.LSTMCell over one sample; the state may be left out."""

    cell: equinox.nn.LSTMCell
    hidden: int = equinox.field(static=True)

    def __init__(self, input_size, hidden_size, key):
        self.cell, self.hidden = equinox.nn.LSTMCell(input_size, hidden_size, key=key), hidden_size

    def __call__(self, xs, state=None):
        def step(state, x):
            state = self.cell(x, state)
            return state, state[0]

        last, y = jax.lax.scan(step, state or (jnp.zeros(self.hidden), jnp.zeros(self.hidden)), xs)
        return y, last


# ---------------------------------------------------------------- what cannot be judged


class OnlySequence(linen.Module):
    hidden_size: int

    @linen.compact
    def __call__(self, x, carry):
        return LinenSequence(self.hidden_size)(x, carry)[0]


class NoState(linen.Module):
    hidden_size: int

    @linen.compact
    def __call__(self, x):
        return LinenSequence(self.hidden_size)(x)


class WithHead(linen.Module):
    hidden_size: int

    @linen.compact
    def __call__(self, x, carry):
        y, carry = LinenSequence(self.hidden_size)(x, carry)
        return linen.Dense(2)(y), carry


class Extra(equinox.Module):
    def __init__(self, input_size, hidden_size, layers, *, key):
        pass


def make_none(input_size, hidden_size):
    pass


cell = linen.OptimizedLSTMCell(3)
