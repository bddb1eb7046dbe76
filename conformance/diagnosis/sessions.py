"""Which known fault of modules gives the replies of a backend to a session?"""

from collections.abc import Iterator

import numpy as np

from conformance.arrays import limits
from conformance.diagnosis.answers import OF_THE_LARGEST
from conformance.diagnosis.diagnosis import Diagnosis
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.nouns import Tensors, name_all_arrays
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.form import form_of
from conformance.problems.modules.scripts import SCRIPTS
from conformance.problems.modules.sessions import Asks, build_session
from conformance.problems.question import Context, problem_of
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
        for other in _list_other_sessions(backend, session):
            fitting = _keep_fitting(fitting, backend, other) or fitting
    return Diagnosis(tuple(fitting), len(known), "on a session of calls")


def _list_other_sessions(backend: Backend, session: Session) -> Iterator[Session]:
    problem = problem_of(session)
    context = Context(problem.dtype, backend.description)
    for script, features in SCRIPTS:
        if all(map(backend.offers, features)):
            yield build_session(script, Asks(context), form_of(problem), problem.dtype, (3, 4), SIZES, 0)


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
