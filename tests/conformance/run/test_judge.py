"""Only what is the fault of the backend is called so."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Inconclusive, Outcome
from conformance.problems.recipes import problems
from conformance.property import PROPERTIES
from conformance.report.status import FAILED, NOTHING, SUITE_ERROR
from conformance.run.profiles import PROFILES
from lstm_spec import Answer, Backend, Problem
from tests.helpers import specimens
from tests.helpers.judged import EQUATIONS, injected, judged
from tests.helpers.specimens import said, target


def test_a_backend_that_is_wrong_once_is_refuted_for_it() -> None:
    verdict = judged(specimens.wrong_once())
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.refutation is not None and verdict.refutation.clause == "CONTRACT-2"
    assert verdict.detail.startswith("the same question did not fail again: y is further from the equations")


def test_what_was_asked_while_an_example_was_made_smaller_is_not_kept() -> None:
    backend, asked = NUMPY, list[weakref.ref[Any]]()

    def forward(problem: Problem) -> Answer:
        asked.append(weakref.ref(problem.x))
        answer = backend.forward(problem)
        return replace(answer, y=answer.y + (len(problem.x) > 2))

    verdict = judged(replace(backend, forward=forward))
    gc.collect()
    assert verdict.outcome is Outcome.REFUTED and len(asked) > 8
    assert sum(x() is not None for x in asked) == 1


def test_a_backend_that_raises_once_is_not_a_suite_error() -> None:
    calls = iter(range(10**9))

    def forward(problem: Problem) -> Answer:
        if next(calls) == 0:
            raise RuntimeError("warming up")
        return NUMPY.forward(problem)

    verdict = judged(Backend("raises_once", forward))
    assert verdict.outcome in (Outcome.REFUTED, Outcome.ERRORED)


def test_a_wrong_once_is_printed_under_the_clause_it_breaks() -> None:
    status, text = said("run", target("wrong_once"), "--profile", "quick", "-k", EQUATIONS.name)
    assert status == FAILED
    assert "REFUTED  CONTRACT-2" in text


def _fails(backend: Backend, problem: Problem) -> None:
    raise KeyError("a bug of ours")


def _never_decides(backend: Backend, problem: Problem) -> None:
    raise Inconclusive("too far out")


def _decides_small_ones(backend: Backend, problem: Problem) -> None:
    if problem.sizes[3] > 2:
        raise Inconclusive("too wide")


def no_problems(context: Any) -> Any:
    return problems()(context).filter(lambda problem: False)


def test_a_bug_of_ours_is_a_suite_error() -> None:
    verdict = judged(NUMPY, injected(_fails))
    assert (verdict.outcome, verdict.detail) == (Outcome.SUITE_ERROR, "KeyError: 'a bug of ours'")


def test_a_strategy_without_examples_is_a_suite_error() -> None:
    verdict = judged(NUMPY, injected(lambda backend, problem: None, no_problems))
    assert verdict.outcome is Outcome.SUITE_ERROR
    assert verdict.detail.startswith("no examples could be made: ")


def test_examples_that_decide_nothing_are_inconclusive() -> None:
    verdict = judged(NUMPY, injected(_never_decides))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.inconclusive == verdict.examples == PROFILES["quick"].examples


def test_the_share_of_inconclusive_examples_is_counted() -> None:
    verdict = judged(NUMPY, injected(_decides_small_ones))
    assert verdict.outcome is Outcome.HOLDS
    assert 0 < verdict.inconclusive < verdict.examples


@pytest.fixture
def registered(request: pytest.FixtureRequest) -> Iterator[None]:
    PROPERTIES.append(request.param)
    yield
    PROPERTIES.remove(request.param)


RUN_INJECTED = ("run", "numpy", "--profile", "quick", "-k", "a_property_of_this_test")


@pytest.mark.parametrize("registered", [injected(_fails)], indirect=True)
def test_a_suite_error_asks_to_be_reported(registered: None) -> None:
    status, text = said(*RUN_INJECTED)
    assert status == SUITE_ERROR
    assert "suite error  a_property_of_this_test: KeyError: 'a bug of ours'; please report it" in text
    assert "no statement: the suite itself failed; please report it" in text


@pytest.mark.parametrize("registered", [injected(_fails)], indirect=True)
def test_a_suite_error_outweighs_a_target_that_cannot_be_used(registered: None) -> None:
    assert said(*RUN_INJECTED, "zzz").status == SUITE_ERROR


@pytest.mark.parametrize("registered", [injected(_never_decides)], indirect=True)
def test_nothing_but_inconclusive_verdicts_is_not_green(registered: None) -> None:
    status, text = said(*RUN_INJECTED)
    assert status == NOTHING
    assert "1 inconclusive" in text and "conforms" not in text
