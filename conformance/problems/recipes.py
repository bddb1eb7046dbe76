"""Where examples come from: Hypothesis strategies for whole problems.

A problem is a shape, a *kind* per array and a seed. Lists begin with what is simplest, where shrinking goes; what is
drawn most is dense, asymmetric and different in every gate. `Shapes` is honoured by construction.

A recipe is a function from a Context to a strategy; only the runner turns it into examples.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.arrays import frozen
from conformance.outcome import NotClaimed
from conformance.problems.kinds import MIX, TAME, USUAL, make
from conformance.problems.question import Context, Question, Recipe, Split, with_gates
from conformance.problems.sizes import SMALL, Size, draw_shapes, nearest
from conformance.tolerance.conclusive import CONCLUSIVE, ROUNDINGS, largest_roundoff
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import Cotangents, ErrorModel, Gate, Parameters, Problem, State

ANY_SCALE = "zero one-hot sparse mixed small by-width dense dense wide very-wide"  # of weights, from 1e-3 to 12


# ---------------------------------------------------------------- building


def _kinds(table: dict[str, str], letters: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.tuples(*(st.sampled_from(table[letter].split()) for letter in letters))


SEEDS = st.integers(0, 2**32 - 1)


def _build(dtype: np.dtype[Any], sizes: tuple[int, int, int, int], kinds: tuple[str, ...], seed: int) -> Problem:
    T, B, I, H = sizes
    x, W, U, b, h, c = kinds
    rng = np.random.default_rng(seed)
    i, f, g, o = (
        Gate(make(W, rng, (H, I), dtype), make(U, rng, (H, H), dtype), make(b, rng, (H,), dtype)) for _ in "ifgo"
    )
    state = State(make(h, rng, (1, B, H), dtype), make(c, rng, (1, B, H), dtype))
    return Problem(((Parameters(i, f, g, o),),), make(x, rng, (T, B, I), dtype), state)


def _loss(problem: Problem, kinds: tuple[str, ...], seed: int) -> Cotangents:
    T, B, _, H = problem.sizes
    rng = np.random.default_rng(seed + 1)
    dy, dh, dc = (
        make(kind, rng, shape, problem.dtype)
        for kind, shape in zip(kinds, ((T, B, H), (1, B, H), (1, B, H)), strict=True)
    )
    return Cotangents(dy, State(dh, dc))


# ---------------------------------------------------------------- recipes


def problems(T: Size = None, B: Size = None, I: Size = None, H: Size = None, **kinds: str) -> Recipe:
    """Problems of any shape and kind; a size, or sizes, may be fixed, and the kind of an array by its letter."""
    fixed: dict[str, Size] = {"T": T, "B": B, "I": I, "H": H}

    def recipe(context: Context) -> st.SearchStrategy[Problem]:
        table = {**(MIX if context.reach == "soak" else USUAL), **kinds}
        drawn = (draw_shapes(context, fixed), _kinds(table, ("x", "W", "U", "b", "h", "c")), SEEDS)
        return st.builds(partial(_build, context.dtype), *drawn)

    return recipe


TOGETHER: tuple[dict[str, tuple[int, ...]], ...] = (  # one size past the larger blocks, or two past the smaller ones
    {"H": (200, 256, 257, 300, 513)},
    {"B": (200, 257, 513)},
    {"I": (257, 513, 1025)},
    {"B": (33, 65), "H": (33, 65)},
    {"B": (33, 65), "I": (33, 65)},
    {"I": (33, 65), "H": (33, 65)},
    {"T": (129, 130, 257), "H": (17, 33)},
    {"T": (129, 130, 257), "B": (17, 33)},
)


def large_problems() -> Recipe:
    """Dense problems in which one size is very large, or two are large together."""

    def recipe(context: Context) -> st.SearchStrategy[Problem]:
        small: dict[str, Size] = {"T": (1, 2, 3), "B": (1, 2, 3), "I": (1, 2, 3), "H": (1, 2, 3, 4)}
        kinds = {
            "x": "dense",
            "W": "dense by-width",
            "U": "by-width dense",
            "b": "dense",
            "h": "within-1",
            "c": "dense",
        }
        return st.one_of([problems(**{**small, **large}, **kinds)(context) for large in TOGETHER])  # type: ignore[arg-type]

    return recipe


def tame_problems(T: Size = SMALL["T"], B: Size = None, I: Size = None, H: Size = SMALL["H"], **kinds: str) -> Recipe:
    """Short problems in which rounding stays small: U is halved until a free run is conclusive."""
    fixed: dict[str, Size] = {
        "T": T,
        "B": SMALL["B"] if B is None else B,
        "I": SMALL["I"] if I is None else I,
        "H": H,
    }

    def recipe(context: Context) -> st.SearchStrategy[Problem]:
        table = {**TAME, **kinds}
        drawn = (
            draw_shapes(replace(context, reach="quick"), fixed),
            _kinds(table, ("x", "W", "U", "b", "h", "c")),
            SEEDS,
        )
        return st.builds(partial(_build, context.dtype), *drawn).map(lambda problem: tamed(problem, context.model))

    return recipe


HALVINGS = 32  # a few are enough unless the error does not come from U at all


def tamed(problem: Problem, model: ErrorModel) -> Problem:
    """The problem with U halved until a free run of it is conclusive with room to spare, or until that cannot help."""
    room = max(CONCLUSIVE / 64, ROUNDINGS / 2 * largest_roundoff(model))
    for _ in range(HALVINGS):
        if free_trajectory(problem, model).h.error.max(initial=0) <= room:
            break
        problem = with_gates(problem, lambda _, gate: gate._replace(U=frozen(gate.U / 2)))
    return problem


def questions(of: Recipe, **kinds: str) -> Recipe:
    """Problems with cotangents of every kind, or of the given ones: dy, dh, dc."""
    table = {**USUAL, **kinds}

    def recipe(context: Context) -> st.SearchStrategy[Question]:
        drawn = (of(context), _kinds(table, ("dy", "dh", "dc")), SEEDS)
        return st.builds(lambda problem, k, seed: Question(problem, _loss(problem, k, seed)), *drawn)

    return recipe


def tame_questions(of: Recipe | None = None, **kinds: str) -> Recipe:
    """Tame problems with dense cotangents."""
    return questions(of or tame_problems(), **{**{k: TAME[k] for k in ("dy", "dh", "dc")}, **kinds})


def splits(of: Callable[..., Recipe], T: tuple[int, ...]) -> Recipe:
    """Sequences with a place to cut them, so that both parts have a length that the shapes allow."""

    def recipe(context: Context) -> st.SearchStrategy[Split]:
        allowed = context.description.shapes.T
        lengths = tuple(t for t in nearest("T", T, allowed) if _cuts(t, allowed))
        if not lengths:
            raise NotClaimed("its shapes leave no sequence that can be cut in two")
        asked = questions(of(T=lengths), dy="dense", dh="dense", dc="dense")(context)
        return st.builds(partial(_split, allowed), asked, SEEDS)

    return recipe


def _cuts(T: int, allowed: range) -> list[int]:
    return [k for k in range(1, T) if k in allowed and T - k in allowed]


def _split(allowed: range, question: Question, seed: int) -> Split:
    cuts = _cuts(len(question.problem.x), allowed)
    return Split(question.problem, cuts[seed % len(cuts)], question.d)


def of_single_steps(of: Recipe) -> Recipe:
    """What `of` draws, for backends that can be asked for one step."""

    def recipe(context: Context) -> st.SearchStrategy[Any]:
        if 1 not in context.description.shapes.T:
            raise NotClaimed("its shapes exclude T = 1")
        return of(context)

    return recipe


def further(of: Recipe, **at: Recipe) -> Recipe:
    """What `of` draws, and at these reaches what others draw: `further(problems(), full=problems(T=10_000))`."""
    return lambda context: at.get(context.reach, of)(context)


def with_seed(of: Recipe) -> Recipe:
    """What `of` draws, and a seed for the property's own choices."""
    return lambda context: st.tuples(of(context), SEEDS)
