"""Examples of a recipe, drawn as the runner draws them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conformance.problems.question import Context, Listing, Recipe, Rows
from conformance.run.profiles import PROFILES
from conformance.run.search import draw_from_the_seed
from lstm_spec import Description, Feature, Shapes

FLOAT32 = np.dtype("float32")


def describe_context(
    reach: str = "standard", shapes: Shapes | None = None, features: frozenset[Feature] = frozenset()
) -> Context:
    """A backend that claims these features, has these shapes, and is judged by this profile at float32."""
    return Context(FLOAT32, Description(features=features, shapes=shapes or Shapes()), reach)


def make_strategy(examples: Any) -> st.SearchStrategy[Any]:
    """Any of the examples of a recipe, rows or not."""
    return st.sampled_from(range(examples.many)).map(examples.build) if isinstance(examples, Rows) else examples


def draw_examples(
    recipe: Recipe | Listing,
    count: int = 200,
    reach: str = "standard",
    shapes: Shapes | None = None,
    features: frozenset[Feature] = frozenset(),
) -> list[Any]:
    """The first examples of a recipe. Raises NotClaimed if the recipe does."""
    found: list[Any] = []
    strategy = make_strategy(recipe(describe_context(reach, shapes, features)))

    @seed(1)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    with draw_from_the_seed():
        collect()
    return found


def share_of(examples: list[Any], holds: Callable[[Any], Any]) -> float:
    """The share of the examples for which something holds."""
    return float(np.mean([bool(holds(example)) for example in examples]))


def ask_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the core gets one example in `quick`, for a test of what is said of a whole run."""
    monkeypatch.setitem(PROFILES, "quick", replace(PROFILES["quick"], beyond_core_examples=1))
