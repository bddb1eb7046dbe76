"""Who knows the values of a pass better than float64 does."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np

from conformance.tolerance.rounding import Bounded
from lstm_spec.types import Array, Cotangents, Problem

Known = Mapping[str, Bounded]


class Audit(NamedTuple):
    """Who knows the values of observed passes better than float64 does, and how nearly; unless asked, nobody."""

    forward: Callable[[Problem, Array], Known] = lambda problem, h_before: {}
    backward: Callable[[Problem, Array, Cotangents, Array], Known] = lambda problem, h_before, d, dz: {}


audit: ContextVar[Audit] = ContextVar("audit", default=Audit())  # noqa: B039  it cannot be changed


def recall_forward(problem: Problem, outputs: Array) -> Known:
    """What is known of the pass whose steps start from these outputs (T, B, H); nothing unless the problem is plain."""
    if problem.is_more:
        return {}
    return audit.get().forward(problem, np.concatenate([problem.state.h, outputs]).astype(np.float64)[:-1])
