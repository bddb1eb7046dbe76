"""A run ends when its time, its examples or its failures are used up."""

from types import SimpleNamespace

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Outcome, Refuted
from conformance.property import PROPERTIES, find_property
from conformance.run import search
from conformance.run.check import check
from conformance.run.options import Options
from conformance.run.profiles import PROFILES
from lstm_spec import Answer, Backend, Problem
from tests.helpers import specimens
from tests.helpers.judged import judged


def slow_and_wrong(monkeypatch: pytest.MonkeyPatch) -> tuple[Backend, list[float]]:
    """A backend that is wrong about large problems, every call of which takes a second, and the times of its calls."""
    calls: list[float] = []

    def forward(problem: Problem) -> Answer:
        calls.append(float(len(calls) + 1))
        return (specimens.swaps_input_and_forget_gates if min(problem.sizes) > 2 else NUMPY).forward(problem)

    monkeypatch.setattr(search, "time", SimpleNamespace(perf_counter=lambda: float(len(calls))))
    return Backend("slow_and_wrong", forward), calls


@pytest.mark.parametrize("budget", [2.0, 20.0])
def test_shrinking_stops_once_its_time_is_spent(monkeypatch: pytest.MonkeyPatch, budget: float) -> None:
    monkeypatch.setattr(search, "SHRINKING", budget)
    backend, calls = slow_and_wrong(monkeypatch)
    verdict = judged(backend)
    replays = 5  # Hypothesis runs what it found again
    assert verdict.outcome is Outcome.REFUTED
    assert budget < len(calls) <= verdict.examples + budget + replays


def test_what_is_refuted_is_made_smaller(patient: None) -> None:
    refutation = judged(specimens.swaps_input_and_forget_gates).refutation
    assert isinstance(refutation, Refuted)
    assert refutation.problem.sizes == (1, 1, 1, 1)


def test_maxfail_stops_after_so_many_failures() -> None:
    report = check(specimens.raises, profile="quick", examples=2, maxfail=2)
    assert len(report.failures) == 2
    assert report.verdicts[-1].outcome is Outcome.ERRORED
    assert len(report.verdicts) < len(PROPERTIES)


def test_a_maxfail_that_is_not_reached_changes_no_statement() -> None:
    without = check(specimens.forward_only, profile="quick", examples=1)
    assert check(specimens.forward_only, profile="quick", examples=1, maxfail=1).statement == without.statement


@pytest.mark.parametrize("examples", [1, 4])
def test_examples_are_as_many_as_asked_for(examples: int) -> None:
    report = check(NUMPY, profile="quick", examples=examples, clauses=("CELL-2",), name="equations")
    assert [verdict.examples for verdict in report.verdicts] == [examples] * 2


def test_slow_properties_get_no_more_examples_than_their_profile_gives() -> None:
    report = check(NUMPY, profile="quick", examples=10, name="a_long_sequence_is_read_to_its_end")
    assert [verdict.examples for verdict in report.verdicts] == [PROFILES["quick"].long_examples]


@pytest.mark.parametrize(("profile", "of_all", "of_some"), [("quick", 12, 5), ("standard", 40, 40)])
def test_quick_asks_less_often_what_some_modules_offer(profile: str, of_all: int, of_some: int) -> None:
    props = [find_property(name) for name in ("two_modules_share_nothing", "a_copy_is_independent")]
    asked = [PROFILES[profile].examples_of(prop, "float32") for prop in props]
    assert asked == [of_all, of_some]
    assert [Options(profile, examples=50).make_profile().examples_of(prop, "float32") for prop in props] == [50, 50]


@pytest.mark.parametrize("profile", ["quick", "standard", "full"])
def test_rows_are_left_out_only_where_too_few_examples_are_asked_for_a_statement(profile: str) -> None:
    known = PROFILES[profile]
    enough, few = (Options(profile, examples=known.examples - n) for n in (0, 1))
    assert enough.is_thorough and enough.make_profile().exhaustive_examples == known.exhaustive_examples
    assert not few.is_thorough and few.make_profile().exhaustive_examples == known.examples - 1


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="soak, did you mean 'quick'.; choose one"):
        check(NUMPY, profile="quik")
