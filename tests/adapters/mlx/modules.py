"""LSTMs as people write them in MLX, each in another form. Tests change lines of this text."""

import mlx.core as mx
import mlx.nn as nn


class Sequence(nn.Module):
    """It reads sequences, batch first, with one Linear, in the order o, i, f, g; the state is a pair."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def __call__(self, x, state=None):
        h, c = state or (mx.zeros((len(x), self.hidden_size)), mx.zeros((len(x), self.hidden_size)))
        y = []
        for t in range(x.shape[1]):
            o, i, f, g = mx.split(self.gates(mx.concatenate([x[:, t], h], axis=-1)), 4, axis=-1)
            c = mx.sigmoid(f) * c + mx.sigmoid(i) * mx.tanh(g)
            h = mx.sigmoid(o) * mx.tanh(c)
            y.append(h)
        return mx.stack(y, axis=1), (h, c)


class Cell(nn.Module):
    """A cell with two Linears."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size)

    def __call__(self, x, h, c):
        i, f, g, o = mx.split(self.x2h(x) + self.h2h(h), 4, axis=-1)
        new = mx.sigmoid(f) * c + mx.sigmoid(i) * mx.tanh(g)
        return mx.sigmoid(o) * mx.tanh(new), new


class NoState(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.own = Sequence(input_size, hidden_size)

    def __call__(self, x):
        return self.own(x)
