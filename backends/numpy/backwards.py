"""The gradients of one layer in one direction, in NumPy: one product a step; sums over many steps are one product."""

from typing import NamedTuple

import numpy as np

from backends.numpy.configured import write_gate_slopes, write_slope
from backends.numpy.layer import SIGMOIDS, STACKED_GATES, Layer, Trace, factor_of_rows
from backends.numpy.memory import ONCE, chunks_of
from backends.stacked import LayerGradients
from lstm_spec.types import Activations, Array, Gate, Parameters, State


class Sums(NamedTuple):
    """The gradients of a Layer's arrays, in the same layout: running sums over steps and batch."""

    W: Array
    U: Array
    b: Array
    p: Array | None  # (3, H)
    R: Array | None


def read_backwards(layer: Layer, trace: Trace, dy: Array, d_last: State, valid: Array | None) -> LayerGradients:
    """The gradients, given the cotangents dy (T, B, P) of y, 0 where not valid, and those of the final state."""
    (T, B, _), H, dtype, memory = trace.x.shape, d_last.c.shape[1], dy.dtype, trace.memory
    p, R = (None if a is None else np.zeros_like(a) for a in (layer.p, layer.R))
    sums = Sums(np.zeros_like(layer.W), np.zeros_like(layer.U), np.zeros_like(layer.b), p, R)
    dx, ended = np.empty_like(trace.x), None if valid is None else memory.to_inside(~valid)
    dh, dc = (memory.to_inside(a).copy() for a in d_last)
    chunks = chunks_of(T, B, H, dtype, ONCE)
    most = max((chunk.stop - chunk.start for chunk in chunks), default=0)
    space = memory.as_blocks(memory.make_empty(most, 6 * H, dtype=dtype), 6)
    for chunk in reversed(chunks):
        d, dm = space[: chunk.stop - chunk.start], np.array(memory.to_inside(dy[chunk]), order="C")
        for part in chunks_of(len(d), B, H, dtype, 0):
            _compute_multipliers(layer, trace, slice(chunk.start + part.start, chunk.start + part.stop), d[part])
        dh, dc = _chunk_backwards(layer, trace, chunk, d, dm, dh, dc, None if ended is None else ended[chunk])
        dx[chunk] = _add_chunk(layer, trace, chunk, d, dm, sums)
    before = (np.array(memory.to_outside(a), order="C") for a in (dh, dc))
    return LayerGradients(_parameters_of(layer, sums), dx, *before)


def _compute_multipliers(layer: Layer, trace: Trace, chunk: slice, d: Array) -> None:
    """Write to d the derivatives of h by c and o, and those of c by i, f, g and the cell state before the step."""
    kind, gates, squashed = layer.kind, trace.gates[chunk], trace.squashed[chunk]
    o, i, f, g, c = (gates[:, n] for n in range(5))
    to_c, to_o, to_i, to_f, to_g, back = (d[:, n] for n in range(6))
    sigmoids, to_sigmoids = gates[:, :3], d[:, 1:4]
    functions = layer.functions or Activations("sigmoid")
    if layer.functions is None:
        np.subtract(sigmoids, 1, out=to_sigmoids)  # σ' of -z
        to_sigmoids *= sigmoids
    else:
        write_gate_slopes(functions, sigmoids, to_sigmoids)
    to_o *= squashed
    to_i *= g - c if kind.keeps == "1 - i" else g
    write_slope(functions.output, squashed, to_c)
    to_c *= o
    write_slope(functions.candidate, g if kind.stretch == 1 else g / kind.stretch, to_g)
    to_g *= i
    if kind.stretch != 1:
        to_c /= kind.stretch
        to_g *= kind.stretch
    if "f" in kind.gates:
        to_f *= c
    for n, letter in enumerate(SIGMOIDS):
        if letter not in kind.gates:
            to_sigmoids[:, n] = 0
    back[...] = f


def _chunk_backwards(
    layer: Layer, trace: Trace, chunk: slice, d: Array, dm: Array, dh: Array, dc: Array, ended: Array | None
) -> tuple[Array, Array]:
    """Turn the derivatives d into gate gradients, and add to the cotangents dm of y what later steps send back.

    Returns the cotangents of h and c before the chunk.
    """
    memory, bound, carried, h_inside = trace.memory, layer.bound, np.empty_like(dc), None
    if layer.bound_h is not None:
        h_inside = np.abs(memory.to_inside(trace.y[chunk])) < layer.bound_h
    U_times = memory.make_product(layer.U.T)
    R_times, shown = None if layer.R is None else memory.make_product(layer.R.T), np.empty_like(dc)
    p = None if layer.p is None else memory.as_columns(layer.p)
    parts = (dm, d[:, :2], d[:, 2:], d[:, 0], d[:, 1:5], memory.as_rows(d[:, 1:5]), d[:, 5])
    steps = zip(range(len(d))[::-1], *(a[::-1] for a in parts), strict=True)
    for t, dm_t, of_h, of_c, to_c, dz, dz_rows, before in steps:
        np.add(dm_t, dh, out=dm_t)
        if h_inside is not None:
            dm_t *= h_inside[t]
        if R_times is not None:
            R_times(dm_t, shown)
        np.multiply(of_h, dm_t if R_times is None else shown, out=of_h)
        np.add(dc, to_c, out=carried)
        if p is not None:
            carried += p[0] * dz[0]
        if bound is not None:
            carried[~(np.abs(trace.gates[chunk.start + t + 1, 4]) < bound)] = 0
        np.multiply(of_c, carried, out=of_c)
        if p is not None:
            before += p[1] * dz[1] + p[2] * dz[2]
        if ended is not None:
            np.copyto(dz, 0, where=ended[t])
            np.copyto(before, dc, where=ended[t])
        U_times(dz_rows, dh)
        if ended is not None:
            np.copyto(dh, dm_t, where=ended[t])
            np.copyto(dm_t, 0, where=ended[t])
        dc = before
    return dh, dc.copy()  # the next chunk overwrites it


def _add_chunk(layer: Layer, trace: Trace, chunk: slice, d: Array, dm: Array, sums: Sums) -> Array:
    """Add a chunk's part to the parameter gradients, and return the gradient of its inputs (k, B, I)."""
    memory, (k, B, I), P = trace.memory, trace.x[chunk].shape, trace.y.shape[2]
    dz = memory.as_samples(memory.as_rows(d[:, 1:5]))
    first = [] if chunk.start else [trace.before[None]]
    h = np.concatenate([*first, trace.y[max(chunk.start - 1, 0) : chunk.stop - 1]])
    np.add(sums.W, dz.T @ trace.x[chunk].reshape(k * B, I), out=sums.W)
    np.add(sums.U, dz.T @ h.reshape(k * B, P), out=sums.U)
    np.add(sums.b, dz.sum(axis=0), out=sums.b)
    if sums.p is not None:
        c = trace.gates[chunk.start : chunk.stop + 1, 4]
        for n, seen in enumerate((c[1:], c[:-1], c[:-1])):
            sums.p[n] += memory.as_samples(d[:, n + 1] * seen).sum(axis=0)
    if sums.R is not None:
        shown = trace.gates[chunk, 0] * trace.squashed[chunk]
        np.add(sums.R, memory.as_samples(dm).T @ memory.as_samples(shown), out=sums.R)
    return (dz @ layer.W).reshape(k, B, I)


def _parameters_of(layer: Layer, sums: Sums) -> Parameters:
    """The gradients of the parameters; a Layer keeps them multiplied by factors."""
    H, kind, gates = len(layer.b) // 4, layer.kind, dict[str, Gate]()
    for n, letter in enumerate(STACKED_GATES):
        factor = factor_of_rows(kind, letter)
        p = sums.p[n] * sums.p.dtype.type(factor) if sums.p is not None and letter in kind.peepholes else None
        dW, dU, db = (a[n * H : (n + 1) * H] * a.dtype.type(factor) for a in sums[:3])
        gates[letter] = Gate(dW, dU, db, p)
    i, f, o = (gates[letter] if letter in kind.gates else None for letter in "ifo")
    return Parameters(i, f, gates["g"], o, sums.R)
