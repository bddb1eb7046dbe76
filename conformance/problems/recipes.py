"""Where examples come from: Hypothesis strategies for whole problems.

A problem is a form, four sizes, a *filling* per array and a seed. Lists begin with what is simplest, because examples
shrink to it; most arrays are dense, and gates differ from each other. `Shapes` is honoured by construction.

A recipe is a function from a Context to a strategy; only the runner turns it into examples.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache, partial
from itertools import product
from math import inf, prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.outcome import NotClaimed
from conformance.problems.build import build_loss, build_problem, tame_problem
from conformance.problems.covering import BREADTHS
from conformance.problems.fillings import MIX, TAME, USUAL
from conformance.problems.form import Form
from conformance.problems.network_rows import choose_form
from conformance.problems.question import Context, Question, Recipe, Split
from conformance.problems.sizes import LARGE, RELATED, SMALL, Size, draw_sizes, find_projectable_units, nearest_sizes
from lstm_spec import Problem, at_most

ANY_SCALE = "zero one-hot sparse mixed small by-width dense dense wide very-wide"  # of weights, from 1e-3 to 12
SEEDS = st.integers(0, 2**32 - 1)
PLAIN = st.just(Form())
PATTERNS = 120  # of fillings; Hypothesis draws from more with a bias to the first


# ---------------------------------------------------------------- problems


def problems(
    T: Size = None, B: Size = None, I: Size = None, H: Size = None, several: str = "", **fillings: str
) -> Recipe:
    """Plain problems of any shape; one size or several may be given, and the fillings of an array by its letter.

    If the shapes exclude the sizes, the nearest ones are drawn; those whose letters are in `several` are at least 2.
    """

    def recipe(context: Context) -> st.SearchStrategy[Problem]:
        sizes = draw_sizes(context, {"T": T, "B": B, "I": I, "H": H}, several)
        table = {**(MIX if context.reach == "soak" else USUAL), **fillings}
        return _draw_problems(context, PLAIN, sizes, table)

    return recipe


def networks(
    T: Size = None,
    B: Size = None,
    I: Size = None,
    H: Size = None,
    several: str = "",
    fillings: dict[str, str] | None = None,
    **form: Any,
) -> Recipe:
    """Problems of these forms, as far as the backend claims them: one value or several for each field of a Form.

    A field that is not given is that of a plain problem, and an array without a filling has any. Sizes are as in
    `problems`. Example: `networks(layers=(2, 3), T=1)`. Where gradients would take too long, there are fewer layers or
    directions.
    """

    def recipe(context: Context) -> st.SearchStrategy[Problem]:
        sizes = draw_sizes(context, {"T": T, "B": B, "I": I, "H": H}, several, is_plain=not form)
        claimed = _list_claimed(context, form)
        work = BREADTHS[context.reach].work if context.with_loss else inf

        def lighten(form: Form, sizes: tuple[int, ...]) -> Form:
            layers, directions = min(claimed["layers"]), min(claimed["directions"], key=len)
            lighter = (replace(form, layers=layers), replace(form, layers=layers, directions=directions))
            return choose_form(sizes, (form, *lighter), work) or lighter[-1]

        forms = st.builds(Form, **{name: st.sampled_from(values) for name, values in claimed.items()})
        return _draw_problems(context, forms, sizes, {**USUAL, **(fillings or {})}, lighten)

    return recipe


def _draw_problems(
    context: Context,
    forms: st.SearchStrategy[Form],
    sizes: st.SearchStrategy[tuple[int, ...]],
    table: dict[str, str],
    lighten: Callable[[Form, tuple[int, ...]], Form] = lambda form, sizes: form,
) -> st.SearchStrategy[Problem]:
    fillings, widened = _draw_fillings(table, "x", "W", "U", "b", "h", "c"), find_projectable_units(context)

    def build(form: Form, sizes: tuple[int, ...], fillings: tuple[str, ...], seed: int) -> Problem:
        return build_problem(context.dtype, lighten(form, sizes), sizes, fillings, seed, widened)

    return st.builds(build, forms, sizes, fillings, SEEDS)


def _draw_fillings(table: dict[str, str], *letters: str) -> st.SearchStrategy[tuple[str, ...]]:
    """The fillings of all these arrays by one draw: a draw for each would cost more than the numbers themselves."""
    return st.sampled_from(_list_patterns(*(table[letter] for letter in letters)))


@cache  # every recipe lists them again, and most have the same fillings
def _list_patterns(*fillings: str) -> tuple[tuple[str, ...], ...]:
    shares = [names.split() for names in fillings]
    if prod(map(len, shares)) <= PATTERNS:
        ranks = list(product(*(range(len(share)) for share in shares)))
    else:
        rng = np.random.default_rng(0)
        ranks = [tuple(int(rng.integers(len(share))) for share in shares) for _ in range(PATTERNS)]
    patterns = (tuple(share[k] for share, k in zip(shares, rank, strict=True)) for rank in sorted(ranks, key=sum))
    return tuple(patterns)


def _list_claimed(context: Context, form: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The given values of each field of a form that the backend claims. Raises NotClaimed if it claims none of one."""
    wanted = {**vars(Form()), **form}
    several = {name: value if _is_several(name, value) else (value,) for name, value in wanted.items()}
    return {name: _claimed_values(name, values, context) for name, values in several.items()}


def _is_several(name: str, value: Any) -> bool:
    """Whether the value is a tuple of choices; one choice of directions is a tuple itself."""
    return isinstance(value, tuple) and not (name == "directions" and isinstance(value[0], str))


def _claimed_values(name: str, values: tuple[Any, ...], context: Context) -> tuple[Any, ...]:
    claims = context.description.features
    claimed = tuple(value for value in values if Form(**{name: value}).features <= claims)
    if not claimed:
        missing = sorted(Form(**{name: values[0]}).features - claims)
        raise NotClaimed(f"it does not claim {', '.join(missing)}")
    if not (fitting := tuple(value for value in claimed if value != "narrow" or find_projectable_units(context))):
        raise NotClaimed("its shapes leave no H of at least 2, as a projection to fewer units needs")
    return fitting


TOGETHER: tuple[dict[str, Size], ...] = (  # one size past the larger blocks, or several past the smaller ones
    {"H": range(129, 520)},
    {"B": range(129, 520)},
    {"I": range(129, 1040)},
    {"B": range(33, 160), "H": range(33, 160)},
    {"B": range(33, 160), "I": range(33, 160)},
    {"I": range(33, 160), "H": range(33, 160)},
    {"T": range(65, 260), "H": range(17, 65)},
    {"T": range(65, 260), "B": range(17, 65)},
    {"B": range(17, 65), "I": range(17, 65), "H": range(17, 65)},
)


def large_problems() -> Recipe:
    """Dense problems in which one size is very large, or several are large together."""
    small = {k: sizes[:4] for k, sizes in SMALL.items()}
    dense: dict[str, Any] = {
        "x": "dense",
        "W": "dense by-width",
        "U": "by-width dense",
        "b": "dense",
        "h": "within-1",
        "c": "dense",
    }
    given: list[dict[str, Any]] = [{**small, **large, **dense} for large in TOGETHER]

    def recipe(context: Context) -> st.SearchStrategy[Problem]:
        if context.description.compiles:
            return problems(**dense)(replace(context, pool=LARGE))
        return st.one_of([problems(**one)(context) for one in given])

    return recipe


def tame_problems(
    T: Size = None, B: Size = None, I: Size = None, H: Size = None, several: str = "", **fillings: str
) -> Recipe:
    """Short problems in which rounding stays small: U is halved until a free run is conclusive."""
    wanted = {"T": T, "B": B, "I": I, "H": H}
    given: dict[str, Any] = {k: SMALL[k] if size is None else size for k, size in wanted.items()} | TAME | fillings
    of = problems(several=several, **given)
    return lambda context: of(replace(context, reach="quick")).map(lambda drawn: tame_problem(drawn, context.model))


# ---------------------------------------------------------------- problems with a loss


def questions(of: Recipe, **fillings: str) -> Recipe:
    """Problems with cotangents of any filling, or of the given ones of dy, dh and dc."""
    cotangents = _draw_fillings({**USUAL, **fillings}, "dy", "dh", "dc")

    def ask(problem: Problem, drawn: tuple[str, ...], seed: int) -> Question:
        return Question(problem, build_loss(problem, drawn, seed))

    return lambda context: st.builds(ask, of(replace(context, with_loss=True)), cotangents, SEEDS)


def tame_questions(of: Recipe | None = None, **fillings: str) -> Recipe:
    """Tame problems with cotangents that are mostly dense."""
    return questions(of or tame_problems(), **{**TAME, **fillings})


def splits(of: Callable[..., Recipe], T: tuple[int, ...], whole: bool = True) -> Recipe:
    """Sequences with a place to cut them, so that both parts have a length that the shapes allow.

    Unless the `whole` is asked, too, it may have a length that they do not allow. For what compiles, all three have
    sizes that are asked anyway.
    """

    def recipe(context: Context) -> st.SearchStrategy[Split]:
        about, context = context.description, replace(context, pool=RELATED)
        allowed, lengths = about.shapes.T, T
        if whole or not any(_find_cuts(t, allowed) for t in T):
            lengths = nearest_sizes("T", T, allowed, 2)
        else:
            context = replace(context, description=replace(about, shapes=replace(about.shapes, T=at_most(max(T)))))
        lengths = tuple(t for t in lengths if _find_cuts(t, allowed))
        if not lengths:
            raise NotClaimed("its shapes leave no sequence that can be cut in two")
        asked = questions(of(T=lengths), dy="dense", dh="dense", dc="dense")(context)
        known = [one[0] for one in RELATED] if about.compiles else ()
        return st.builds(partial(_split_sequence, allowed, known), asked, SEEDS)

    return recipe


def _find_cuts(T: int, allowed: range) -> list[int]:
    return [k for k in range(1, T) if k in allowed and T - k in allowed]


def _split_sequence(allowed: range, known: Collection[int], question: Question, seed: int) -> Split:
    T = len(question.problem.x)
    cuts = _find_cuts(T, allowed)
    cuts = [k for k in cuts if k in known and T - k in known] or cuts
    return Split(question.problem, cuts[seed % len(cuts)], question.d)
