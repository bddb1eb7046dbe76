"""One layer in one direction, in NumPy: all gates in one matrix product a step, gradients by hand.

Inside, everything is (features, batch), as the equations have it; whether features or samples lie side by side in
memory is chosen by dtype. Steps are taken in chunks that fit in the cache: what the gates receive from a chunk of
inputs is one product, and so are a chunk's parameter gradients.

Time runs as it is read: every sequence of the batch starts at step 0. `valid` (T, B, 1) tells what lies within its
length, and is None where everything does.
"""

from typing import Any, NamedTuple

import numpy as np

from backends.stacked import Found, Read
from lstm_spec.types import Array, Gate, Parameters, State, Variant

GATES = "oifg"  # their blocks of rows; a fifth block holds the cell state before the step: i, f lie beside g, c
CHUNK = 2**18  # bytes of one gate's numbers: all of them fit in the cache
ROWS = 512  # samples in a product, at least: fewer, and BLAS is slow


class Kind(NamedTuple):
    """What tells a kind of cell from the others."""

    has_f: bool = True  # of its own
    coupled: bool = False  # f = 1 - i
    stretch: int = 1  # g = s tanh(z / s) and h = o tanh(c / s)


KINDS = {
    "standard": Kind(),
    "peephole": Kind(),
    "coupled": Kind(has_f=False, coupled=True),
    "no forget gate": Kind(has_f=False),  # f = 1
    "1997 simplified": Kind(has_f=False, stretch=2),
}


class Layer(NamedTuple):
    """One layer in one direction, its gates stacked on rows.

    The rows of the sigmoids are negated, for σ(z) = 1 / (1 + exp(-z)), and those of the candidate divided by the
    stretch; the rows of an absent f are zero.
    """

    kind: Kind
    W: Array  # (4H, I)
    U: Array  # (4H, P)  in Fortran's order, which BLAS likes better in U h
    b: Array  # (4H,)
    p: Array | None  # (3, H, 1)  of o, i and f
    R: Array | None  # (P, H)
    bound: Array | None  # ()


def layer_of(p: Parameters, variant: Variant) -> Layer:
    """The layer with these parameters."""
    kind, dtype = KINDS[variant.kind], p.i.b.dtype
    gates = [p.o, p.i, p.f or Gate(*map(np.zeros_like, p.i[:3])), p.g]
    W, U, b = (np.concatenate([gate[part] for gate in gates]) for part in range(3))
    for a in (W, U, b):
        _fold(a, kind)
    seen = None if p.o.p is None else -np.array([gate.p for gate in gates[:3]])[..., None]
    return Layer(
        kind, W, np.asfortranarray(U), b, seen, p.R, None if variant.clip is None else dtype.type(variant.clip)
    )


def _fold(a: Array, kind: Kind) -> None:
    """Of what is z, or its gradient, what is folded; and back again."""
    H = len(a) // 4
    np.negative(a[: 3 * H], out=a[: 3 * H])
    if kind.stretch != 1:
        a[3 * H :] /= kind.stretch


class Trace(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: Array  # (T, B, I)
    before: Array  # (B, P)  h
    y: Array  # (T, B, P)
    blocks: Array  # (T+1, 5H, B)  o, i, f, g, and the cell state before the step
    squashed: Array  # (T, H, B)


def _empty(T: int, rows: int, B: int, dtype: np.dtype[Any], samples_apart: bool) -> Array:
    """(T, rows, B); each sample's numbers side by side, or each feature's."""
    return np.empty((T, B, rows), dtype).transpose(0, 2, 1) if samples_apart else np.empty((T, rows, B), dtype)


def _samples_apart(dtype: np.dtype[Any]) -> bool:
    """What BLAS likes better, measured: benchmarks/speed.py."""
    return dtype.itemsize > 4


def _chunks(T: int, B: int, H: int, dtype: np.dtype[Any]) -> list[slice]:
    k = max(1, CHUNK // max(1, B * H * dtype.itemsize), ROWS // max(1, B))
    return [slice(a, min(a + k, T)) for a in range(0, T, k)]


# ---------------------------------------------------------------- forward


def read(layer: Layer, x: Array, s: State, valid: Array | None, keep: bool) -> Read:
    """Every step from the state s; `keep` what the backward pass needs. x is finite where it is not valid."""
    (T, B, _), P, H, dtype = x.shape, s.h.shape[1], s.c.shape[1], x.dtype
    chunks, apart = _chunks(T, B, H, dtype), _samples_apart(dtype)
    y, most = np.empty((T, B, P), dtype), max((chunk.stop - chunk.start for chunk in chunks), default=0)
    blocks = _empty((T if keep else most) + 1, 5 * H, B, dtype, apart)
    squashed = _empty(T if keep else most, H, B, dtype, apart)
    blocks[0, 4 * H :] = s.c.T
    h, ended = s.h.T, None if valid is None else ~valid.transpose(0, 2, 1)
    with np.errstate(over="ignore"):
        for chunk in chunks:
            at = chunk if keep else slice(0, chunk.stop - chunk.start)
            to = y[chunk].transpose(0, 2, 1)
            hs = to if apart else _empty(len(to), P, B, dtype, apart)
            within = blocks[at.start : at.stop + 1]
            h = _read_chunk(layer, x[chunk], h, within, squashed[at], hs, None if ended is None else ended[chunk])
            if not apart:
                to[...] = hs
            if not keep:
                blocks[0, 4 * H :] = blocks[at.stop, 4 * H :]
    last = State(h.T.copy(), blocks[T if keep else 0, 4 * H :].T.copy())
    if valid is not None:
        y[~valid[..., 0]] = 0
    return Read(y, last, Trace(x, s.h, y, blocks, squashed) if keep else None)


def _read_chunk(
    layer: Layer, x: Array, h: Array, blocks: Array, squashed: Array, hs: Array, ended: Array | None
) -> Array:
    """Some steps from the hidden state h (P, B), and from the cell state in the first of the blocks; the last h."""
    kind, p, R, U, H = layer.kind, layer.p, layer.R, layer.U, squashed.shape[1]
    o, i, f, g, c = (blocks[:-1, k * H : (k + 1) * H] for k in range(5))
    z, sigmoids, pair, other = (
        blocks[:-1, k * H : n * H] for k, n in ((0, 4), (0 if p is None else 1, 3), (1, 3), (3, 5))
    )
    new, received, both = blocks[1:, 4 * H :], np.empty_like(z[0]), np.empty_like(pair[0])
    kept, written = both[H:], both[:H]
    shown = None if R is None else np.empty_like(o[0])
    _from_inputs(layer, x, z)
    steps = zip(z, sigmoids, pair, other, o, i, f, g, c, new, squashed, hs, strict=True)  # cheaper than indices
    for t, (z_t, sigmoids_t, pair_t, other_t, o_t, i_t, f_t, g_t, c_t, new_t, squashed_t, h_t) in enumerate(steps):
        np.matmul(U, h, out=received)
        np.add(z_t, received, out=z_t)
        if p is not None:
            pair_t += (p[1:] * c_t).reshape(pair_t.shape)
        _sigmoid(sigmoids_t)
        np.tanh(g_t, out=g_t)
        if not kind.has_f:
            f_t[...] = 1 - i_t if kind.coupled else 1
        if kind.stretch != 1:
            g_t *= kind.stretch
        np.multiply(pair_t, other_t, out=both)
        np.add(kept, written, out=new_t)
        if layer.bound is not None:
            np.clip(new_t, -layer.bound, layer.bound, out=new_t)
        if p is not None:
            o_t += p[0] * new_t
            _sigmoid(o_t)
        np.tanh(new_t if kind.stretch == 1 else new_t / kind.stretch, out=squashed_t)
        if R is None:
            np.multiply(o_t, squashed_t, out=h_t)
        else:
            np.matmul(R, np.multiply(o_t, squashed_t, out=shown), out=h_t)
        if ended is not None:
            np.copyto(h_t, h, where=ended[t])
            np.copyto(new_t, c_t, where=ended[t])
        h = h_t
    return h


def _from_inputs(layer: Layer, x: Array, z: Array) -> None:
    """W x + b of some steps, into z (T, 4H, B): one product."""
    (k, B, I), rows = x.shape, len(layer.b)
    if _is_apart(z):
        np.add((x.reshape(k * B, I) @ layer.W.T).reshape(k, B, rows), layer.b, out=z.transpose(0, 2, 1))
    else:
        np.add((layer.W @ x.reshape(k * B, I).T).reshape(rows, k, B).transpose(1, 0, 2), layer.b[:, None], out=z)


def _is_apart(a: Array) -> bool:
    return a.strides[1] < a.strides[2]


def _sigmoid(z: Array) -> None:
    """σ(-z), in place: 0 where the exponential overflows."""
    np.exp(z, out=z)
    np.add(z, 1, out=z)
    np.reciprocal(z, out=z)


# ---------------------------------------------------------------- backward


class Sums(NamedTuple):
    """Gradients that are sums over steps and batch, while they grow; of what is folded, as it is."""

    W: Array
    U: Array
    b: Array
    p: Array | None  # (3, H)
    R: Array | None


def read_backwards(layer: Layer, trace: Trace, dy: Array, d_last: State, valid: Array | None) -> Found:
    """From the cotangents dy (T, B, P) of the outputs, 0 where not valid, and those of where each sequence ends."""
    (T, B, _), H, dtype = trace.x.shape, trace.squashed.shape[1], dy.dtype
    apart = _samples_apart(dtype)
    p, R = (None if a is None else np.zeros_like(a) for a in (layer.p, layer.R))
    sums = Sums(np.zeros_like(layer.W), np.zeros_like(layer.U), np.zeros_like(layer.b), p, R)
    dx, ended = np.empty_like(trace.x), None if valid is None else ~valid.transpose(0, 2, 1)
    dh, dc = (a.copy().T if apart else a.T.copy() for a in d_last)
    U = (np.ascontiguousarray(layer.U) if apart else layer.U).T
    for chunk in reversed(_chunks(T, B, H, dtype)):
        k = chunk.stop - chunk.start
        d = _empty(k, 6 * H, B, dtype, apart)
        _multipliers(layer, trace, chunk, d)
        dm = _empty(k, dy.shape[2], B, dtype, apart)
        dm[...] = dy[chunk].transpose(0, 2, 1)
        dh, dc = _chunk_backwards(layer, U, trace, chunk, d, dm, dh, dc, None if ended is None else ended[chunk])
        dx[chunk] = _add(layer, trace, chunk, d, dm, sums)
    return Found(_parameters(layer, sums), dx, dh.T.copy(), dc.T.copy())


def _multipliers(layer: Layer, trace: Trace, chunk: slice, d: Array) -> None:
    """By what dh must be multiplied to move c and o, and dc to move i, f, g and the cell state before."""
    kind, H = layer.kind, trace.squashed.shape[1]
    o, i, f, g, c = (trace.blocks[chunk, k * H : (k + 1) * H] for k in range(5))
    to_c, to_o, to_i, to_f, to_g, back = (d[:, k * H : (k + 1) * H] for k in range(6))
    squashed, sigmoids, to_sigmoids = trace.squashed[chunk], trace.blocks[chunk, : 3 * H], d[:, H : 4 * H]
    np.subtract(sigmoids, 1, out=to_sigmoids)  # σ' of -z
    to_sigmoids *= sigmoids
    to_o *= squashed
    to_i *= g - c if kind.coupled else g
    np.multiply(squashed, squashed, out=to_c)
    np.subtract(1, to_c, out=to_c)
    to_c *= o
    candidate = g if kind.stretch == 1 else g / kind.stretch
    np.multiply(candidate, candidate, out=to_g)
    np.subtract(1, to_g, out=to_g)
    to_g *= i
    if kind.stretch != 1:
        to_c /= kind.stretch
        to_g *= kind.stretch
    if kind.has_f:
        to_f *= c
    else:
        to_f[...] = 0
    back[...] = f


def _chunk_backwards(
    layer: Layer,
    U: Array,
    trace: Trace,
    chunk: slice,
    d: Array,
    dm: Array,
    dh: Array,
    dc: Array,
    ended: Array | None,
) -> tuple[Array, Array]:
    """Makes the multipliers d gate gradients, and adds to the cotangents dm (k, P, B) what comes from later steps.

    U is (P, 4H) here; the cotangents of h and c before the chunk are returned.
    """
    H, p, R, bound = trace.squashed.shape[1], layer.p, layer.R, layer.bound
    (k, _, B), carried = d.shape, np.empty_like(dc)
    blocks = d.reshape(k, 6, H, B)
    parts = (dm, blocks[:, :2], blocks[:, 2:], blocks[:, 0], d[:, H : 5 * H], blocks[:, 5])
    steps = zip(*(a[::-1] for a in parts), strict=True)
    for t, (dm_t, of_h, of_c, to_c, dz, before) in zip(reversed(range(k)), steps, strict=True):
        np.add(dm_t, dh, out=dm_t)
        np.multiply(of_h, dm_t if R is None else R.T @ dm_t, out=of_h)
        np.add(dc, to_c, out=carried)
        if p is not None:
            carried += p[0] * dz[:H]
        if bound is not None:
            carried[~(np.abs(trace.blocks[chunk.start + t + 1, 4 * H :]) < bound)] = 0
        np.multiply(of_c, carried, out=of_c)
        if p is not None:
            before += p[1] * dz[H : 2 * H] + p[2] * dz[2 * H : 3 * H]
        if ended is None:
            np.matmul(U, dz, out=dh)
        else:
            np.copyto(dz, 0, where=ended[t])
            np.copyto(before, dc, where=ended[t])
            np.copyto(dh, U @ dz, where=~ended[t])
            np.copyto(dm_t, 0, where=ended[t])
        dc = before
    return dh, dc


def _add(layer: Layer, trace: Trace, chunk: slice, d: Array, dm: Array, sums: Sums) -> Array:
    """Adds a chunk's part to the parameter gradients; what its inputs receive (k, B, I)."""
    k, B, I = trace.x[chunk].shape
    H, P = trace.squashed.shape[1], trace.y.shape[2]
    dz = _by_samples(d[:, H : 5 * H])
    first = [] if chunk.start else [trace.before[None]]
    h = np.concatenate([*first, trace.y[max(chunk.start - 1, 0) : chunk.stop - 1]])
    np.add(sums.W, dz.T @ trace.x[chunk].reshape(k * B, I), out=sums.W)
    np.add(sums.U, dz.T @ h.reshape(k * B, P), out=sums.U)
    np.add(sums.b, dz.sum(axis=0), out=sums.b)
    if sums.p is not None:
        c = trace.blocks[chunk.start : chunk.stop + 1, 4 * H :]
        for n, seen in enumerate((c[1:], c[:-1], c[:-1])):
            sums.p[n, :, 0] += (d[:, (n + 1) * H : (n + 2) * H] * seen).sum(axis=(0, 2))
    if sums.R is not None:
        shown = trace.blocks[chunk, :H] * trace.squashed[chunk]
        np.add(sums.R, _by_samples(dm).T @ _by_samples(shown), out=sums.R)
    return (dz @ layer.W).reshape(k, B, I)


def _by_samples(a: Array) -> Array:
    """(k, rows, B) as (k B, rows)."""
    k, rows, B = a.shape
    return a.transpose(0, 2, 1).reshape(k * B, rows)


def _parameters(layer: Layer, sums: Sums) -> Parameters:
    """The gradients of the parameters themselves."""
    H = len(layer.b) // 4
    for a in sums[:3]:
        _fold(a, layer.kind)
    o, i, f, g = (Gate(*(a[k * H : (k + 1) * H].copy() for a in sums[:3])) for k in range(4))
    if sums.p is not None:
        o, i, f = (gate._replace(p=-p[:, 0]) for gate, p in zip((o, i, f), sums.p, strict=True))
    return Parameters(i, f if layer.kind.has_f else None, g, o, sums.R)
