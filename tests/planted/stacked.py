"""Layers, directions, lengths and variants as somebody writes them for a whole batch.

The gates are packed in the order i, f, g, o; one that a kind lacks has zeros. `sizes` edits the text of this file.
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def read_layer(p, x, h, c, lengths, kind, clip, layer, D):
    """The outputs (T, B, P) and the last state of one layer in one direction; the first step is read first."""
    T, B, I = x.shape
    P, H = h.shape[1], c.shape[1]  # noqa: F841  some edits read H
    stretch = 2 if kind == "1997 simplified" else 1
    y = np.zeros((T, B, P), x.dtype)
    for t in range(T):
        live = (t < lengths)[:, None]
        z = x[t] @ p.W.T + h @ p.U.T + p.b
        i, f, g, o = np.split(z, 4, axis=1)
        i = sigmoid(i + p.i * c)
        f = sigmoid(f + p.f * c)
        if kind == "coupled":
            f = 1 - i
        if kind in ("no forget gate", "1997 simplified"):
            f = np.ones_like(i)
        g = stretch * np.tanh(g / stretch)
        new_c = np.clip(f * c + i * g, -clip, clip)
        o = sigmoid(o + p.o * new_c)
        new_h = o * np.tanh(new_c / stretch)
        if p.R is not None:
            new_h = new_h @ p.R.T
        y[t] = np.where(live, new_h, 0)
        h, c = np.where(live, new_h, h), np.where(live, new_c, c)
    return y, h, c


def forward(layers, x, h, c, lengths, kind, clip, directions):
    """The outputs of the last layer, and the last states of all."""
    (T, B, _), D = x.shape, len(directions)
    lengths = np.full(B, T) if lengths is None else lengths
    h_last, c_last = np.zeros_like(h), np.zeros_like(c)
    t = np.arange(T)[:, None]
    order = np.where(t < lengths, lengths - 1 - t, t), np.arange(B)
    for layer, row in enumerate(layers):
        ys = []
        for d, p in enumerate(row):
            k = layer * D + d
            reverse = directions[d] == "reverse"
            read = x[order] if reverse else x
            y, h_last[k], c_last[k] = read_layer(p, read, h[k], c[k], lengths, kind, clip, layer, D)
            ys.append(y[order] if reverse else y)
        x = np.concatenate(ys, axis=2)
    return x, h_last, c_last
