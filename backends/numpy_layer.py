"""One layer in one direction, in NumPy: packed weights, one matrix product per step, gradients by hand.

Time runs as it is read: every sequence of the batch starts at step 0. `valid` (T, B, 1) tells what lies within its
length, and is None where everything does; G is how many gates there are.
"""

from typing import NamedTuple

import numpy as np

from lstm_spec.types import Array, Gate, Parameters, State, Variant


class Kind(NamedTuple):
    """What tells a kind of cell from the others."""

    gates: str = "oifg"  # in the order of their rows: the sigmoids side by side, and those that the cell state sees
    coupled: bool = False  # f = 1 - i
    sees: bool = False  # i, f and o have peepholes
    stretch: int = 1  # g = s tanh(z / s) and h = o tanh(c / s)

    def split(self, a: Array) -> tuple[Array, Array | None, Array, Array]:
        """The i, f, o and g of something (..., G, H)."""
        return a[..., 1, :], a[..., 2, :] if "f" in self.gates else None, a[..., 0, :], a[..., -1, :]


KINDS = {
    "standard": Kind(),
    "peephole": Kind(sees=True),
    "coupled": Kind("oig", coupled=True),
    "no forget gate": Kind("oig"),
    "1997 simplified": Kind("oig", stretch=2),
}


class Layer(NamedTuple):
    """One layer in one direction, its gates stacked on rows."""

    kind: Kind
    W: Array  # (G*H, I)
    U: Array  # (G*H, P)
    b: Array  # (G*H,)
    p: Array | None  # (3, H)  of o, i and f
    R: Array | None  # (P, H)
    bound: Array | None  # ()


def layer_of(p: Parameters, variant: Variant) -> Layer:
    """The layer with these parameters."""
    kind, dtype = KINDS[variant.kind], p.i.b.dtype
    W, U, b = (np.concatenate([getattr(p, k)[part] for k in kind.gates]) for part in range(3))
    seen = np.stack([getattr(p, k).p for k in "oif"]) if kind.sees else None
    return Layer(kind, W, U, b, seen, p.R, None if variant.clip is None else dtype.type(variant.clip))


class Trace(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: Array  # (T, B, I)
    h: Array  # (T+1, B, P)
    c: Array  # (T+1, B, H)
    gates: Array  # (T, B, G, H)  pre-activations, until they are read
    squashed: Array  # (T, B, H)


def selected(valid: Array | None, a: Array, otherwise: Array | int = 0) -> Array:
    """What is valid of a; selected, for 0 times NaN is NaN."""
    return a if valid is None else np.where(valid, a, otherwise)


def read(layer: Layer, x: Array, s: State, valid: Array | None) -> Trace:
    """Every step from the state s; that of a sequence which has ended stays. x is finite where it is not valid."""
    trace, U = _prepared(layer, x, s), layer.U.T
    for t, z in enumerate(trace.gates):
        h, c, after = trace.h[t], trace.c[t], State(trace.h[t + 1], trace.c[t + 1])
        z += (h @ U).reshape(z.shape)
        _step(layer, z, c, after, trace.squashed[t])
        if valid is not None:
            np.copyto(after.h, h, where=~valid[t])
            np.copyto(after.c, c, where=~valid[t])
    return trace


def _prepared(layer: Layer, x: Array, s: State) -> Trace:
    """The trace before any step: the initial state, and what the gates receive from x."""
    (T, B, I), P, H = x.shape, s.h.shape[1], s.c.shape[1]
    z = np.ascontiguousarray(x).reshape(T * B, I) @ layer.W.T + layer.b
    h, c, squashed = (np.empty(shape, x.dtype) for shape in ((T + 1, B, P), (T + 1, B, H), (T, B, H)))
    h[0], c[0] = s
    return Trace(x, h, c, z.reshape(T, B, len(layer.kind.gates), H), squashed)


def _step(layer: Layer, gates: Array, c: Array, after: State, squashed: Array) -> None:
    """One step from the cell state c; everything else is written where it belongs, the gates over what they receive."""
    kind, p = layer.kind, layer.p
    i, f, o, g = kind.split(gates)
    if p is not None:
        gates[:, 1:3] += p[1:] * c[:, None]
    _sigmoid(gates[:, :-1] if p is None else gates[:, 1:3])
    _squash(g, kind, out=g)
    if kind.stretch != 1:
        g *= kind.stretch
    np.add(_kept(kind, i, f, c), i * g, out=after.c)
    if layer.bound is not None:
        np.clip(after.c, -layer.bound, layer.bound, out=after.c)
    if p is not None:
        o += p[0] * after.c
        _sigmoid(o)
    _squash(after.c, kind, out=squashed)
    if layer.R is None:
        np.multiply(o, squashed, out=after.h)
    else:
        np.matmul(o * squashed, layer.R.T, out=after.h)


def _sigmoid(z: Array) -> None:
    """In place."""
    e = np.exp(np.copysign(z, -1))
    np.divide(np.where(z >= 0, 1, e), 1 + e, out=z)


def _squash(z: Array, kind: Kind, out: Array) -> None:
    """tanh(z / s) of the cell state, s tanh(z / s) of the candidate: the caller multiplies."""
    np.tanh(z if kind.stretch == 1 else z / kind.stretch, out=out)


def _kept(kind: Kind, i: Array, f: Array | None, c: Array) -> Array:
    """What a step keeps of the cell state c."""
    if f is not None:
        return np.asarray(f * c)
    return (1 - i) * c if kind.coupled else c


# ---------------------------------------------------------------- backwards


class Found(NamedTuple):
    """The gradients of one layer in one direction."""

    p: Parameters
    x: Array  # (T, B, I)
    h: Array  # (B, P)
    c: Array  # (B, H)


def read_backwards(layer: Layer, trace: Trace, dy: Array, d_last: State, valid: Array | None) -> Found:
    """From the cotangents dy (T, B, P) of the outputs, 0 where not valid, and those of where each sequence ends."""
    (T, B, _), dm = trace.x.shape, np.empty_like(dy)
    dz, slope = _slopes(layer, trace)
    dh, dc = d_last
    for t in reversed(range(T)):
        dh_t = dh + dy[t]
        before = _step_backwards(layer, trace, t, dh_t, dc, slope[t], dz[t])
        if valid is None:
            dh, dc, dm[t] = dz[t].reshape(B, len(layer.U)) @ layer.U, before, dh_t
        else:
            dz[t], dm[t] = np.where(valid[t][..., None], dz[t], 0), np.where(valid[t], dh_t, 0)
            back = dz[t].reshape(B, len(layer.U)) @ layer.U
            dh, dc = np.where(valid[t], back, dh), np.where(valid[t], before, dc)
    dx = (dz.reshape(T * B, len(layer.W)) @ layer.W).reshape(trace.x.shape)
    return Found(_parameter_gradients(layer, trace, dz, dm), dx, dh, dc)


def _slopes(layer: Layer, trace: Trace) -> tuple[Array, Array]:
    """Of every step: how c, or h, moves with each pre-activation (T, B, G, H), and how h moves with c (T, B, H)."""
    kind, y, c = layer.kind, trace.squashed, trace.c[:-1]
    i, f, o, g = kind.split(trace.gates)
    dz = np.empty_like(trace.gates)
    zi, zf, zo, zg = kind.split(dz)
    zo[...] = y * o * (1 - o)
    zi[...] = (g - c if kind.coupled else g) * i * (1 - i)
    zg[...] = i * (1 - (g / kind.stretch) ** 2)
    if f is not None and zf is not None:
        zf[...] = c * f * (1 - f)
    return dz, o * (1 - y * y) / kind.stretch


def _step_backwards(layer: Layer, trace: Trace, t: int, dh: Array, dc: Array, slope: Array, dz: Array) -> Array:
    """Makes the slopes dz (B, G, H) of a step its gate gradients; the gradient of the cell state before it."""
    kind, p = layer.kind, layer.p
    i, f, _, _ = kind.split(trace.gates[t])
    dm = dh if layer.R is None else dh @ layer.R
    dz[:, 0] *= dm
    dc = dc + dm * slope
    if p is not None:
        dc += dz[:, 0] * p[0]
    if layer.bound is not None:
        dc = np.where(np.abs(trace.c[t + 1]) < layer.bound, dc, 0)
    dz[:, 1:] *= dc[:, None]
    back = _kept(kind, i, f, dc)
    return back if p is None else back + dz[:, 1] * p[1] + dz[:, 2] * p[2]


def _parameter_gradients(layer: Layer, trace: Trace, dz: Array, dh: Array) -> Parameters:
    """Sums over steps and batch; dz and dh are 0 where there is nothing to be read."""
    kind, (T, B, I), H = layer.kind, trace.x.shape, trace.c.shape[2]
    rows = dz.reshape(T * B, len(kind.gates) * H)
    before = trace.h[:-1].reshape(T * B, trace.h.shape[2])
    dW, dU, db = rows.T @ trace.x.reshape(T * B, I), rows.T @ before, rows.sum(axis=0)
    gates = {k: slice(n * H, (n + 1) * H) for n, k in enumerate(kind.gates)}
    dp = {k: Gate(dW[s], dU[s], db[s]) for k, s in gates.items()}
    if kind.sees:
        seen = {"i": trace.c[:-1], "f": trace.c[:-1], "o": trace.c[1:]}
        z = dict(zip("ifo", kind.split(dz)[:3], strict=True))
        dp = {k: gate._replace(p=(z[k] * seen[k]).sum(axis=(0, 1))) if k in seen else gate for k, gate in dp.items()}
    dR = None if layer.R is None else _projection_gradient(kind, trace, dh)
    return Parameters(dp["i"], dp.get("f"), dp["g"], dp["o"], dR)


def _projection_gradient(kind: Kind, trace: Trace, dh: Array) -> Array:
    shown = kind.split(trace.gates)[2] * trace.squashed
    steps = shown.shape[0] * shown.shape[1]
    return np.asarray(dh.reshape(steps, dh.shape[2]).T @ shown.reshape(steps, shown.shape[2]))
