"""The LSTM, for one sample. This page is the specification; every line that has an id is a clause.

x (I,) and x (T, I), state h (H,) and c (H,).
Hochreiter & Schmidhuber 1997; the forget gate: Gers, Schmidhuber & Cummins 2000.
"""

import numpy as np

from lstm_spec.types import Array, Cell, Parameters, State


def sigmoid(z: Array) -> Array:
    """The logistic function 1 / (1 + exp(-z)), without overflow at either end."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)  # ACT-1


def tanh(z: Array) -> Array:
    """The hyperbolic tangent of z."""
    return np.tanh(z)  # ACT-2


# fmt: off
def cell(p: Parameters, x: Array, s: State) -> State:
    """The state after reading x in state s."""
    h, c = s
    i = sigmoid(p.i.W @ x + p.i.U @ h + p.i.b)  # CELL-1  input gate
    f = sigmoid(p.f.W @ x + p.f.U @ h + p.f.b)  # CELL-2  forget gate
    g = tanh(p.g.W @ x + p.g.U @ h + p.g.b)     # CELL-3  candidate
    o = sigmoid(p.o.W @ x + p.o.U @ h + p.o.b)  # CELL-4  output gate
    c = f * c + i * g                           # CELL-5  cell state: the long-term memory
    h = o * tanh(c)                             # CELL-6  hidden state: the short-term memory
    return State(h, c)
# fmt: on


def run(p: Parameters, x: Array, s: State, cell: Cell = cell) -> tuple[Array, State]:
    """The hidden states (T, H) while x is read from state s, and the state after the last step."""
    y = np.empty((len(x), len(s.h)), x.dtype)
    for t, x_t in enumerate(x):
        s = cell(p, x_t, s)  # SEQ-1
        y[t] = s.h  # SEQ-2
    return y, s  # SEQ-3
