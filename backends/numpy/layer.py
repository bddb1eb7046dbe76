"""One layer in one direction, in NumPy: all gates in one matrix product a step.

Steps are computed in chunks: one product gives what the gates receive from a chunk of inputs. Steps come in the order
of reading, and every sequence of the batch starts at step 0. `valid` (T, B, 1) is True within a sequence's length, or
None if there are no lengths. The gradients are in backwards.py.

The gates are stacked in the order o, i, f, g, followed by the cell state before the step, so that i and f are next to
what they multiply. The differences between kinds of cell come from `lstm_spec.variants.KINDS`.
"""

from itertools import cycle
from typing import NamedTuple

import numpy as np

from backends.numpy.configured import open_gates, squash
from backends.numpy.memory import Memory, Product, chunks_of, memory_of
from backends.stacked import LayerAnswer
from lstm_spec.types import Activations, Array, Gate, Kind, Parameters, State, Variant
from lstm_spec.variants import KINDS

STACKED_GATES, SIGMOIDS = "oifg", "oif"


class Layer(NamedTuple):
    """One layer in one direction, its gates stacked on rows.

    Unless the kind is configured, the rows of the sigmoids are negated, for σ(z) = 1 / (1 + exp(-z)), and those of the
    candidate divided by the stretch. A coupled f has the rows of i, not negated, for 1 - σ(z) = σ(-z). The rows of an
    absent gate are zero.
    """

    kind: Kind
    W: Array  # (4H, I)
    U: Array  # (4H, P)
    b: Array  # (4H,)
    p: Array | None  # (3, H)  of o, i and f; zero for a gate without a peephole
    R: Array | None  # (P, H)
    bound: Array | None  # ()
    bound_h: Array | None  # ()  of what R makes
    functions: Activations | None  # of a configured kind, whose rows are neither negated nor divided


def layer_of(p: Parameters, variant: Variant) -> Layer:
    """The layer with these parameters and cells of this variant."""
    kind, dtype, (H, I), P = KINDS[variant.kind], p.g.b.dtype, p.g.W.shape, p.g.U.shape[1]
    W, U, b = np.empty((4 * H, I), dtype), np.empty((4 * H, P), dtype), np.empty(4 * H, dtype)
    seen, zeros = np.zeros((3, H), dtype) if kind.peepholes else None, (np.zeros((), dtype),) * 3
    for n, letter in enumerate(STACKED_GATES):
        gate, factor = _source_of_rows(p, kind, letter)
        rows = slice(n * H, (n + 1) * H)
        for stacked, part in zip((W, U, b), gate[:3] if gate else zeros, strict=True):
            _fill_rows(stacked[rows], part, factor)
        if seen is not None and gate is not None and gate.p is not None:
            _fill_rows(seen[n], gate.p, factor)
    bound, bound_h = (None if k is None else np.array(k, dtype) for k in (variant.clip, variant.projection_clip))
    return Layer(kind, W, U, b, seen, p.R, bound, bound_h, variant.activations)


def _source_of_rows(p: Parameters, kind: Kind, letter: str) -> tuple[Gate | None, float]:
    """The gate whose weights fill the rows of the letter, and the factor to multiply them by."""
    if letter == "f" and kind.keeps == "1 - i":
        return p.i, 1.0
    return getattr(p, letter), factor_of_rows(kind, letter)


def factor_of_rows(kind: Kind, letter: str) -> float:
    """What the weights of a gate are multiplied by, and therefore their gradients."""
    return 1.0 if kind.is_configured else 1 / kind.stretch if letter == "g" else -1.0


def _fill_rows(rows: Array, part: Array, factor: float) -> None:
    """Write the part times the factor to the rows; negation is NumPy's fastest way."""
    if factor == -1:
        np.negative(part, out=rows)
    else:
        np.multiply(part, factor, out=rows)


def always_open(kind: Kind) -> list[int]:
    """The positions, among the sigmoids, of the gates that are 1 because the kind has no such gate."""
    there = kind.gates + ("f" if kind.keeps == "1 - i" else "")
    return [n for n, letter in enumerate(SIGMOIDS) if letter not in there]


class Pass(NamedTuple):
    """The arguments that all chunks of a forward pass share."""

    layer: Layer
    memory: Memory
    U_times: Product
    R_times: Product | None
    keep: bool  # keep the gates of every step; otherwise those of two steps alternate


class Trace(NamedTuple):
    """What the backward pass needs of the forward pass."""

    memory: Memory
    x: Array  # (T, B, I)
    before: Array  # (B, P)  h
    y: Array  # (T, B, P)
    gates: Array  # (T+1, 5, H) for every sample: o, i, f, g, and the cell state before the step
    squashed: Array  # (T, H) for every sample


def read_forwards(layer: Layer, x: Array, s: State, valid: Array | None, keep: bool) -> LayerAnswer:
    """Read all steps of x from the state s; `keep`: also return what the backward pass needs. Invalid x is finite."""
    (T, B, _), P, H, dtype = x.shape, s.h.shape[1], s.c.shape[1], x.dtype
    memory, chunks = memory_of(B, H, dtype), chunks_of(T, B, H, dtype)
    y, most = np.empty((T, B, P), dtype), max((chunk.stop - chunk.start for chunk in chunks), default=0)
    gates = memory.as_blocks(memory.make_empty(T + 1 if keep else 2, 5 * H, dtype=dtype), 5)
    squashed = memory.make_empty(T if keep else 2, H, dtype=dtype)
    received, hs = np.empty(most * B * len(layer.b), dtype), memory.make_empty(most, P, dtype=dtype)
    h, ended = memory.to_inside(s.h), None if valid is None else memory.to_inside(~valid)
    gates[0, 4] = c = memory.to_inside(s.c)
    R_times = None if layer.R is None else memory.make_product(layer.R)
    how = Pass(layer, memory, memory.make_product(layer.U), R_times, keep)
    with np.errstate(over="ignore"):
        for chunk in chunks:
            z, of_chunk = _from_inputs(layer, memory, x[chunk], received), None if ended is None else ended[chunk]
            at, over = (slice(chunk.start, chunk.stop + 1), chunk) if keep else (slice(None), slice(None))
            h, c = _read_chunk(how, z, h, gates[at], squashed[over], hs[: len(z)], of_chunk)
            y[chunk], h = memory.to_outside(hs[: len(z)]), h.copy()  # the next chunk overwrites it
            if not keep:
                gates[0, 4] = c
    last = State(np.array(memory.to_outside(h), order="C"), np.array(memory.to_outside(c), order="C"))
    if valid is not None:
        y[~valid[..., 0]] = 0
    return LayerAnswer(y, last, Trace(memory, x, s.h, y, gates, squashed) if keep else None)


def _from_inputs(layer: Layer, memory: Memory, x: Array, received: Array) -> Array:
    """W x + b of the steps (k, 4, H), for every sample, as one product written to `received`."""
    (k, B, I), rows = x.shape, len(layer.b)
    x, received = x.reshape(k * B, I), received[: k * B * rows]
    if memory.apart:
        z = np.dot(x, layer.W.T, received.reshape(k * B, rows))
        np.add(z, layer.b, out=z)
        return memory.as_blocks(memory.to_inside(z.reshape(k, B, rows)), 4)
    z = np.dot(layer.W, x.T, received.reshape(rows, k * B))
    np.add(z, layer.b[:, None], out=z)
    return z.reshape(4, rows // 4, k, B).transpose(2, 0, 1, 3)


def _read_chunk(
    how: Pass, z: Array, h: Array, gates: Array, squashed: Array, hs: Array, ended: Array | None
) -> tuple[Array, Array]:
    """Compute the steps of a chunk and return the last h and c.

    It starts from h and from the cell state in gates[0]. There is one more row of gates than steps, or only two rows.
    """
    layer, memory, U_times, R_times, keep = how
    kind, p = layer.kind, layer.p
    before, after = (gates[:-1], gates[1:]) if keep else (gates, gates[::-1])
    step = memory.make_empty(1, len(layer.b), dtype=z.dtype)
    from_h, from_h_blocks, both = step[0], memory.as_blocks(step, 4)[0], np.empty_like(gates[0, 1:3])
    (written, kept), shown = both, np.empty_like(squashed[0])
    p_if = None if p is None else memory.as_columns(p[1:])
    p_o = None if p is None or "o" not in kind.peepholes else memory.as_columns(p[:1])[0]
    one, first, new_t, opened = np.ones((), z.dtype), 0 if p_o is None else 1, gates[0, 4], always_open(kind)
    a = layer.functions
    apply = np.divide if a is None else np.multiply  # a sigmoid is kept as 1 / σ, which is ∞ where σ = 0
    parts = [before[:, :4], before[:, first:3], before[:, 1:3], before[:, 3:]]
    parts += [before[:, 0], before[:, 3], before[:, 4], after[:, 4], squashed]
    steps = zip(z, hs, *(parts if keep else map(cycle, parts)), strict=False)  # cheaper than indices
    for t, (z_t, h_t, all_t, sigmoids_t, if_t, gc_t, o_t, g_t, c_t, new_t, squashed_t) in enumerate(steps):
        U_times(h, from_h)
        np.add(z_t, from_h_blocks, out=all_t)
        if p_if is not None:
            if_t += p_if * c_t
        if a is not None:
            open_gates(a, sigmoids_t)
            squash(a.candidate, g_t, g_t)
        else:
            np.exp(sigmoids_t, out=sigmoids_t)
            np.add(sigmoids_t, one, out=sigmoids_t)
            np.tanh(g_t, out=g_t)
        for n in opened:
            all_t[n] = 1
        if kind.stretch != 1:
            g_t *= kind.stretch
        apply(gc_t, if_t, out=both)
        np.add(written, kept, out=new_t)
        if layer.bound is not None:
            np.clip(new_t, -layer.bound, layer.bound, out=new_t)
        if p_o is not None:
            o_t += p_o * new_t
            if a is not None:
                open_gates(a, o_t)
            else:
                np.exp(o_t, out=o_t)
                np.add(o_t, one, out=o_t)
        if a is not None:
            squash(a.output, new_t, squashed_t)
        else:
            np.tanh(new_t if kind.stretch == 1 else new_t / kind.stretch, out=squashed_t)
        if R_times is None:
            apply(squashed_t, o_t, out=h_t)
        else:
            R_times(apply(squashed_t, o_t, out=shown), h_t)
        if layer.bound_h is not None:
            np.clip(h_t, -layer.bound_h, layer.bound_h, out=h_t)
        if ended is not None:
            np.copyto(h_t, h, where=ended[t])
            np.copyto(new_t, c_t, where=ended[t])
        h = h_t
    if keep and a is None:
        np.reciprocal(before[:, :3], out=before[:, :3])
    return h, new_t
