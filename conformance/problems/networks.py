"""Where problems of whole networks come from: lengths, directions, layers and variants, in any combination.

What a backend does not claim is not drawn; what a property is about is. As in `problems`, what is simplest comes first.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.arrays import frozen
from conformance.outcome import NotClaimed
from conformance.problems.form import BEYOND, Form
from conformance.problems.kinds import USUAL, make
from conformance.problems.question import Context, Question, Recipe
from conformance.problems.recipes import SEEDS
from conformance.problems.sizes import nearest
from lstm_spec import Cotangents, Gate, Parameters, Problem, State, Variant
from lstm_spec.types import Array
from lstm_spec.variants import WITHOUT_FORGET_GATE

SIZES = {"T": (1, 2, 2, 3, 3, 4, 5, 6, 9), "B": (1, 2, 2, 3, 3, 4), "I": (1, 2, 2, 3, 4, 5), "H": (1, 2, 2, 3, 3, 4, 5)}
LARGE = {"T": (33, 65), "B": (17, 33), "I": (17, 33), "H": (17, 33)}  # one at a time, and of one layer
MODES = {"quick": ("",), "standard": ("", "", "", "", "T", "H", "B", "I")}


def networks(**wanted: Any) -> Recipe:
    """Problems of the forms wanted (a Form's fields, and T, B, I, H), as far as they are claimed.

    Where nothing is said, a form is plain. A value, or several: `networks(layers=(2, 3), T=1)`.
    """
    fixed = {name: choice if isinstance(choice, tuple) else (choice,) for name, choice in wanted.items()}
    if "directions" in wanted and isinstance(wanted["directions"][0], str):
        fixed["directions"] = (wanted["directions"],)
    plain = vars(Form())

    def recipe(context: Context) -> st.SearchStrategy[Problem]:
        choices = {name: _claimed(name, fixed.get(name, (usual,)), context) for name, usual in plain.items()}
        forms = st.builds(Form, **{name: st.sampled_from(choice) for name, choice in choices.items()})
        modes = MODES.get(context.reach, MODES["standard"])
        kinds = st.tuples(*(st.sampled_from(USUAL[letter].split()) for letter in "xWUbhc"))
        return st.builds(partial(build, context.dtype), forms, _sizes(context, fixed, modes), kinds, SEEDS)

    return recipe


def _claimed(name: str, choice: tuple[Any, ...], context: Context) -> tuple[Any, ...]:
    """Those of the choices that the backend claims; NotClaimed where that is none."""
    claims = context.description.features
    able = tuple(value for value in choice if Form(**{name: value}).features <= claims)
    if not able:
        missing = sorted(Form(**{name: choice[0]}).features - claims)
        raise NotClaimed(f"it does not claim {', '.join(missing)}")
    return able


def _sizes(context: Context, fixed: dict[str, Any], modes: tuple[str, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    shapes = context.description.shapes
    if fixed.get("T") == (0,) and 0 not in shapes.T:
        raise NotClaimed("its shapes exclude T = 0")
    usual, large = (
        {
            k: st.sampled_from(nearest(k, fixed.get(k, sizes[k]), getattr(shapes, k)) if fixed.get(k) != (0,) else (0,))
            for k in "TBIH"
        }
        for sizes in (SIZES, LARGE)
    )

    @st.composite
    def draw_sizes(draw: Any) -> tuple[int, ...]:
        mode = draw(st.sampled_from(modes))
        return tuple(draw(large[k] if k == mode else usual[k]) for k in "TBIH")

    return draw_sizes()


def build(dtype: np.dtype[Any], form: Form, sizes: tuple[int, ...], kinds: tuple[str, ...], seed: int) -> Problem:
    """A problem of that form, of sizes T, B, I, H, and of kinds of x, W, U, b, h and c."""
    T, B, I, H = sizes
    rng = np.random.default_rng(seed)
    layers = form.layers if max(T, B, I, H) <= 12 else 1
    H = max(H, 2) if form.projection == "narrow" else H
    P = {"": H, "full": H}.get(form.projection) or int(rng.integers(1, H))
    x, W, U, b, h, c = kinds
    D = len(form.directions)

    def parameters(width: int) -> Parameters:
        def gate(letter: str) -> Gate:
            sees = form.kind == "peephole" and letter != "g"
            p = make("within-1", rng, (H,), dtype) if sees else None
            return Gate(make(W, rng, (H, width), dtype), make(U, rng, (H, P), dtype), make(b, rng, (H,), dtype), p)

        i, f, g, o = map(gate, "ifgo")
        R = make("by-width", rng, (P, H), dtype) if form.projection else None
        return Parameters(i, None if form.kind in WITHOUT_FORGET_GATE else f, g, o, R)

    rows = tuple(tuple(parameters(D * P if layer else I) for _ in range(D)) for layer in range(layers))
    state = State(make(h, rng, (layers * D, B, P), dtype), make(c, rng, (layers * D, B, H), dtype))
    lengths = _lengths(form.lengths, T, B, rng)
    variant = Variant(form.kind, form.clip)
    return Problem(rows, make(x, rng, (T, B, I), dtype), state, lengths, variant, form.directions)


def _lengths(wish: str, T: int, B: int, rng: np.random.Generator) -> Array | None:
    if not wish:
        return None
    lengths = np.full(B, T, np.int64)
    if wish in ("any", "zeros"):
        lengths = rng.integers(min(T, 1), T + 1, B)
        lengths[rng.integers(B)] = T if wish == "any" else 0
    if wish == "nothing":
        lengths[:] = 0
    return frozen(lengths)


def of_what_is_claimed(of: Recipe) -> Recipe:
    """What `of` draws, for backends that claim anything beyond the core."""

    def recipe(context: Context) -> st.SearchStrategy[Any]:
        if not context.description.features & BEYOND:
            raise NotClaimed("it claims nothing beyond the core")
        return of(context)

    return recipe


def network_questions(of: Recipe, **kinds: str) -> Recipe:
    """Problems with cotangents for everything they answer, beyond the lengths, too, where those are to be ignored."""
    table = {**USUAL, **kinds}

    def recipe(context: Context) -> st.SearchStrategy[Question]:
        drawn = st.tuples(*(st.sampled_from(table[k].split()) for k in ("dy", "dh", "dc")))
        return st.builds(lambda problem, k, seed: Question(problem, loss(problem, k, seed)), of(context), drawn, SEEDS)

    return recipe


def loss(problem: Problem, kinds: tuple[str, ...], seed: int) -> Cotangents:
    """Cotangents of these kinds, for y, h_T and c_T."""
    T, B, _, _ = problem.sizes
    rng = np.random.default_rng(seed + 1)
    shapes = ((T, B, len(problem.directions) * problem.P), *(a.shape for a in problem.state))
    dy, dh, dc = (make(kind, rng, shape, problem.dtype) for kind, shape in zip(kinds, shapes, strict=True))
    return Cotangents(dy, State(dh, dc))


def poisoned(problem: Problem, seed: int) -> Problem:
    """The problem with NaN and infinities in its padding."""
    assert problem.lengths is not None
    rng, x = np.random.default_rng(seed), problem.x.copy()
    beyond = np.arange(len(x))[:, None] >= problem.lengths
    x[beyond] = rng.choice([np.nan, np.inf, -np.inf], x[beyond].shape)
    return replace(problem, x=frozen(x))
