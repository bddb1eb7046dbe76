"""A verdict on its way: from the test that judged, with pytest's report, to the process that concludes.

It travels beside what pytest makes of the test, so that no mark, hook or rerun changes it.
"""

import base64
import pickle
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conformance.outcome import Outcome
from conformance.report.roots import Key
from conformance.verdict import Verdict

WORST_FIRST = (
    Outcome.ERRORED,
    Outcome.REFUTED,
    Outcome.SUITE_ERROR,
    Outcome.INCONCLUSIVE,
    Outcome.NOT_CLAIMED,
    Outcome.HOLDS,
)
ATTRIBUTE = "lstm_spec_verdict"  # of a report; text, because it may go to another process


class Delivered(NamedTuple):
    """A verdict, with the file of its case, or why there is none, as a Report has them."""

    verdict: Verdict
    cases: dict[Key, Path]
    uncased: dict[Key, str]


DELIVERED = pytest.StashKey[list[Delivered]]()


def deliver_verdict(item: pytest.Item, delivered: Delivered) -> None:
    """Have the verdict delivered with the report on the test, whatever comes of the test from now on."""
    item.stash.setdefault(DELIVERED, []).append(delivered)


def choose_worst(delivered: list[Delivered]) -> Delivered:
    """The worst verdict, the last of several: a test may be run again."""
    return min(reversed(delivered), key=lambda one: WORST_FIRST.index(one.verdict.outcome))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Attach the verdict to the report (pytest calls this)."""
    report = yield
    if report.when == "call" and (delivered := item.stash.get(DELIVERED, [])):
        setattr(report, ATTRIBUTE, base64.b64encode(pickle.dumps(choose_worst(delivered))).decode())
    return report


def take_verdict(report: pytest.TestReport) -> Delivered | None:
    """The verdict that came with the report, taken from it: nobody else can read it."""
    packed = vars(report).pop(ATTRIBUTE, None)
    found: Delivered | None = pickle.loads(base64.b64decode(packed)) if packed else None
    return found
