"""One LSTM layer, as somebody writes it down after a lecture: a matrix for each gate; states change in place."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(x, h, c, W, U, b):
    """The outputs, the last state, and what backward needs of each step; W, U and b hold those of i, f, g, o."""
    Wi, Wf, Wg, Wo = W
    Ui, Uf, Ug, Uo = U
    bi, bf, bg, bo = b
    T, B = x.shape[:2]
    y = np.zeros((T, B, h.shape[1]), x.dtype)
    h = h.copy()
    c = c.copy()
    steps = []
    for t in range(T):
        i = sigmoid(x[t] @ Wi.T + h @ Ui.T + bi)
        f = sigmoid(x[t] @ Wf.T + h @ Uf.T + bf)
        g = np.tanh(x[t] @ Wg.T + h @ Ug.T + bg)
        o = sigmoid(x[t] @ Wo.T + h @ Uo.T + bo)
        h_before = h.copy()
        c_before = c.copy()
        c *= f
        c += i * g
        s = np.tanh(c)
        h[:] = o * s
        y[t] = h
        steps.append((i, f, g, o, s, h_before, c_before))
    return y, h, c, steps


def backward(x, h, c, W, U, b, dy, dh, dc):
    """The answer, and the gradient with respect to everything that was given."""
    y, h_last, c_last, steps = forward(x, h, c, W, U, b)
    Wi, Wf, Wg, Wo = W
    Ui, Uf, Ug, Uo = U
    dx = np.zeros_like(x)
    dW = [np.zeros_like(w) for w in W]
    dU = [np.zeros_like(u) for u in U]
    db = [np.zeros_like(v) for v in b]
    dh = dh.copy()
    dc = dc.copy()
    for t in reversed(range(len(x))):
        i, f, g, o, s, h_before, c_before = steps[t]
        dh += dy[t]
        dc += dh * o * (1 - s * s)
        zi = dc * g * i * (1 - i)
        zf = dc * c_before * f * (1 - f)
        zg = dc * i * (1 - g * g)
        zo = dh * s * o * (1 - o)
        for k, z in enumerate([zi, zf, zg, zo]):
            dW[k] += z.T @ x[t]
            dU[k] += z.T @ h_before
            db[k] += z.sum(axis=0)
        dx[t] = zi @ Wi + zf @ Wf + zg @ Wg + zo @ Wo
        dh[:] = zi @ Ui + zf @ Uf + zg @ Ug + zo @ Uo
        dc *= f
    return y, h_last, c_last, dx, dh, dc, dW, dU, db
