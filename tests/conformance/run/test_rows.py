"""Examples that are known beforehand: each is tried once, and of those that fail the first one is shown."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Outcome, Refuted
from conformance.problems.question import Rows
from conformance.property import Property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.verdict import Verdict
from lstm_spec import Backend, Problem
from tests.helpers.problems import make_problem

MANY = 60


def judge_rows(
    fails: Callable[[int], bool], shrink: bool = True, most: int = MANY, seed: int = 0
) -> tuple[Verdict, list[int]]:
    """The verdict on rows of 1 to 60 steps, those refuted of which it is said, and how many steps were asked."""
    asked = list[int]()

    def refute(backend: Backend, problem: Problem) -> None:
        asked.append(len(problem.x))
        if fails(len(problem.x)):
            raise Refuted("so it is said")

    def list_rows(context: object) -> Rows:
        return Rows(MANY, lambda k: make_problem(T=k + 1))

    prop = Property("rows", "sizes", ("SHAPE-1",), (), list_rows, refute, exhaustive=True)
    profile = replace(PROFILES["quick"], exhaustive_examples=most)
    return judge_property(prop, NUMPY, "float32", profile, seed, shrink=shrink), asked


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "fails", [lambda T: T > 17, lambda T: T % 8 == 0, lambda T: T == 41, lambda T: T in (9, 10, 60), lambda T: True]
)
def test_the_first_of_the_rows_that_fail_is_shown(fails: Callable[[int], bool], seed: int) -> None:
    verdict, _ = judge_rows(fails, seed=seed)
    assert verdict.outcome is Outcome.REFUTED and verdict.refutation
    assert len(verdict.refutation.problem.x) == next(T for T in range(1, MANY + 1) if fails(T))


def test_each_row_is_tried_once_and_not_in_their_order() -> None:
    verdict, asked = judge_rows(lambda T: False)
    assert verdict.outcome is Outcome.HOLDS and verdict.examples == MANY
    assert sorted(asked) == list(range(1, MANY + 1)) != asked


def test_of_more_rows_than_are_to_be_tried_the_seed_chooses() -> None:
    one, again, other = (judge_rows(lambda T: False, most=20, seed=seed)[1] for seed in (0, 0, 1))
    assert one == again != other and len(set(one)) == 20


def test_without_a_search_for_the_first_the_one_that_failed_is_asked_again_and_shown() -> None:
    verdict, asked = judge_rows(lambda T: T > 5, shrink=False)
    assert verdict.refutation and [len(verdict.refutation.problem.x)] * 2 == asked[-2:]
    assert max(asked[:-2], default=0) <= 5 < asked[-1]


def test_a_row_that_does_not_fail_again_is_said_to_be_one() -> None:
    failures = iter([True])
    verdict, asked = judge_rows(lambda T: T == 20 and next(failures, False))
    assert verdict.outcome is Outcome.REFUTED and verdict.refutation and verdict.refutation.clause == "CONTRACT-2"
    assert "did not fail again" in verdict.detail and asked[-1] == 20
