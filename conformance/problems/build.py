"""Problems and losses from a form, sizes, fillings and a seed: the same arguments give the same numbers."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from conformance.arrays import frozen, limits
from conformance.problems.fillings import make_array
from conformance.problems.form import Form
from conformance.problems.question import collect_gates, with_gates
from conformance.tolerance.conclusive import CONCLUSIVE, ROUNDINGS, largest_roundoff
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import Cotangents, ErrorModel, Gate, Parameters, Problem, State, Variant
from lstm_spec.types import GATES, Array
from lstm_spec.variants import KINDS

ROOM_TO_GROW = 2.0**8  # what is added up without a bound stays below, so that even float16 can hold it
GROWTH = 2.0  # of a hidden state without bounds: at most e to that power, over all steps
HALVINGS = 32  # a few are enough unless the error does not come from U at all


def build_problem(
    dtype: np.dtype[Any], form: Form, sizes: tuple[int, ...], fillings: tuple[str, ...], seed: int, widened: int = 2
) -> Problem:
    """A problem of this form with the sizes T, B, I, H, or P, too, and the fillings of x, W, U, b, h and c.

    A narrow projection of one unit has this number of units instead, for P is smaller than H.
    """
    T, B, I, H, *given = sizes
    rng = np.random.default_rng(seed)
    layers, D = form.layers, len(form.directions)
    H = widened if form.projection == "narrow" and H == 1 else H
    P = min(given[0] if given else int(rng.integers(1, H)), H - 1) if form.projection == "narrow" else H
    x, W, U, b, h, c = (partial(make_array, filling, rng, dtype=dtype) for filling in fillings)
    kind = KINDS[form.kind]

    def draw_gate(letter: str, width: int) -> Gate:
        p = U((H,)) if letter in kind.peepholes else None
        return Gate(W((H, width)), U((H, P)), b((H,)), p)

    def draw_parameters(width: int) -> Parameters:
        gates = {letter: draw_gate(letter, width) for letter in GATES}  # all four: each kind gets the same numbers
        R = W((P, H)) if form.projection else None
        return collect_gates({letter: gates[letter] for letter in kind.gates}, R)

    rows = tuple(tuple(draw_parameters(D * P if layer else I) for _ in range(D)) for layer in range(layers))
    state = State(h((layers * D, B, P)), c((layers * D, B, H)))
    lengths = _draw_lengths(form.lengths, T, B, rng)
    clip, clip_h = (None if k is None else float(dtype.type(k)) for k in (form.clip, form.projection_clip))
    if clip is not None and clip > 1:  # otherwise what is written reaches it
        state = State(state.h, _reach_bound(state.c, clip))
    activations = form.activations if kind.is_configured else None
    variant = Variant(form.kind, clip, activations, clip_h if form.projection else None)
    return calm_problem(Problem(rows, x((T, B, I)), state, lengths, variant, form.directions))


def _reach_bound(c: Array, clip: float) -> Array:
    """Cell states on both sides of the bound, unless they are far beyond it."""
    wide = c.astype(np.float64)
    largest = np.abs(wide).max(initial=0)
    return c if not 0 < largest < 2 * clip else frozen((wide / largest * (2 * clip)).astype(c.dtype))


def _draw_lengths(wish: str, T: int, B: int, rng: np.random.Generator) -> Array | None:
    """Lengths as wished; any of several have a full one and a short one.

    Short ones are all below T, and differ if there are several and T is at least 3.
    """
    if not wish:
        return None
    lengths, one, shorter = np.full(B, T, np.int64), np.arange(B) == rng.integers(max(B, 1)), max(T - 1, min(T, 1))
    if wish in ("any", "zeros") and B:
        lengths = rng.integers(min(T, 1), T + 1, B)
        if wish == "zeros":
            lengths[one] = 0
        elif B > 1:
            lengths[one], lengths[np.roll(one, 1)] = T, rng.integers(min(T, 1), shorter + 1)
    if wish == "short":
        lengths = rng.integers(min(T, 1), shorter + 1, B)
        if B > 1:
            lengths[one], lengths[np.roll(one, 1)] = shorter, rng.integers(min(T, 1), max(shorter, min(T, 1) + 1))
    if wish == "one short":
        lengths[one] = shorter
    if wish == "equal":
        lengths[:] = rng.integers(min(T, 1), shorter + 1)
    if wish == "nothing":
        lengths[:] = 0
    return frozen(lengths)


def build_loss(problem: Problem, fillings: tuple[str, ...], seed: int) -> Cotangents:
    """Cotangents of y, h_T and c_T with these fillings; they are not zero in the padding either."""
    T, B, _, _ = problem.sizes
    rng = np.random.default_rng(seed + 1)
    shapes = ((T, B, len(problem.directions) * problem.P), *(a.shape for a in problem.state))
    arrays = (make_array(filling, rng, shape, problem.dtype) for filling, shape in zip(fillings, shapes, strict=True))
    dy, dh, dc = arrays
    return Cotangents(dy, State(dh, dc))


def poison_padding(problem: Problem, seed: int) -> Problem:
    """The problem with NaN and infinities in its padding."""
    assert problem.lengths is not None
    rng, x = np.random.default_rng(seed), problem.x.copy()
    beyond = np.arange(len(x))[:, None] >= problem.lengths
    x[beyond] = rng.choice([np.nan, np.inf, -np.inf], x[beyond].shape)
    return replace(problem, x=frozen(x))


def tame_problem(problem: Problem, model: ErrorModel) -> Problem:
    """The problem with U halved until a free run is conclusive with room to spare, or until halving cannot help."""
    room = max(CONCLUSIVE / 64, ROUNDINGS / 2 * largest_roundoff(model))
    for _ in range(HALVINGS):
        if free_trajectory(problem, model).h.error.max(initial=0) <= room:
            break
        problem = with_gates(problem, lambda _, gate: gate._replace(U=frozen(gate.U / 2)))
    return problem


def calm_problem(problem: Problem) -> Problem:
    """The problem with smaller weights where nothing bounds what they make, lest it overflow; powers of two smaller.

    A candidate without a bound is written T times. If the hidden state has none either, they make each other grow.
    """
    a, T = problem.variant.activations, max(1, len(problem.x))
    if a is None or (a.candidate == "tanh" and a.output == "tanh"):
        return problem
    R = max([1.0, *(_row_sum(p.R) for row in problem.parameters for p in row if p.R is not None)])

    def calm(layer: int, letter: str, gate: Gate) -> Gate:
        W, U, b, p = gate
        if not a.are_bounded:
            U, W = _shrink(U, GROWTH / (T * R)), _shrink(W, 1 / R) if layer else W
        if letter == "g" and a.candidate != "tanh":
            largest = 1 / R if layer else ROOM_TO_GROW / max(1.0, _magnitude(problem.x))
            W, U = _shrink(W, largest / T), _shrink(U, ROOM_TO_GROW / (T * R))
            b = _shrink(b[:, None], ROOM_TO_GROW / T)[:, 0]
        return Gate(W, U, frozen(b), p)

    rows = tuple(
        tuple(collect_gates({k: calm(layer, k, gate) for k, gate in p.gates.items()}, p.R) for p in row)
        for layer, row in enumerate(problem.parameters)
    )
    return replace(problem, parameters=rows)


def _shrink(M: Array, row_sum: float) -> Array:
    """M divided by a power of two, so that the magnitudes in each of its rows have at most this sum."""
    found = _row_sum(M)
    if found <= row_sum:
        return M
    smaller = (M * 2.0 ** np.floor(np.log2(row_sum / found))).astype(M.dtype)
    smaller[np.abs(smaller) < limits(M.dtype).tiny] = 0
    return frozen(smaller)


def _row_sum(M: Array) -> float:
    return float(np.abs(M.astype(np.float64)).sum(axis=1).max(initial=0))


def _magnitude(a: Array) -> float:
    return float(np.abs(a.astype(np.float64)).max(initial=0))
