"""Mistakes about memory are refuted, in this process and in another; what only looks like one is accepted."""

from typing import Any

import pytest

from conformance.outcome import Outcome
from conformance.report.report import Report
from conformance.run.check import check
from conformance.targets.isolated import start_isolated
from conformance.targets.resolve import resolve
from conformance.verdict import Verdict
from lstm_spec import Backend
from tests.helpers.isolation import PLENTY
from tests.helpers.judged import judge_again
from tests.planted.memory import RIGHT, WRONG, WRONG_IN_PART

PLANTED = "tests.planted.memory:"
HOW: Any = {"profile": "quick", "dtypes": ("float32",), "diagnose": False, "shrink": False}


few_or_all = pytest.mark.parametrize("few", [4, pytest.param(24, marks=pytest.mark.soak)])


def judge(backend: Backend, *clauses: str) -> Report:
    return check(backend, clauses=clauses, examples=24, **HOW)


def summarize(verdicts: list[Verdict]) -> list[tuple[str, Outcome, str]]:
    return [(v.property.name, v.outcome, v.detail) for v in verdicts]


@few_or_all
@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_about_memory_is_refuted_alike_in_both_processes(name: str, few: int) -> None:
    here = judge(resolve(PLANTED + name), WRONG[name])
    assert Outcome.REFUTED in {v.outcome for v in here.failures}
    with start_isolated(PLANTED + name, None, PLENTY, None) as it:
        assert summarize(judge_again(it.backend, here.verdicts, 24, few)) == summarize(here.verdicts)


@pytest.mark.parametrize("name", WRONG_IN_PART)
def test_a_mistake_that_is_made_only_at_some_sizes_or_in_some_forms_is_refuted(name: str) -> None:
    """Some are warnings: the clause is a SHOULD."""
    how = {**HOW, "maxfail": 1, "strict": True}
    report = check(resolve(PLANTED + name), clauses=(WRONG_IN_PART[name],), **how)
    assert Outcome.REFUTED in {v.outcome for v in report.verdicts}, summarize(report.verdicts)


@few_or_all
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_in_an_unusual_way_is_accepted_in_both_processes(name: str, few: int) -> None:
    here = judge(resolve(PLANTED + name), "CONTRACT-*")
    assert not here.failures, summarize(here.verdicts)
    with start_isolated(PLANTED + name, None, PLENTY, None) as it:
        assert summarize(judge_again(it.backend, here.verdicts, 24, few)) == summarize(here.verdicts)
