"""What implementations do with a question that makes no sense: two refuse it, the others fail in another way."""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from backends.numpy.backend import BACKEND as NUMPY
from lstm_spec import Answer, Backend, Problem, checked


class OwnError(Exception):
    """An exception that no other library knows."""


def reacting(react: Callable[[Problem], Any], name: str) -> Backend:
    """The NumPy backend, which does something else with a malformed problem."""

    def forward(problem: Problem) -> Answer:
        try:
            checked(problem)
        except (ValueError, TypeError):
            return react(problem)
        return NUMPY.forward(problem)

    return Backend(name, forward, None, NUMPY.description)


def _raise_own(problem: Problem) -> Answer:
    raise OwnError("no such shapes")


def _crash_later() -> Backend:
    """It refuses, but what it overwrote before ends it at the next question."""
    broken: list[bool] = []

    def forward(problem: Problem) -> Answer:
        if broken:
            os.abort()
        try:
            return NUMPY.forward(problem)
        except (ValueError, TypeError):
            broken.append(True)
            raise

    return Backend("crashes_later", forward, None, NUMPY.description)


refuses = reacting(NUMPY.forward, "refuses")
refuses_in_its_own_words = reacting(_raise_own, "refuses_in_its_own_words")
aborts = reacting(lambda problem: os.abort(), "aborts")
exits = reacting(lambda problem: sys.exit(3), "exits")
ends_the_process = reacting(lambda problem: os._exit(0), "ends_the_process")
hangs = reacting(lambda problem: time.sleep(1000), "hangs")
answers_with_none = reacting(lambda problem: None, "answers_with_none")
crashes_later = _crash_later()
