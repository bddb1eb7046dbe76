"""Sizes honour the shapes of a backend, and pass the usual block boundaries one at a time."""

from typing import Any

import pytest

from conformance.outcome import NotClaimed
from conformance.problems.recipes import networks, problems, splits, tame_problems
from conformance.problems.sizes import REACHES, SMALL, nearest_sizes
from lstm_spec import Problem, Shapes, at_most, multiple_of
from tests.helpers.examples import draw_examples, share_of


def test_some_problems_are_square_so_that_a_transposed_matrix_would_fit() -> None:
    found = draw_examples(problems())
    assert share_of(found, lambda p: p.sizes[2] == p.sizes[3] > 1 and p.sizes[0] == p.sizes[1] > 1) > 0.02


@pytest.mark.parametrize("letter", "TBIH")
def test_each_size_passes_the_usual_block_boundaries_but_in_quick(letter: str) -> None:
    k = "TBIH".index(letter)
    assert max(p.sizes[k] for p in draw_examples(problems(), 400)) > 128
    assert max(p.sizes[k] for p in draw_examples(problems(), 200, "quick")) <= 65
    assert max(REACHES["standard"].large["T"]) > 512


def test_one_large_size_at_a_time() -> None:
    for problem in draw_examples(problems(), 300):
        T, B, _, H = problem.sizes
        assert sum(n > max(SMALL[k]) for n, k in zip(problem.sizes, "TBIH", strict=True)) <= 1
        assert T * B * H <= 2**18


@pytest.mark.parametrize("letter", "TBIH")
def test_each_size_of_a_network_is_large_at_times_but_in_quick(letter: str) -> None:
    k = "TBIH".index(letter)
    assert max(p.sizes[k] for p in draw_examples(networks(), 200)) >= 33
    assert max(p.sizes[k] for p in draw_examples(networks(), 100, "quick")) <= 9


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
        (problems(T=(2, 3)), Shapes(T=range(1, 2)), "its shapes leave no T of at least 2"),
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
