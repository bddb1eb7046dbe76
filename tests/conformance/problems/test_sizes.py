"""Sizes honour the shapes of a backend, and pass the usual block boundaries one at a time."""

from dataclasses import replace
from typing import Any

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.outcome import NotClaimed, Outcome
from conformance.problems.question import problem_of
from conformance.problems.recipes import networks, problems, splits, tame_problems
from conformance.problems.sizes import REACHES, nearest_sizes
from conformance.problems.strikes import leave_a_seat
from conformance.property import PROPERTIES
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from lstm_spec import Feature, Problem, Shapes, at_most, multiple_of
from tests.helpers.examples import draw_examples, share_of
from tests.helpers.specimens import restricted


@pytest.mark.parametrize("recipe", [problems(), networks()], ids=["plain", "network"])
@pytest.mark.parametrize("letter", "TBIH")
def test_each_size_is_large_and_has_every_residue(letter: str, recipe: Any) -> None:
    found = [p.sizes["TBIH".index(letter)] for p in draw_examples(recipe, 600)]
    assert max(found) > 128 and {n % 8 for n in found if n > 8} == set(range(8))
    assert max(p.sizes["TBIH".index(letter)] for p in draw_examples(recipe, 200, "quick")) <= 65
    assert REACHES["full"].alone[letter].stop > REACHES["standard"].alone[letter].stop > 128


def test_several_sizes_are_large_together() -> None:
    found = [tuple(k for k, n in zip("TBIH", p.sizes, strict=True) if n > 9) for p in draw_examples(problems(), 400)]
    assert {("T", "B"), ("T", "H"), ("B", "H"), ("I", "H"), ("B", "I"), ("T",), ("B",), ("I",), ("H",), ()} <= set(
        found
    )


def test_a_range_is_drawn_log_uniformly() -> None:
    found = [p.sizes[0] for p in draw_examples(problems(T=range(100, 10_001), B=1, I=1, H=1), 300)]
    assert min(found) >= 100 and max(found) <= 10_000
    assert 0.35 < share_of(found, lambda T: T < 1000) < 0.65


@pytest.mark.parametrize("recipe", [problems(), tame_problems(), networks()], ids=["plain", "tame", "network"])
def test_shapes_are_honoured(recipe: Any) -> None:
    shapes = Shapes(T=at_most(64), B=range(2, 5), I=range(3, 4), H=multiple_of(8))
    for problem in draw_examples(recipe, 100, shapes=shapes):
        T, B, I, H = problem.sizes
        assert 1 <= T <= 64 and 2 <= B <= 4 and I == 3 and H % 8 == 0


@pytest.mark.parametrize(
    ("recipe", "shapes", "reason"),
    [
        (problems(T=1), Shapes(T=range(2, 9)), "its shapes exclude T = 1"),
        (networks(T=1), Shapes(T=range(2, 9)), "its shapes exclude T = 1"),
        (networks(T=0), Shapes(T=range(1, 9)), "its shapes exclude T = 0"),
        (problems(T=(2, 3), several="T"), Shapes(T=range(1, 2)), "its shapes leave no T of at least 2"),
        (networks(several="B"), Shapes(B=at_most(1)), "its shapes leave no B of at least 2"),
        (leave_a_seat(problems()), Shapes(B=at_most(1)), "its shapes leave no B of at least 2"),
        (splits(problems, T=(2, 3)), Shapes(T=range(3, 4)), "its shapes leave no sequence that can be cut in two"),
        (problems(), Shapes(H=range(0)), "its shapes leave no H of at least 1"),
    ],
)
def test_what_the_shapes_exclude_is_not_claimed(recipe: Any, shapes: Shapes, reason: str) -> None:
    with pytest.raises(NotClaimed, match=reason):
        draw_examples(recipe, 1, shapes=shapes)


def test_a_size_that_is_given_is_not_replaced_by_another() -> None:
    found: list[Problem] = draw_examples(problems(T=7, B=0), 20) + draw_examples(networks(T=7, B=0), 20)
    assert {problem.sizes[:2] for problem in found} == {(7, 0)}


@pytest.mark.parametrize("recipe", [problems, networks])
def test_a_size_of_0_makes_no_other_size_0(recipe: Any) -> None:
    """Sizes are made equal at times, but an empty batch is not an empty sequence: a library may do one of the two."""
    drawn = [problem for B in (0, (0, 2)) for problem in draw_examples(recipe(B=B), 60, "full")]
    assert any(problem.sizes[1] == 0 for problem in drawn)
    assert all(problem.sizes[0] > 0 for problem in drawn)


def test_no_recipe_draws_an_empty_problem_that_neither_the_backend_claims_nor_the_property_needs() -> None:
    empty = {"T": Feature.EMPTY_SEQUENCE, "B": Feature.EMPTY_BATCH}
    for on, needs in {prop.on: prop.features for prop in PROPERTIES}.items():
        unclaimed = set(empty.values()) - set(needs)
        for example in draw_examples(on, 10, "quick", features=frozenset(Feature) - unclaimed):
            sizes = dict(zip("TBIH", problem_of(example).sizes, strict=True))
            assert all(n > 0 or empty[letter] in needs for letter, n in sizes.items())


def test_a_projection_to_fewer_units_is_not_claimed_if_the_shapes_leave_one() -> None:
    with pytest.raises(NotClaimed, match="its shapes leave no H of at least 2, as a projection"):
        draw_examples(networks(projection="narrow"), 1, shapes=Shapes(H=at_most(1)), features=frozenset(Feature))


def test_no_property_asks_for_a_size_that_the_shapes_exclude() -> None:
    """The backend raises outside of its shapes, which would be a verdict of its own."""
    odd = restricted("odd", Shapes(T=range(3, 9, 2), B=range(4, 9, 4), I=range(2, 40), H=range(1, 9, 3)))
    profile = replace(PROFILES["quick"], examples=3, long_examples=1, beyond_core_examples=3)
    verdicts = [judge_property(prop, odd, "float32", profile, shrink=False) for prop in PROPERTIES]
    assert [v.property.name for v in verdicts if v.outcome in (Outcome.ERRORED, Outcome.SUITE_ERROR)] == []


@pytest.mark.parametrize("recipe", [problems(), problems(T=(2, 3)), tame_problems(), networks()])
def test_one_of_everything_is_drawn_if_the_shapes_allow_no_more(recipe: Any) -> None:
    one = range(1, 2)
    found: list[Problem] = draw_examples(recipe, 10, shapes=Shapes(one, one, one, one))
    assert {problem.sizes for problem in found} == {(1, 1, 1, 1)}


@pytest.mark.parametrize(
    ("wanted", "allowed", "nearest"),
    [
        ((1, 2, 33), range(2**20), (1, 2, 33)),
        ((1, 7, 33), range(4, 21, 4), (4, 8, 20)),
        ((2, 3), range(1, 9), (2, 3)),
        ((3, 5), range(0, 2**20, 8), (8, 8)),
    ],
)
def test_the_nearest_allowed_sizes_are_positive(
    wanted: tuple[int, ...], allowed: range, nearest: tuple[int, ...]
) -> None:
    assert nearest_sizes("H", wanted, allowed) == nearest
