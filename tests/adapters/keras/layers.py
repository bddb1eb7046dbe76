"""LSTMs as people write them in Keras, each in another form. Tests change lines of this text."""

import keras
from keras import ops


class Sequence(keras.layers.Layer):
    """It reads sequences with one Dense, in the order i, o, f, g; the state is a list, and may be left out."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.gates = keras.layers.Dense(4 * units)

    def call(self, x, initial_state=None):
        if initial_state is None:
            initial_state = [ops.zeros((ops.shape(x)[0], self.units), dtype=x.dtype)] * 2
        h, c = initial_state
        y = []
        for t in range(x.shape[1]):
            i, o, f, g = ops.split(self.gates(ops.concatenate([x[:, t], h], axis=-1)), 4, axis=-1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            h = ops.sigmoid(o) * ops.tanh(c)
            y.append(h)
        return ops.stack(y, axis=1), h, c


class Cell(keras.layers.Layer):
    """A cell for keras.layers.RNN, with three weights for each gate, which have names of their own."""

    def __init__(self, units):
        super().__init__()
        self.units, self.state_size = units, [units, units]

    def build(self, shape):
        self.own = {}
        for gate in "ifco":
            self.own["W", gate] = self.add_weight(shape=(shape[-1], self.units), name=f"W_{gate}")
            self.own["U", gate] = self.add_weight(shape=(self.units, self.units), name=f"U_{gate}")
            self.own["b", gate] = self.add_weight(shape=(self.units,), name=f"b_{gate}")

    def call(self, x, states):
        h, c = states
        i, f, g, o = (x @ self.own["W", n] + h @ self.own["U", n] + self.own["b", n] for n in "ifco")
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]


class TwoDense(keras.layers.Layer):
    """A cell that is made with both sizes, takes c before h and returns them so; two biases."""

    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.x2h = keras.layers.Dense(4 * hidden_dim)
        self.h2h = keras.layers.Dense(4 * hidden_dim)

    def call(self, x, c, h):
        z = self.x2h(x) + self.h2h(h)
        i, f, g, o = ops.split(z, 4, axis=-1)
        c_new = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return c_new, ops.sigmoid(o) * ops.tanh(c_new)


class Inherited(keras.layers.LSTM):
    """Keras' own, which returns only the sequence."""

    def __init__(self, units):
        super().__init__(units, return_sequences=True)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        y, h, c = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        return y, h, c


# ---------------------------------------------------------------- dropout, which is told about training in every way

told = []  # what the layers below were told


class Drop(keras.layers.Dropout):
    def call(self, inputs, training=False):
        told.append(training)
        return super().call(inputs, training=training)


class Halve(keras.layers.Layer):
    """What Drop is to a cell: in one, Keras on jax cannot draw numbers."""

    def call(self, inputs, training=False):
        told.append(training)
        return inputs / 2 if training else inputs


class Dropping(Sequence):
    """It takes no argument `training`: Keras tells the layer inside."""

    def __init__(self, units):
        super().__init__(units)
        self.drop = Drop(0.5)

    def call(self, x, initial_state=None):
        return super().call(self.drop(x), initial_state)


class Told(Dropping):
    """It takes `training` before the state."""

    def call(self, x, training=False, mask=None, initial_state=None):
        return Sequence.call(self, self.drop(x, training=training), initial_state)


class Counts(Sequence):
    """In training it changes a number that is no weight, and uses it."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False)
        super().build(shape)

    def call(self, x, initial_state=None, training=False):
        told.append(training)
        if training:
            self.scale.assign(self.scale / 2)
        return super().call(self.scale * x if training else x, initial_state)


class DroppingCell(Cell):
    """A cell that takes no argument `training`."""

    def __init__(self, units):
        super().__init__(units)
        self.drop = Halve()

    def call(self, x, states):
        return super().call(self.drop(x), states)


class ToldCell(DroppingCell):
    """A cell that has to be told."""

    def call(self, x, states, training):
        return Cell.call(self, self.drop(x, training=training), states)


class Untold(Inherited):
    """Keras' own, whose `call` takes no argument `training`."""

    def __init__(self, units):
        super().__init__(units)
        self.drop = Drop(0.5)

    def call(self, sequences, initial_state=None, mask=None):
        return super().call(self.drop(sequences), initial_state, mask)


# ---------------------------------------------------------------- what cannot be judged


class OnlySequence(Sequence):
    def call(self, x, initial_state=None):
        return super().call(x, initial_state)[0]


class NoState(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.own = Sequence(units)

    def call(self, x):
        return self.own(x)


class Extra(Sequence):
    def __init__(self, units, input_dim, rate):
        super().__init__(units)


class NoBias(Sequence):
    def __init__(self, units):
        super().__init__(units)
        self.gates = keras.layers.Dense(4 * units, use_bias=False)


class WithHead(Sequence):
    def __init__(self, units):
        super().__init__(units)
        self.head = keras.layers.Dense(2)

    def call(self, x, initial_state=None):
        y, h, c = super().call(x, initial_state)
        return self.head(y), h, c


class Broken(Sequence):
    def call(self, x, initial_state=None):
        return ops.wrong(x)


class NotMade(Sequence):
    def __init__(self, units):
        raise RuntimeError("no licence")


def make_none(units):
    pass


model = keras.Sequential([keras.layers.Input((None, 3)), keras.layers.LSTM(4)])
