"""A stack of LSTM layers that read in one or both directions, for a batch of sequences of different lengths."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def order_of(T, reverse):
    """The steps in the order of reading."""
    return list(range(T - 1, -1, -1)) if reverse else list(range(T))


def read(x, lengths, h, c, W, U, b, reverse):
    """One layer in one direction; the rows of W, U and b belong to i, f, g, o. A sequence that has ended waits."""
    T, B = x.shape[:2]
    H = h.shape[1]
    y = np.zeros((T, B, H), x.dtype)
    steps = [None] * T
    for t in order_of(T, reverse):
        valid = (t < lengths)[:, None]
        z = x[t] @ W.T + h @ U.T + b
        i = sigmoid(z[:, :H])
        f = sigmoid(z[:, H : 2 * H])
        g = np.tanh(z[:, 2 * H : 3 * H])
        o = sigmoid(z[:, 3 * H :])
        new = f * c + i * g
        s = np.tanh(new)
        steps[t] = (valid, i, f, g, o, s, h, c)
        y[t] = np.where(valid, o * s, 0)
        h = np.where(valid, o * s, h)
        c = np.where(valid, new, c)
    return y, h, c, steps


def unread(x, steps, W, U, reverse, dy, dh, dc):
    """The gradients of one layer in one direction."""
    dx, dW, dU = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U)
    db = np.zeros_like(W[:, 0])
    for t in order_of(len(x), not reverse):
        valid, i, f, g, o, s, h, c = steps[t]
        dm = np.where(valid, dh + dy[t], 0)
        dn = np.where(valid, dc, 0) + dm * o * (1 - s**2)
        di = dn * g * i * (1 - i)
        df = dn * c * f * (1 - f)
        dg = dn * i * (1 - g**2)
        do = dm * s * o * (1 - o)
        dz = np.concatenate([di, df, dg, do], axis=1)
        dW += dz.T @ x[t]
        dU += dz.T @ h
        db += dz.sum(axis=0)
        dx[t] = dz @ W
        dh = np.where(valid, dz @ U, dh)
        dc = np.where(valid, dn * f, dc)
    return dx, dh, dc, dW, dU, db


def forward(x, h, c, layers, reverses, lengths):
    """The outputs of the last layer, the last states of all, and what backward needs of each layer."""
    D = len(reverses)
    x = np.where((np.arange(len(x))[:, None] < lengths)[..., None], x, 0)
    hs, cs, tape = [], [], []
    for layer, parameters in enumerate(layers):
        ys, steps = [], []
        for d in range(D):
            W, U, b = parameters[d]
            k = layer * D + d
            y, h_last, c_last, kept = read(x, lengths, h[k], c[k], W, U, b, reverses[d])
            ys.append(y)
            hs.append(h_last)
            cs.append(c_last)
            steps.append(kept)
        tape.append((x, steps))
        x = np.concatenate(ys, axis=2)
    return x, np.array(hs), np.array(cs), tape


def backward(x, h, c, layers, reverses, lengths, dy, dh, dc):
    """The answer, and the gradient with respect to everything that was given."""
    y, h_last, c_last, tape = forward(x, h, c, layers, reverses, lengths)
    D = len(reverses)
    dh0, dc0 = np.zeros_like(h), np.zeros_like(c)
    gradients = [[None] * D for _ in layers]
    for layer in reversed(range(len(layers))):
        x, steps = tape[layer]
        dx = np.zeros_like(x)
        H = dy.shape[2] // D
        for d in range(D):
            W, U, b = layers[layer][d]
            k = layer * D + d
            dy_d = dy[:, :, d * H : (d + 1) * H]
            found = unread(x, steps[d], W, U, reverses[d], dy_d, dh[k], dc[k])
            dx += found[0]
            dh0[k] = found[1]
            dc0[k] = found[2]
            gradients[layer][d] = found[3:]
        dy = dx
    return y, h_last, c_last, dy, dh0, dc0, gradients
