"""What is wrong only at some sizes, with some constants or with some structure is seen in every run."""

from collections import Counter

import pytest

from conformance.outcome import Outcome
from conformance.property import find_property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from tests.planted.rare import FORMS, PLAIN, RARE, Rare, stacked

EACH = [pytest.param(one, id=one.name, marks=pytest.mark.soak if k % 3 else ()) for k, one in enumerate(RARE)]


def assert_refuted(one: Rare, profile: str, seed: int) -> None:
    verdict = judge_property(find_property(one.by), one.build(), "float32", PROFILES[profile], seed, shrink=False)
    assert verdict.outcome is Outcome.REFUTED, verdict.detail


@pytest.mark.parametrize("one", EACH)
def test_what_is_rarely_wrong_is_refuted_by_the_shortest_profile_that_is_as_large(one: Rare) -> None:
    assert_refuted(one, one.profile, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("one", RARE, ids=lambda one: one.name)
def test_what_is_rarely_wrong_is_refuted_at_standard_at_any_seed(one: Rare, seed: int) -> None:
    assert_refuted(one, "standard", seed)


@pytest.mark.parametrize("name", [PLAIN, FORMS])
def test_the_text_is_right_before_it_is_edited(name: str) -> None:
    verdict = judge_property(find_property(name), stacked(), "float64", PROFILES["quick"])
    assert verdict.outcome is Outcome.HOLDS, verdict.detail


def test_there_are_three_of_each_kind_at_least() -> None:
    assert min(Counter(one.kind for one in RARE).values()) >= 3 and len({one.name for one in RARE}) == len(RARE)
