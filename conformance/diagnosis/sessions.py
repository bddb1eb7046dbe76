"""Which known fault of modules gives the replies of a backend to a session?"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from conformance.arrays import limits
from conformance.diagnosis.answers import OF_THE_LARGEST
from conformance.diagnosis.diagnosis import Diagnosis
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.nouns import Tensors, name_all_arrays
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.form import Form, form_of
from conformance.problems.modules.scripts import SCRIPTS
from conformance.problems.modules.sessions import Asks, build_session
from conformance.problems.question import Context, problem_of
from conformance.problems.sizes import nearest_sizes
from lstm_spec import Backend
from lstm_spec.modules.sessions import Session

SIZES = ((4, 3), (5, 2), (2, 4))  # T and B


def diagnose_session(backend: Backend, session: Session) -> Diagnosis | None:
    """The faults of modules that reply to a session as the backend does; None if it replies nothing.

    Those that look the same there are told apart by sessions of every kind that the backend can hold.
    """
    known = [fault for fault in FAULTS.values() if fault.module]
    fitting = _keep_fitting(known, backend, session)
    if fitting is None:
        return None
    if len(fitting) > 1:
        problem = problem_of(session)
        for other in list_sessions(backend, form_of(problem), problem.dtype):
            fitting = _keep_fitting(fitting, backend, other) or fitting
    return Diagnosis(tuple(fitting), len(known), "on a session of calls")


def list_sessions(
    backend: Backend, form: Form, dtype: np.dtype[Any], lengths: Sequence[tuple[int, int]] = SIZES
) -> Iterator[Session]:
    """Sessions of every kind that a backend can hold, of this form and dtype, of sizes that its shapes allow or nearly.

    `lengths` are three T and B. Raises NotClaimed if its shapes leave none.
    """
    context, shapes = Context(dtype, backend.description), backend.description.shapes
    width = nearest_sizes("I", (3,), shapes.I) + nearest_sizes("H", (4,), shapes.H)
    sizes = [nearest_sizes("T", (T,), shapes.T) + nearest_sizes("B", (B,), shapes.B) for T, B in lengths]
    for script, features in SCRIPTS:
        if all(map(backend.offers, features)):
            yield build_session(script, Asks(context), form, dtype, width, sizes, 0)


def _keep_fitting(faults: list[Fault], backend: Backend, session: Session) -> list[Fault] | None:
    """The faults whose replies are those of the backend."""
    mine = _hold_twice(backend, session)
    if mine is None:
        return None
    fitting = []
    for fault in faults:
        theirs = _hold_twice(fault.backend(), session)
        if theirs is not None and _are_near(mine, theirs):
            fitting.append(fault)
    return fitting


def _hold_twice(backend: Backend, session: Session) -> Tensors | None:
    """The replies to the second of two such sessions, for what is kept outside of modules is then the same for all."""
    assert backend.converse is not None
    try:
        for _ in range(2):
            replies = backend.converse(session)
        return name_all_arrays(replies=replies)
    except (Errored, Refuted, NotClaimed, ValueError, TypeError):
        return None


def _are_near(one: Tensors, other: Tensors) -> bool:
    """Whether all replies are the same but for rounding; what only one of them has is left out."""
    for name in one.keys() & other.keys():
        a, b = (np.asarray(tensors[name], np.float64) for tensors in (one, other))
        room = OF_THE_LARGEST * limits(one[name].dtype).eps * np.abs(b).max(initial=0)
        if a.shape != b.shape or not np.allclose(a, b, rtol=0, atol=room, equal_nan=True):
            return False
    return True
