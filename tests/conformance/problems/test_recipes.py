"""Problems are drawn asymmetric, dense and different in every gate, of every form that a backend claims."""

from typing import Any

import numpy as np
import pytest

from conformance.arrays import fingerprint
from conformance.outcome import NotClaimed
from conformance.problems.covering import BREADTHS
from conformance.problems.derived import (
    by_reach,
    first_that_fits,
    if_more_than_the_core_is_claimed,
    if_single_steps_are_allowed,
    with_seed,
)
from conformance.problems.form import ANYTHING, BEYOND, BOTH, FORWARD, REVERSE, Form, form_of
from conformance.problems.network_rows import choose_form
from conformance.problems.recipes import large_problems, networks, problems, questions, splits, tame_problems
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import Feature, Problem, Shapes, multiple_of
from lstm_spec.variants import KINDS
from tests.helpers.examples import describe_context, draw_examples, share_of

EVERYTHING = frozenset(Feature)
UNKNOWN: dict[str, Any] = {"letter": 2}


def test_most_problems_are_asymmetric() -> None:
    found = draw_examples(problems())
    assert share_of(found, lambda p: p.sizes[0] >= 2 and p.sizes[1] >= 2) > 0.5
    assert share_of(found, lambda p: p.sizes[2] != p.sizes[3]) > 0.6
    assert share_of(found, lambda p: p.state.h.any() and p.state.c.any()) > 0.6
    assert share_of(found, lambda p: len({gate.b.tobytes() for gate in p.layer.gates.values()}) == 4) > 0.5
    assert share_of(found, lambda p: any((gate.U != gate.U.T).any() for gate in p.layer.gates.values())) > 0.5


def test_the_same_draw_makes_the_same_example() -> None:
    for recipe in (questions(problems()), questions(networks(**ANYTHING))):
        one, two = (draw_examples(recipe, 20, features=EVERYTHING) for _ in range(2))
        assert list(map(fingerprint, one)) == list(map(fingerprint, two))


@pytest.mark.parametrize("recipe", [problems(), tame_problems(), large_problems()], ids=["any", "tame", "large"])
def test_plain_problems_have_the_plain_form(recipe: Any) -> None:
    assert {form_of(problem) for problem in draw_examples(recipe, 20, features=EVERYTHING)} == {Form()}


def test_a_network_of_which_nothing_is_given_is_a_plain_problem() -> None:
    assert {form_of(problem) for problem in draw_examples(networks(), 20, features=EVERYTHING)} == {Form()}


def test_tame_problems_stay_tame() -> None:
    model = describe_context().model
    for problem in draw_examples(tame_problems(T=12, U="very-wide"), 30):
        assert free_trajectory(problem, model).h.error.max() <= 1e-2 / 64


# ---------------------------------------------------------------- networks


def test_everything_that_is_claimed_is_drawn() -> None:
    forms = [form_of(problem) for problem in draw_examples(networks(**ANYTHING), 300, features=EVERYTHING)]
    assert {form.kind for form in forms} == set(KINDS) and {form.layers for form in forms} == {1, 2, 3}
    assert {form.directions for form in forms} == {FORWARD, REVERSE, BOTH}
    assert {form.projection for form in forms} == {"", "narrow", "full"}
    assert {feature for form in forms for feature in form.features} == BEYOND


@pytest.mark.parametrize("missing", sorted(BEYOND))
def test_what_is_not_claimed_is_not_drawn(missing: Feature) -> None:
    claimed = EVERYTHING - {missing}
    for problem in draw_examples(networks(**ANYTHING), 60, features=claimed):
        assert form_of(problem).features <= claimed


def test_a_form_that_is_not_claimed_at_all_is_named() -> None:
    with pytest.raises(NotClaimed, match="it does not claim coupled"):
        draw_examples(networks(kind="coupled"), 1, features=EVERYTHING - {Feature.COUPLED})


def test_one_value_or_several_may_be_given_for_directions() -> None:
    one = draw_examples(networks(directions=BOTH), 20, features=EVERYTHING)
    several = draw_examples(networks(directions=(FORWARD, BOTH)), 40, features=EVERYTHING)
    assert {problem.directions for problem in one} == {BOTH}
    assert {problem.directions for problem in several} == {FORWARD, BOTH}


def test_a_field_that_no_form_has_is_refused() -> None:
    with pytest.raises(TypeError, match="letter"):
        draw_examples(networks(**UNKNOWN), 1, features=EVERYTHING)


# ---------------------------------------------------------------- recipes from recipes


@pytest.mark.parametrize("of", [problems(), networks(directions=BOTH, layers=2, projection="narrow", T=2)])
def test_a_question_has_a_cotangent_for_each_number_of_the_answer(of: Any) -> None:
    for problem, d in draw_examples(questions(of, dy="dense", dh="dense", dc="zero"), 10, features=EVERYTHING):
        T, B, _, _ = problem.sizes
        assert d.y.shape == (T, B, len(problem.directions) * problem.P) and d.y.any()
        assert [a.shape for a in d.state] == [a.shape for a in problem.state]
        assert d.state.h.any() and not d.state.c.any()


def test_a_sequence_is_cut_so_that_both_parts_have_an_allowed_length() -> None:
    for split in draw_examples(splits(problems, T=(2, 4, 8, 16)), 60, shapes=Shapes(T=multiple_of(4))):
        assert split.at % 4 == 0 and len(split.whole.x) % 4 == 0 and 0 < split.at < len(split.whole.x)


def test_a_sequence_may_be_cut_though_the_shapes_do_not_allow_the_whole() -> None:
    one = Shapes(T=range(1, 2))
    assert {len(split.whole.x) for split in draw_examples(splits(problems, T=(2, 3), whole=False), 5, shapes=one)} == {
        2
    }
    with pytest.raises(NotClaimed, match="its shapes leave no T of at least 2"):
        draw_examples(splits(problems, T=(2, 3)), 1, shapes=one)


def test_the_first_recipe_that_fits_is_taken() -> None:
    recipe = first_that_fits(problems(T=2), problems(T=3), problems(T=4))
    lengths = [draw_examples(recipe, 1, shapes=Shapes(T=range(n, 9)))[0].sizes[0] for n in (1, 3, 4)]
    assert lengths == [2, 3, 4]
    with pytest.raises(NotClaimed, match="its shapes exclude T = 4"):
        draw_examples(recipe, 1, shapes=Shapes(T=range(5, 9)))


def test_another_recipe_may_be_used_at_a_reach() -> None:
    recipe = by_reach(problems(T=2), full=problems(T=3))
    lengths = {reach: draw_examples(recipe, 1, reach)[0].sizes[0] for reach in ("quick", "standard", "full", "soak")}
    assert lengths == {"quick": 2, "standard": 2, "full": 3, "soak": 2}


def test_a_condition_on_the_backend_is_not_claimed_if_it_does_not_hold() -> None:
    assert len(draw_examples(if_single_steps_are_allowed(problems()), 5)) == 5
    assert len(draw_examples(if_more_than_the_core_is_claimed(problems()), 5, features=EVERYTHING)) == 5
    with pytest.raises(NotClaimed, match="its shapes exclude T = 1"):
        draw_examples(if_single_steps_are_allowed(problems()), 1, shapes=Shapes(T=multiple_of(2)))
    with pytest.raises(NotClaimed, match="it claims nothing beyond the core"):
        draw_examples(if_more_than_the_core_is_claimed(problems()), 1)


def test_a_seed_is_drawn_beside_an_example() -> None:
    seeds = [number for problem, number in draw_examples(with_seed(problems(T=1)), 20) if isinstance(problem, Problem)]
    assert len(np.unique(seeds)) > 10


@pytest.mark.parametrize("fixed", [{}, {"directions": BOTH}, {"layers": (2, 3)}])
def test_gradients_of_a_drawn_network_take_no_longer_than_those_of_a_row(fixed: dict[str, Any]) -> None:
    """What is too much work has fewer layers or directions, as few as are wanted."""
    of, work = networks(**{**ANYTHING, **fixed}), BREADTHS["standard"].work
    least = Form(min(fixed.get("layers", (1,))), fixed.get("directions", FORWARD))

    def is_too_much(problem: Problem) -> bool:
        return choose_form(problem.sizes, (form_of(problem),), work) is None

    asked = [q.problem for q in draw_examples(questions(of), 150, features=EVERYTHING)]
    alone = draw_examples(of, 150, features=EVERYTHING)
    assert sum(map(is_too_much, alone)) > 3
    for problem in filter(is_too_much, asked):
        assert (len(problem.parameters), problem.directions) == (least.layers, least.directions)
    assert {len(p.parameters) for p in asked} == {len(p.parameters) for p in alone}
