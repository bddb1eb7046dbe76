"""Mistakes about memory are refuted, in this process and in another; what only looks like one is accepted."""

from typing import Any

import pytest

from conformance.outcome import Outcome
from conformance.report.report import Report
from conformance.run.check import check
from conformance.targets.isolated import start_isolated
from conformance.targets.resolve import resolve
from lstm_spec import Backend
from tests.helpers.isolation import PLENTY
from tests.planted.memory import RIGHT, WRONG

PLANTED = "tests.planted.memory:"
HOW: Any = {"profile": "quick", "dtypes": ("float32",), "diagnose": False, "shrink": False}


def judge(backend: Backend, *clauses: str) -> Report:
    return check(backend, clauses=clauses, examples=24, **HOW)


def summarize(report: Report) -> list[tuple[str, Outcome, str]]:
    return [(v.property.name, v.outcome, v.detail) for v in report.verdicts]


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_about_memory_is_refuted_alike_in_both_processes(name: str) -> None:
    here = judge(resolve(PLANTED + name), WRONG[name])
    assert Outcome.REFUTED in {v.outcome for v in here.failures}
    with start_isolated(PLANTED + name, None, PLENTY, None) as it:
        assert summarize(judge(it.backend, WRONG[name])) == summarize(here)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_in_an_unusual_way_is_accepted_in_both_processes(name: str) -> None:
    here = judge(resolve(PLANTED + name), "CONTRACT-*")
    assert not here.failures, summarize(here)
    with start_isolated(PLANTED + name, None, PLENTY, None) as it:
        assert summarize(judge(it.backend, "CONTRACT-*")) == summarize(here)
