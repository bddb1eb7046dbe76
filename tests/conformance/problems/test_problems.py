"""Problems are drawn asymmetric, honour shapes, and go past the usual block boundaries."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from conformance.outcome import NotClaimed
from conformance.problems.fillings import FILLINGS, make_array
from conformance.problems.question import Context, redraw_numbers, with_gates
from conformance.problems.recipes import problems, questions, splits, tame_problems
from conformance.problems.sizes import REACHES, SMALL
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import Description, Problem, Shapes, at_most, multiple_of, pack

FLOAT32 = np.dtype("float32")


@cache
def any_problems(count: int, reach: str = "standard") -> list[Problem]:
    return drawn(problems(), count, reach)


def drawn(recipe: Any, count: int = 200, reach: str = "standard", shapes: Shapes | None = None) -> list[Any]:
    """Examples of a recipe, as the runner would make them."""
    found: list[Any] = []
    context = Context(FLOAT32, Description(shapes=shapes or Shapes()), reach)

    @seed(1)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(recipe(context))
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def share(examples: list[Any], holds: Callable[[Any], Any]) -> float:
    return float(np.mean([bool(holds(example)) for example in examples]))


def test_most_problems_are_asymmetric() -> None:
    found = any_problems(400)
    assert share(found, lambda p: p.sizes[0] >= 2 and p.sizes[1] >= 2) > 0.5
    assert share(found, lambda p: p.sizes[2] != p.sizes[3]) > 0.6
    assert share(found, lambda p: p.state.h.any() and p.state.c.any()) > 0.6
    assert share(found, lambda p: len({gate.b.tobytes() for gate in p.layer[:4]}) == 4) > 0.5
    assert share(found, lambda p: any((gate.U != gate.U.T).any() for gate in p.layer[:4])) > 0.5


def test_some_problems_are_square_where_a_transposed_matrix_would_fit() -> None:
    found = any_problems(400)
    assert share(found, lambda p: p.sizes[2] == p.sizes[3] > 1 and p.sizes[0] == p.sizes[1] > 1) > 0.02


@pytest.mark.parametrize("letter", "TBIH")
def test_each_size_passes_the_usual_block_boundaries_but_in_quick(letter: str) -> None:
    k = "TBIH".index(letter)
    assert max(p.sizes[k] for p in any_problems(400)) > 128
    assert max(p.sizes[k] for p in any_problems(200, "quick")) <= 65
    assert max(REACHES["standard"].large["T"]) > 512


def test_one_large_size_at_a_time() -> None:
    for problem in any_problems(400):
        T, B, _, H = problem.sizes
        assert sum(n > max(SMALL[k]) for n, k in zip(problem.sizes, "TBIH", strict=True)) <= 1
        assert T * B * H <= 2**18


def test_shapes_are_honoured() -> None:
    shapes = Shapes(T=at_most(64), B=range(2, 5), I=range(3, 4), H=multiple_of(8))
    for problem in drawn(problems(), shapes=shapes) + drawn(tame_problems(), 60, shapes=shapes):
        T, B, I, H = problem.sizes
        assert 1 <= T <= 64 and 2 <= B <= 4 and I == 3 and H % 8 == 0


def test_a_sequence_is_cut_where_both_parts_have_an_allowed_length() -> None:
    for split in drawn(splits(problems, T=(2, 4, 8, 16)), 60, shapes=Shapes(T=multiple_of(4))):
        assert split.at % 4 == 0 and len(split.whole.x) % 4 == 0 and 0 < split.at < len(split.whole.x)


@pytest.mark.parametrize(
    ("recipe", "shapes", "reason"),
    [
        (problems(T=1), Shapes(T=range(2, 9)), "its shapes exclude T = 1"),
        (problems(T=(2, 3)), Shapes(T=range(1, 2)), "its shapes leave no T of at least 2"),
        (splits(problems, T=(2, 3)), Shapes(T=range(3, 4)), "its shapes leave no sequence that can be cut in two"),
        (problems(), Shapes(H=range(0)), "its shapes leave no H of at least 1"),
    ],
)
def test_what_the_shapes_exclude_is_not_claimed(recipe: Any, shapes: Shapes, reason: str) -> None:
    with pytest.raises(NotClaimed, match=reason):
        drawn(recipe, 1, shapes=shapes)


@pytest.mark.parametrize("kind", FILLINGS)
def test_no_kind_makes_a_subnormal_number_or_one_that_is_not_finite(kind: str) -> None:
    a = make_array(kind, np.random.default_rng(0), (40, 50), FLOAT32)
    assert np.isfinite(a).all() and not a.flags.writeable
    assert ((a == 0) | (np.abs(a) >= np.finfo(np.float32).tiny)).all()


def test_the_same_draw_makes_the_same_problem() -> None:
    one, two = (drawn(questions(problems()), 20) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert a.problem.x.tobytes() == b.problem.x.tobytes() and a.d.y.tobytes() == b.d.y.tobytes()


def test_tame_problems_stay_tame() -> None:
    model = Context(FLOAT32, Description()).model
    for problem in drawn(tame_problems(), 60):
        assert free_trajectory(problem, model).h.error.max() <= 1e-2 / 64


def test_a_redrawn_problem_has_the_same_shapes_and_other_numbers() -> None:
    problem = drawn(problems(T=3, B=2, I=3, H=4), 1)[0]
    other = redraw_numbers(problem, 5)
    assert other.sizes == problem.sizes and other.dtype == problem.dtype
    assert not np.array_equal(pack(other.layer).W, pack(problem.layer).W)


def test_gates_are_changed_one_by_one() -> None:
    problem: Problem = drawn(problems(T=1, B=1, I=2, H=2), 1)[0]
    changed = with_gates(problem, lambda k, gate: gate._replace(b=gate.b + "ifgo".index(k)))
    assert [float((c.b - g.b)[0]) for c, g in zip(changed.layer[:4], problem.layer[:4], strict=True)] == [0, 1, 2, 3]
