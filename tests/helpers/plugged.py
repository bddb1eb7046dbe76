"""Targets that end a test otherwise than with a verdict, and a pytest plugin that turns failures into something else.

Which of its mischiefs the plugin does to a test is said by the name of the target.
"""

import os
import time
import unittest
import warnings
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from _pytest.runner import runtestprotocol

from lstm_spec import REFERENCE, Answer, Backend, BackendUnavailable, Description, Problem, State
from tests.helpers.few_properties import HOLDS

ABOUT = Description(dtypes=("float32",))
RIGHT = replace(REFERENCE, name="right", description=ABOUT, gradients=None)


def _swap_gates(problem: Problem) -> Answer:
    swapped = tuple(tuple(p._replace(i=p.f, f=p.i) for p in row) for row in problem.parameters)
    return RIGHT.forward(replace(problem, parameters=swapped))


WRONG = replace(RIGHT, name="wrong", forward=_swap_gates)


def doing(name: str, act: Callable[[], Any]) -> Backend:
    """It does that, and would answer rightly afterwards."""

    def forward(problem: Problem) -> Answer:
        act()
        return RIGHT.forward(problem)

    return replace(RIGHT, name=name, forward=forward)


def _raise_skip_test() -> None:
    raise unittest.SkipTest("nobody may know")


# ---------------------------------------------------------------- it ends the test itself

SKIPS = doing("skips", lambda: pytest.skip("nobody may know"))
XFAILS = doing("xfails", lambda: pytest.xfail("nobody may know"))
EXITS = doing("exits", lambda: pytest.exit("nobody may know", returncode=0))
RAISES_SKIP_TEST = doing("raises SkipTest", _raise_skip_test)
DIES = doing("dies", lambda: os._exit(0))
REPLACES_ITSELF = doing("replaces itself", lambda: os.execvp("true", ["true"]))
ABORTS = doing("aborts", os.abort)
WARNS = doing("warns", lambda: warnings.warn("old", DeprecationWarning, stacklevel=1))


def dies_when_made() -> Backend:
    """It never is."""
    os._exit(0)


def exits_when_made() -> Backend:
    """It never is."""
    pytest.exit("nobody may know", returncode=0)


class Ending(Description):
    """It ends pytest when it is looked at for the second time."""

    @property
    def dtypes(self) -> tuple[str, ...]:
        if LOOKS:
            pytest.exit("nobody may know", returncode=0)
        LOOKS.append(1)
        return ("float32",)


LOOKS: list[int] = []


def ends_later() -> Backend:
    """It cannot be looked at twice."""
    about = object.__new__(Ending)
    vars(about).update({name: value for name, value in vars(ABOUT).items() if name != "dtypes"})
    return replace(RIGHT, name="ends later", description=about)


def warns_when_made() -> Backend:
    """It is right."""
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    return RIGHT


CLAIMS_NO_DTYPE = replace(RIGHT, name="claims no dtype", description=Description(dtypes=()))
HANGS = doing("hangs", lambda: time.sleep(1000))


def _accept(problem: Problem) -> Answer:
    try:
        return RIGHT.forward(problem)
    except ValueError:
        return Answer(np.zeros((1, 1, 1)), State(*np.zeros((2, 1, 1, 1))))


CHECKS_NO_SHAPES = replace(RIGHT, name="checks no shapes", forward=_accept)  # which is a SHOULD


def made_in_the_main_process_only() -> Backend:
    """It cannot be made in a process of pytest-xdist."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        raise BackendUnavailable("there is no GPU here", "use a machine that has one")
    return RIGHT


# ---------------------------------------------------------------- a plugin hides what is wrong with it

MARKED_SKIP = SKIPPED_IN_ONE = RIGHT
MARKED_XFAIL = UNCALLED = REWRITTEN = WRONG
RERUNS: list[str] = []
RERUN = replace(RIGHT, name="rerun", forward=lambda problem: (RIGHT if RERUNS else WRONG).forward(problem))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As a conftest does that marks one test, or all."""
    for item in items:
        is_one = "SKIPPED_IN_ONE" in item.name and os.environ.get("PYTEST_XDIST_WORKER") == "gw1"
        if ("MARKED_SKIP" in item.name or is_one) and item.name.endswith(f"{HOLDS}]"):
            item.add_marker(pytest.mark.skip(reason="marked"))
        if "MARKED_XFAIL" in item.name:
            item.add_marker(pytest.mark.xfail)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """As a plugin does that replaces the call."""
    return True if "UNCALLED" in pyfuncitem.name else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """As a plugin does that makes everything green."""
    report = yield
    if "REWRITTEN" in item.name:
        report.outcome, report.longrepr = "passed", None
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """As pytest-rerunfailures does: the first failure is no failure."""
    if "[tests.helpers.plugged:RERUN" not in item.name:
        return None
    RERUNS.clear()
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        report.outcome = "rerun"  # type: ignore[assignment]
        item.ihook.pytest_runtest_logreport(report=report)
    RERUNS.append(item.name)
    runtestprotocol(item, nextitem=nextitem)
    RERUNS.clear()
    return True
