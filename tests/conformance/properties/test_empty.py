"""No steps, no samples and a length of 0 are three features: each is asked of those that claim it, and of no other."""

from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest

from conformance.outcome import Outcome
from conformance.problems.covering import BREADTHS, fit_row, list_network_rows, list_plain_rows
from conformance.problems.question import Context
from conformance.run.check import check
from lstm_spec import Backend, Feature
from tests.planted.edges import CONDITIONS, WRONG, able

ABOUT = ("SHAPE-5", "SHAPE-6", "LEN-*", "NET-*", "DIR-4")
OF_NOTHING = ("SHAPE-5", "SHAPE-6", "LEN-3", "LEN-6")
SETS = list(chain.from_iterable(combinations(CONDITIONS, n) for n in range(len(CONDITIONS) + 1)))


@pytest.mark.parametrize("features", SETS, ids=lambda features: ", ".join(features) or "none")
@pytest.mark.parametrize("seed", range(2))
def test_a_right_lstm_is_not_asked_what_it_does_not_claim(features: tuple[Feature, ...], seed: int) -> None:
    """The exhaustive properties ask every row where none is claimed, else eleven; the next test looks at all rows."""
    how: Any = {"profile": "quick", "clauses": ABOUT, "run_seed": seed, "diagnose": False}
    report = check(able(*features), examples=11 if features or seed else None, **how)
    assert [(v.property.name, v.detail) for v in report.failures] == []
    missing = {f"it does not claim {feature}" for feature in CONDITIONS if feature not in features}
    said = {v.detail for v in report.verdicts if v.outcome is Outcome.NOT_CLAIMED}
    assert {reason for reason in missing if any(reason in detail for detail in said)} == missing


@pytest.mark.parametrize("features", SETS, ids=lambda features: ", ".join(features) or "none")
def test_of_nothing_the_rows_have_what_is_claimed_and_no_more(features: tuple[Feature, ...]) -> None:
    context = Context(np.dtype("float32"), able(*features).description, "quick")
    rows = [fit_row(row, context) for of in (list_plain_rows, list_network_rows) for row in of(BREADTHS["quick"])]
    assert min(min(row.sizes) for row in rows) == 1
    assert any(Feature.ZERO_LENGTHS in row.form.features for row in rows) == (Feature.ZERO_LENGTHS in features)


@pytest.mark.parametrize("backend", WRONG, ids=lambda backend: backend.name)
def test_what_is_wrong_only_where_there_is_nothing_is_refuted(backend: Backend) -> None:
    how: Any = {"profile": "standard", "dtypes": ("float32",), "clauses": OF_NOTHING, "maxfail": 1}
    report = check(backend, diagnose=False, shrink=False, **how)
    assert [verdict.outcome for verdict in report.failures] == [Outcome.REFUTED]
