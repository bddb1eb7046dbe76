"""An LSTM as somebody writes it down after a lecture: packed weights, a loop, and back-propagation by hand.

The gates are packed in the order i, f, o, g. `planted_edits` edits the text of this file, a line at a time.
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_slope(s):
    return s * (1 - s)


def tanh_slope(y):
    return 1 - y * y


def forward(x, h, c, W, U, b):
    """The outputs, the last state, and what backward needs of each step."""
    y = np.zeros((len(x), *h.shape), x.dtype)
    steps = []
    for t in range(len(x)):
        h_before, c_before = h, c
        z = x[t] @ W.T + h @ U.T + b
        i, f, o, g = np.split(z, 4, axis=1)
        i = sigmoid(i)
        f = sigmoid(f)
        o = sigmoid(o)
        g = np.tanh(g)
        c = f * c + i * g
        s = np.tanh(c)
        h = o * s
        y[t] = h
        steps.append((i, f, o, g, s, z, h_before, c_before))
    return y, h, c, steps


def backward(x, h, c, W, U, b, dy, dh, dc):
    """What forward gives, and the gradient with respect to everything it was given."""
    y, h_last, c_last, steps = forward(x, h, c, W, U, b)
    dx, dW, dU, db = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    for t in reversed(range(len(x))):
        i, f, o, g, s, z, h_before, c_before = steps[t]
        dh = dh + dy[t]
        dc = dc + dh * o * tanh_slope(s)
        di = dc * g * sigmoid_slope(i)
        df = dc * c_before * sigmoid_slope(f)
        do = dh * s * sigmoid_slope(o)
        dg = dc * i * tanh_slope(g)
        dz = np.concatenate([di, df, do, dg], axis=1)
        dW += dz.T @ x[t]
        dU += dz.T @ h_before
        db += dz.sum(axis=0)
        dx[t] = dz @ W
        dh = dz @ U
        dc = dc * f
    return y, h_last, c_last, dx, dh, dc, dW, dU, db
