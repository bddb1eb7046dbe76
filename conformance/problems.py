"""Where examples come from: Hypothesis strategies for whole problems.

A problem is a shape, a *kind* per array and a seed. Lists begin with what is simplest, where shrinking goes; what is
drawn most is dense, asymmetric and different in every gate. `Shapes` is honoured by construction.

A recipe is a function from a Context to a strategy; only the runner turns it into examples.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from conformance.bounds import CONCLUSIVE, ROUNDINGS, roundoff
from conformance.kinds import MIX, TAME, USUAL, frozen, make
from conformance.property import NotClaimed
from conformance.trajectories import free_trajectory
from lstm_spec import Cotangents, Description, ErrorModel, Gate, Parameters, Problem, State, error_model
from lstm_spec.types import Array

Recipe = Callable[["Context"], st.SearchStrategy[Any]]


@dataclass(frozen=True)
class Context:
    """For whom problems are made: a dtype, what the backend says of itself, and how far the profile goes."""

    dtype: np.dtype[Any]
    description: Description
    reach: str = "standard"  # quick, standard, full or soak

    @property
    def model(self) -> ErrorModel:
        return error_model(self.description.grade(self.dtype.name), self.dtype.name)


class Question(NamedTuple):
    """A problem, and the cotangents of a loss on its answer."""

    problem: Problem
    d: Cotangents


class Split(NamedTuple):
    """A sequence, and the step before which it is cut."""

    whole: Problem
    at: int
    d: Cotangents

    @property
    def head(self) -> Problem:
        return replace(self.whole, x=self.whole.x[: self.at])

    def tail(self, state: State) -> Problem:
        return replace(self.whole, x=self.whole.x[self.at :], state=state)


# ---------------------------------------------------------------- sizes

SMALL = {
    "T": (1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 12),
    "B": (1, 2, 2, 2, 3, 3, 4, 5),
    "I": (1, 2, 3, 3, 4, 5, 6),
    "H": (1, 2, 2, 3, 4, 4, 5, 7, 8),
}
MODERATE = {"T": (33, 65), "B": (33,), "I": (33,), "H": (17, 33)}
LARGE = {  # one at a time: past the usual block boundaries
    "T": (33, 65, 129, 200, 257, 300, 400, 513, 600),
    "B": (31, 33, 64, 65, 127, 128, 129),
    "I": (31, 33, 64, 65, 127, 129, 257),
    "H": (31, 33, 63, 64, 65, 127, 128, 129),
}
LARGEST = {**LARGE, "T": (200, 257, 300, 400, 513, 600), "H": (64, 65, 96, 127, 128)}


class Reach(NamedTuple):
    """How far a profile goes: which size is large, in these proportions, and how large."""

    modes: tuple[str, ...]
    large: dict[str, tuple[int, ...]]
    alone: bool = False  # where H is large, B is 1


REACHES = {
    "quick": Reach(("", "", "", "", "", "square", "T", "H"), MODERATE),
    "standard": Reach(("", "", "", "", "", "", "square", "T", "T", "H", "B", "I"), LARGE),
    "full": Reach(("", "", "", "square", "T", "T", "H", "B", "I"), LARGE),
    "soak": Reach(("square", *("T",) * 31, *("H",) * 9, "B", "I"), LARGEST, alone=True),
}

Size = int | tuple[int, ...] | None

ANY_SCALE = "zero one-hot sparse mixed small by-width dense dense wide very-wide"  # of weights, from 1e-3 to 12


def _sizes(context: Context, fixed: dict[str, Size]) -> st.SearchStrategy[tuple[int, int, int, int]]:
    """T, B, I, H as the shapes allow; NotClaimed where they do not."""
    reach = REACHES[context.reach]
    usual = {k: st.sampled_from(_choices(k, fixed[k], SMALL[k], context)) for k in "TBIH"}
    large = {k: st.sampled_from(_choices(k, fixed[k], reach.large[k], context)) for k in "TBIH"}
    beside = {"H": {**usual, "B": st.sampled_from(_choices("B", fixed["B"], (1,), context))}} if reach.alone else {}

    @st.composite
    def draw_sizes(draw: Any) -> tuple[int, int, int, int]:
        mode = draw(st.sampled_from(reach.modes))
        T, B, I, H = (draw(large[k] if k == mode else beside.get(mode, usual)[k]) for k in "TBIH")
        if mode == "square":  # where a transposed matrix, or batch for time, would still fit
            T = B if fixed["T"] is None and B in context.description.shapes.T else T
            I = H if fixed["I"] is None and H in context.description.shapes.I else I
        return T, B, I, H

    return draw_sizes()


def _choices(letter: str, fixed: Size, usual: tuple[int, ...], context: Context) -> tuple[int, ...]:
    """The one size that is fixed, or the allowed ones nearest to what is wished."""
    allowed = getattr(context.description.shapes, letter)
    if not isinstance(fixed, int):
        return nearest(letter, fixed or usual, allowed)
    if fixed not in allowed:
        raise NotClaimed(f"its shapes exclude {letter} = {fixed}")
    return (fixed,)


def nearest(letter: str, wanted: tuple[int, ...], allowed: range) -> tuple[int, ...]:
    """The allowed sizes next to the wanted ones; at least 1, and at least 2 where all of those are."""
    least = min(2, *wanted)
    positive = allowed[max(0, -(-(least - allowed.start) // allowed.step)) :]
    if not positive:
        raise NotClaimed(f"its shapes leave no {letter} of at least {least}")
    steps = (round((n - positive.start) / positive.step) for n in wanted)
    return tuple(positive[min(max(k, 0), len(positive) - 1)] for k in steps)


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
        drawn = (_sizes(context, fixed), _kinds(table, ("x", "W", "U", "b", "h", "c")), SEEDS)
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
        drawn = (_sizes(replace(context, reach="quick"), fixed), _kinds(table, ("x", "W", "U", "b", "h", "c")), SEEDS)
        return st.builds(partial(_build, context.dtype), *drawn).map(lambda problem: tamed(problem, context.model))

    return recipe


HALVINGS = 32  # a few are enough unless the error does not come from U at all


def tamed(problem: Problem, model: ErrorModel) -> Problem:
    """The problem with U halved until a free run of it is conclusive with room to spare, or until that cannot help."""
    room = max(CONCLUSIVE / 64, ROUNDINGS / 2 * roundoff(model))
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


def with_gates(problem: Problem, change: Callable[[str, Gate], Gate]) -> Problem:
    """The problem with each gate changed; `change` gets its letter too."""
    layer = problem.layer
    i, f, g, o = (change(letter, getattr(layer, letter)) for letter in "ifgo")
    return replace(problem, parameters=((Parameters(i, f, g, o),),))


def redrawn(problem: Problem, seed: int, parts: str = "WUbxhc") -> Problem:
    """Another problem of the same shapes, dense in these parts and the same in the others."""
    rng = np.random.default_rng(seed)

    def drawn(letter: str, a: Array) -> Array:
        return frozen(rng.standard_normal(a.shape).astype(a.dtype)) if letter in parts else a

    other = with_gates(problem, lambda _, gate: Gate(*(drawn(k, getattr(gate, k)) for k in "WUb")))
    return replace(other, x=drawn("x", problem.x), state=State(*(drawn(k, getattr(problem.state, k)) for k in "hc")))


def problem_of(example: Any) -> Problem:
    """The problem in what a recipe drew."""
    while not isinstance(example, Problem):
        example = example[0]
    return example


def described(example: Any) -> str:
    """The sizes of what was drawn, and how many of its numbers are not zero."""
    problem = problem_of(example)
    T, B, I, H = problem.sizes
    arrays = [problem.x, *problem.state]
    for p in (p for row in problem.parameters for p in row):
        arrays += [a for gate in p[:4] if isinstance(gate, Gate) for a in gate if a is not None]
        arrays += [] if p.R is None else [p.R]
    numbers = sum(int(np.count_nonzero(a)) for a in arrays)
    return f"T = {T}, B = {B}, I = {I}, H = {H}{_more(problem)}, non-zero numbers: {numbers}"


def _more(problem: Problem) -> str:
    """What it is beyond one layer of the standard cell that reads whole sequences forward."""
    said = [f"{len(problem.parameters)} layers"] if len(problem.parameters) > 1 else []
    said += [" and ".join(problem.directions)] if problem.directions != ("forward",) else []
    said += [problem.variant.kind] if problem.variant.kind != "standard" else []
    said += [f"P = {problem.P}"] if problem.layer.R is not None else []
    said += [f"clip = {problem.variant.clip:g}"] if problem.variant.clip is not None else []
    said += [f"lengths {' '.join(map(str, problem.lengths[:8]))}"] if problem.lengths is not None else []
    return "".join(f", {part}" for part in said)
