"""No steps, no samples and a length of 0 are three features: each is asked of those that claim it, and of no other."""

from itertools import chain, combinations
from typing import Any

import pytest

from conformance.outcome import Outcome
from conformance.run.check import check
from lstm_spec import Backend, Feature
from tests.planted.edges import CONDITIONS, WRONG, able

ABOUT = ("SHAPE-5", "SHAPE-6", "LEN-*", "NET-*", "DIR-4")
SETS = list(chain.from_iterable(combinations(CONDITIONS, n) for n in range(len(CONDITIONS) + 1)))


@pytest.mark.parametrize("features", SETS, ids=lambda features: ", ".join(features) or "none")
@pytest.mark.parametrize("seed", range(2))
def test_a_right_lstm_is_not_asked_what_it_does_not_claim(features: tuple[Feature, ...], seed: int) -> None:
    how: Any = {"profile": "quick", "clauses": ABOUT, "run_seed": seed, "diagnose": False}
    report = check(able(*features), **how)
    assert [(v.property.name, v.detail) for v in report.failures] == []
    missing = {f"it does not claim {feature}" for feature in CONDITIONS if feature not in features}
    said = {v.detail for v in report.verdicts if v.outcome is Outcome.NOT_CLAIMED}
    assert {reason for reason in missing if any(reason in detail for detail in said)} == missing


@pytest.mark.parametrize("backend", WRONG, ids=lambda backend: backend.name)
def test_what_is_wrong_only_where_there_is_nothing_is_refuted(backend: Backend) -> None:
    how: Any = {"profile": "standard", "dtypes": ("float32",), "clauses": ABOUT[:3], "maxfail": 1}
    report = check(backend, diagnose=False, shrink=False, **how)
    assert [verdict.outcome for verdict in report.failures] == [Outcome.REFUTED]
