"""What every run asks, whatever its seed: counted, not sampled."""

from itertools import combinations, permutations

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Outcome
from conformance.problems.covering import (
    BREADTHS,
    FIELDS,
    STRUCTURES,
    Row,
    every_row,
    fit_row,
    list_network_rows,
    list_plain_rows,
    list_sizes,
    orthogonal_array,
)
from conformance.problems.form import BEYOND, BOTH, FORWARD, Form, form_of
from conformance.problems.question import Question, problem_of
from conformance.property import PROPERTIES
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from lstm_spec import Feature, Problem, Shapes, at_most, multiple_of
from tests.helpers.examples import describe_context, draw_examples

PROFILE_NAMES = ("quick", "standard", "full")
EVERYTHING = frozenset(Feature)
LETTERS = "TBIH"


@pytest.mark.parametrize("p", [2, 3, 5, 7, 11])
def test_any_two_columns_have_every_pair_once(p: int) -> None:
    rows = list(orthogonal_array(p))
    assert {len(row) for row in rows} == {p + 1}
    for one, two in combinations(range(p + 1), 2):
        assert len({(row[one], row[two]) for row in rows}) == len(rows) == p * p


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_every_residue_and_every_power_of_two_occurs(profile: str) -> None:
    breadth = BREADTHS[profile]
    for sizes in zip(*list_sizes(breadth), strict=True):
        assert {n % 32 for n in sizes if n <= 32} == set(range(32))
        assert breadth.blocks == 1 or {n % 32 for n in sizes if n > 32} == set(range(32))
        assert {1, 2, 4, 8, 16, 32, 64, 128, breadth.powers} <= set(sizes)
        assert max(n & -n for n in sizes if n <= 1024) == breadth.powers


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_any_two_sizes_are_equal_and_multiples_of_each_other(profile: str) -> None:
    rows = [dict(zip(LETTERS, sizes, strict=True)) for sizes in list_sizes(BREADTHS[profile])]
    for one, two in permutations(LETTERS, 2):
        others = [k for k in LETTERS if k not in (one, two)]
        for multiple in (1, 2, 3, 4):
            fitting = [row for row in rows if row[one] == multiple * row[two] and row[two] > 1]
            assert any(row[one] not in (row[k] for k in others) for row in fitting), (one, two, multiple)


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_any_two_sizes_are_past_128_together_and_any_three_are_large(profile: str) -> None:
    rows = [dict(zip(LETTERS, sizes, strict=True)) for sizes in list_sizes(BREADTHS[profile])]
    for pair in combinations(LETTERS, 2):
        assert any(all(row[k] > 128 for k in pair) for row in rows), pair
    for letters in combinations(LETTERS, 3):
        assert any(all(row[k] > 32 for k in letters) for row in rows), letters
    assert sum(row["T"] * row["B"] > 2**16 for row in rows) >= 2
    assert any(row["B"] * row["H"] > 2**16 for row in rows)


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_networks_are_long_wide_large_and_deep(profile: str) -> None:
    breadth = BREADTHS[profile]
    rows = list(list_network_rows(breadth))
    assert any(row.sizes[0] > 512 and row.form.lengths and len(row.form.directions) == 2 for row in rows)
    for k in range(4):
        assert any(row.sizes[k] > 128 and row.form.layers > 1 for row in rows), LETTERS[k]
        assert profile == "quick" or any(row.sizes[k] > 128 and row.form.projection for row in rows), LETTERS[k]
    assert {row.form.layers for row in rows} >= {1, 2, 3, 4, 5, 9}
    widths = [row.sizes for row in rows if len(row.sizes) == 5]
    assert all(any(sizes[k] == P for *sizes, P in widths) for k in range(3))  # T, B, I


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_any_two_choices_of_a_form_meet(profile: str) -> None:
    forms = [vars(row.form) for row in list_network_rows(BREADTHS[profile])]
    for one, two in combinations(FIELDS, 2):
        pairs = {(form[one], form[two]) for form in forms}
        assert {(a, b) for a in FIELDS[one] for b in FIELDS[two]} <= pairs


def test_full_goes_further_than_standard_and_standard_further_than_quick() -> None:
    for rows in (list_plain_rows, list_network_rows):
        found = [[row.sizes for row in rows(BREADTHS[profile])] for profile in PROFILE_NAMES]
        assert len(found[0]) < len(found[1]) <= len(found[2])
        largest = [
            [max(n for n in column if n < 70_000) for column in zip(*(s[:4] for s in of), strict=True)] for of in found
        ]
        assert all(a <= b < c for a, b, c in zip(*largest, strict=True)), largest


# ---------------------------------------------------------------- recipes


def test_every_row_is_tried_once_by_a_property_that_is_exhaustive() -> None:
    asked: list[bytes] = []
    (prop,) = (prop for prop in PROPERTIES if prop.name == "sizes_of_every_kind_are_read_alike")
    verdict = judge_property(
        prop, NUMPY, "float64", PROFILES["quick"], 3, lambda p: asked.append(p.x.tobytes() + p.layer.g.U.tobytes())
    )
    rows = {fit_row(row, describe_context("quick")) for row in list_plain_rows(BREADTHS["quick"])}
    assert verdict.outcome is Outcome.HOLDS and verdict.examples == len(asked) == len(set(asked)) == len(rows)


def test_numbers_with_structure_are_asked_of_every_form() -> None:
    problems = draw_examples(every_row(list_plain_rows), 1000, "quick")
    assert any(not p.state.h.any() and not p.state.c.any() and p.x.any() for p in problems)
    several: list[Problem] = [p for p in problems if p.x.shape[1] > 1 and p.x.shape[0] > 1 and p.x.any()]
    assert any((p.x == p.x[:, :1]).all() and (p.state.c == p.state.c[:, :1]).all() for p in several)
    assert any((p.x == p.x[:1]).all() and (p.x != p.x[:, :1]).any() for p in several)
    assert any(((p.x == 0) | (p.x == 1)).all() and (p.x.sum(axis=2) == 1).all() for p in several)
    assert len({row.fillings for row in list_network_rows(BREADTHS["quick"])}) >= 7 <= len(STRUCTURES)


def test_a_question_has_dense_cotangents() -> None:
    for problem, d in draw_examples(every_row(list_plain_rows, loss=True), 20, "quick"):
        assert d.y.all() and d.state.h.all() and d.state.c.all() and d.y.shape[:2] == problem.x.shape[:2]


def test_what_is_not_claimed_is_left_out_of_a_row() -> None:
    row = Row((3, 2, 5, 4), Form(2, BOTH, "peephole", "full", 0.7, "zeros"))
    claims = frozenset({Feature.LAYERS, Feature.PROJECTION, Feature.LENGTHS})
    context = describe_context(features=claims)
    assert fit_row(row, context).form == Form(2, FORWARD, projection="narrow", lengths="any")
    assert fit_row(row, describe_context()).form == Form()


@pytest.mark.parametrize("missing", sorted(BEYOND))
def test_no_row_has_a_form_that_is_not_claimed(missing: Feature) -> None:
    for problem in draw_examples(every_row(list_network_rows), 40, "quick", features=EVERYTHING - {missing}):
        assert form_of(problem).features <= EVERYTHING - {missing}


def test_rows_honour_the_shapes() -> None:
    shapes = Shapes(T=at_most(64), B=range(2, 5), I=range(3, 4), H=multiple_of(8))
    for problem in draw_examples(every_row(list_plain_rows), 400, "quick", shapes=shapes):
        T, B, I, H = problem.sizes
        assert 1 <= T <= 64 and 2 <= B <= 4 and I == 3 and H % 8 == 0


def test_a_projection_to_fewer_units_needs_room() -> None:
    single, even = (describe_context(shapes=Shapes(H=H), features=EVERYTHING) for H in (at_most(1), multiple_of(2)))
    row = Row((3, 2, 5, 1), Form(projection="narrow"))
    assert fit_row(row, single).form == Form() and fit_row(row, even).form == row.form
    recipe = every_row(lambda breadth: iter([row]))
    assert [p.P for p in draw_examples(recipe, 1, shapes=Shapes(H=multiple_of(2)), features=EVERYTHING)] == [1]


def test_a_row_has_the_same_numbers_each_time() -> None:
    one, two = (draw_examples(every_row(list_network_rows, loss=True), 30, "quick", features=EVERYTHING) for _ in "ab")
    for a, b in zip(one, two, strict=True):
        assert isinstance(a, Question) and np.array_equal(problem_of(a).x, problem_of(b).x)
