"""A backend of 16 bits that computes in float32 inside."""

from collections.abc import Callable
from dataclasses import replace

from lstm_spec.contract import Backend
from lstm_spec.modules.sessions import Call, Reply, Session
from lstm_spec.storage import (
    NARROW,
    compute_wide,
    is_narrow,
    store_answer,
    store_gradients,
    widen_cotangents,
    widen_problem,
)
from lstm_spec.types import Answer, Array, Feature, Problem, each_array


def wide_inside(backend: Backend) -> Backend:
    """The backend with two more dtypes, bfloat16 and float16: computed in float32, rounded when returned (ACC-4).

    It claims both dtypes at grade "wide", and if it claims float32, bfloat16 weights beside states of float32 (ACC-5).
    """
    about = backend.description
    mixed = {Feature.BFLOAT16_WEIGHTS} if "float32" in about.dtypes else set()
    claims = replace(
        about,
        dtypes=(*about.dtypes, *(dtype for dtype in NARROW if dtype not in about.dtypes)),
        features=about.features | mixed,
        grades={**dict.fromkeys(NARROW, "wide"), **about.grades},
    )
    wide = replace(compute_wide(backend, is_narrow), description=claims)
    return replace(wide, converse=backend.converse and _converse_wide(backend.converse))


def _converse_wide(converse: Callable[[Session], tuple[Reply, ...]]) -> Callable[[Session], tuple[Reply, ...]]:
    """Sessions of 16 bits held in float32, the replies rounded once."""

    def converse_wide(session: Session) -> tuple[Reply, ...]:
        problem = session.calls[0].problem
        if problem is None or not is_narrow(problem):
            return converse(session)
        replies = converse(Session(tuple(map(_widen_call, session.calls))))
        return tuple(_store_reply(problem, call, reply) for call, reply in zip(session.calls, replies, strict=True))

    return converse_wide


def _widen_call(call: Call) -> Call:
    if call.problem is None:
        return call
    d = None if call.d is None else widen_cotangents(call.problem, call.d)
    return call._replace(problem=widen_problem(call.problem), d=d)


def _store_reply(built: Problem, call: Call, reply: Reply) -> Reply:
    if reply is None or call.problem is None:
        return None if reply is None else tuple(tuple(each_array(_store_like(built), p) for p in row) for row in reply)
    if isinstance(reply, Answer):
        return store_answer(reply, call.problem)
    return store_answer(reply[0], call.problem), store_gradients(reply[1], call.problem)


def _store_like(built: Problem) -> Callable[[Array], Array]:
    return lambda a: a.astype(built.x.dtype)
