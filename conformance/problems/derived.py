"""Recipes from recipes: the same examples on a condition, at some reaches, or each with something besides."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from conformance.outcome import NotClaimed
from conformance.problems.form import BEYOND
from conformance.problems.question import Context, Examples, Pool, Recipe
from conformance.problems.recipes import SEEDS
from conformance.problems.sizes import SHARED


def if_single_steps_are_allowed(of: Recipe) -> Recipe:
    """The examples of the recipe, for backends whose shapes include T = 1."""
    return _only_if(lambda context: 1 in context.description.shapes.T, "its shapes exclude T = 1", of)


def if_more_than_the_core_is_claimed(of: Callable[[Context], Examples]) -> Callable[[Context], Examples]:
    """The examples of the recipe, for backends that claim a form beyond the core."""
    return _only_if(lambda context: BEYOND & context.description.features, "it claims nothing beyond the core", of)


def _only_if(
    holds: Callable[[Context], Any], reason: str, of: Callable[[Context], Examples]
) -> Callable[[Context], Examples]:
    def recipe(context: Context) -> Examples:
        if not holds(context):
            raise NotClaimed(reason)
        return of(context)

    return recipe


def first_that_fits(*of: Recipe) -> Recipe:
    """The examples of the first recipe that is claimed and that the shapes allow; NotClaimed if there is none."""

    def recipe(context: Context) -> st.SearchStrategy[Any]:
        for one in of[:-1]:
            with suppress(NotClaimed):
                return one(context)
        return of[-1](context)

    return recipe


def by_reach(of: Recipe, **at: Recipe) -> Recipe:
    """The examples of the recipe, and others at some reaches: `by_reach(problems(), full=problems(T=10_000))`."""
    return lambda context: at.get(context.reach, of)(context)


def of_few_sizes(of: Recipe, pool: Pool = SHARED) -> Recipe:
    """The examples of the recipe, of a pool of sizes if it compiles: what is asked besides has a size of its own."""
    return lambda context: of(replace(context, pool=pool))


def with_seed(of: Recipe) -> Recipe:
    """Each example of the recipe together with a seed for the property's own choices."""
    return lambda context: st.tuples(of(context), SEEDS)
