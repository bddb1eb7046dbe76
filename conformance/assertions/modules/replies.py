"""Whether modules answer as they should: each call like a module that is built anew for the problem it means."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.assertions.forward import assert_conforms_freely
from conformance.assertions.network import assert_network_gradients_conform_freely
from conformance.assertions.shapes import assert_answer_shaped, assert_shaped
from conformance.nouns import Tensors, name_all_arrays
from conformance.outcome import Inconclusive, Refuted
from conformance.problems.modules.sessions import describe_call
from lstm_spec import Answer, Backend, Cotangents, Gate, Gradients, Parameters, Problem
from lstm_spec.modules.sessions import Meant, Reply, Session, interpret_session

Pair = tuple[Answer, Any]  # and Gradients, or None


def assert_session_conforms(backend: Backend, session: Session) -> None:
    """Refuted unless every reply is what a new module with the same parameters answers.

    To the last bit, or as near as rounding allows; Inconclusive if that is not known of one, and none is refuted.
    """
    assert backend.converse is not None
    replies, unclear = backend.converse(session), list[str]()
    if len(replies) != len(session.calls):
        raise Refuted(f"{len(session.calls)} calls of a session got {len(replies)} replies", clause="SHAPE-1")
    for k, reply in enumerate(replies):
        with _in_call(session, k):
            _require_kind(session.calls[k].does, reply)
    for k, (meant, reply) in enumerate(zip(interpret_session(session, replies), replies, strict=True)):
        with _in_call(session, k):
            try:
                if session.calls[k].state == "kept" and meant is not None:
                    assert_continues(backend, meant, reply)
                else:
                    assert_means(backend, meant, reply)
            except Inconclusive as error:
                unclear.append(str(error))
    if unclear:
        raise Inconclusive(unclear[0])


@contextmanager
def _in_call(session: Session, k: int) -> Iterator[None]:
    try:
        yield
    except Refuted as refuted:
        reason = f"{refuted.reason} ({describe_call(session, k)})"
        raise Refuted(reason, clause=refuted.clause, difference=refuted.difference) from None


def _require_kind(does: str, reply: Reply) -> None:
    """Refuted unless the reply is of the kind that the call asks for."""
    is_pair = isinstance(reply, tuple) and len(reply) == 2 and isinstance(reply[1], Gradients)
    kind = "an Answer" if isinstance(reply, Answer) else "an Answer and Gradients" if is_pair else "something else"
    kind = "parameters" if isinstance(reply, tuple) and not is_pair else "nothing" if reply is None else kind
    wanted = {"forward": "an Answer", "gradients": "an Answer and Gradients", "read": "parameters"}.get(does, kind)
    if kind != wanted:
        raise Refuted(f"{does} returned {kind}, expected {wanted}", clause="SHAPE-1")


def assert_continues(backend: Backend, meant: Meant, reply: Reply) -> None:
    """Refuted unless the reply to a call that begins from a kept state is what it means.

    With 16 bits a kept state may be wider than what was returned of it. What follows is then right if the whole
    sequence is, asked at once; Inconclusive if that cannot be said of it.
    """
    try:
        assert_means(backend, meant, reply)
    except Refuted:
        if meant.problem is None or meant.problem.dtype.itemsize > 2:
            raise
        assert_answer_shaped(reply if meant.d is None else reply[0], meant.problem)
        if meant.whole is None:
            raise Inconclusive("a state that is kept may be wider than the one that was returned") from None
        problem, answer = meant.whole
        if not assert_conforms_freely(replace(backend, forward=lambda _: answer), problem):
            raise Inconclusive("rounding may have grown too much") from None


def assert_means(backend: Backend, meant: Meant | None, reply: Reply) -> None:
    """Refuted unless the reply to a call is what it means."""
    if meant is None:
        return
    if meant.problem is None:
        _assert_all_equal(_name_parts(reply, meant.wanted), _name_parts(meant.parameters, meant.wanted))
        return
    fresh = ask_anew(backend, meant.problem, meant.d)
    got: Pair = (reply, None) if meant.d is None else reply
    _assert_shaped(got, fresh, meant)
    if _are_equal(name_pair(got, meant.wanted), name_pair(fresh, meant.wanted)):
        return
    if not len(meant.problem.x):
        _assert_all_equal(name_pair(got, meant.wanted), name_pair(fresh, meant.wanted))
    whole = (got[0], merge_gradients(fresh[1], got[1], meant.wanted))
    if _is_right(backend, meant, fresh) and not _is_right(backend, meant, whole, final=True):
        raise Inconclusive("rounding may have grown too much")


def ask_anew(backend: Backend, problem: Problem, d: Cotangents | None) -> Pair:
    """What a new module answers to the problem, with its gradients if there are cotangents."""
    return (backend.forward(problem), None) if d is None else backend.differentiate(problem, d)


def _is_right(backend: Backend, meant: Meant, pair: Pair, final: bool = False) -> bool:
    """Whether a free run says that this is the answer; if `final`, Refuted if it says that it is not."""
    assert meant.problem is not None
    said = replace(backend, forward=lambda _: pair[0], gradients=lambda *_: pair)
    try:
        if meant.d is None:
            return assert_conforms_freely(said, meant.problem)
        return assert_network_gradients_conform_freely(said, meant.problem, meant.d)
    except Refuted as refuted:
        if final:
            reason = f"{refuted.reason}, while a module that is built anew answers right"
            raise Refuted(reason, clause=refuted.clause, difference=refuted.difference) from None
        return False


def merge_gradients(whole: Gradients | None, some: Gradients | None, wanted: tuple[str, ...]) -> Any:
    """The whole gradients with those parts in their place that are wanted of the others."""
    if whole is None or some is None:
        return whole
    gates = [name for name in wanted if name in "WUbp"]

    def merge_gates(mine: Gate | None, other: Gate | None) -> Any:
        return mine and mine._replace(**{name: getattr(other, name) for name in gates})

    def merge(p: Parameters, q: Parameters) -> Parameters:
        i, f, g, o = map(merge_gates, p[:4], q[:4])
        return Parameters(i, f, g, o, q.R if "R" in wanted else p.R)

    rows = tuple(tuple(map(merge, row, other)) for row, other in zip(whole.parameters, some.parameters, strict=True))
    state = whole.state._replace(**{n: getattr(some.state, n) for n in wanted if n in "hc"})
    return Gradients(rows, some.x if "x" in wanted else whole.x, state)


# ---------------------------------------------------------------- array by array


def name_pair(pair: Pair, wanted: tuple[str, ...]) -> Tensors:
    """The arrays of an answer, and of those gradients that are wanted, by name."""
    return name_all_arrays(answer=pair[0]) | ({} if pair[1] is None else _name_parts(pair[1], wanted))


def _name_parts(noun: Any, wanted: tuple[str, ...]) -> Tensors:
    arrays = name_all_arrays(d=noun)
    return {name: a for name, a in arrays.items() if name.rpartition(".")[2] in wanted}


def _assert_shaped(got: Pair, fresh: Pair, meant: Meant) -> None:
    assert meant.problem is not None
    assert_answer_shaped(got[0], meant.problem)
    mine, theirs = (name_pair(pair, meant.wanted) for pair in (got, fresh))
    if missing := theirs.keys() - mine.keys():
        raise Refuted(f"{min(missing)} is missing", clause="SHAPE-3")
    for name, a in theirs.items():
        assert_shaped(name, mine[name], a, "SHAPE-3")


def _are_equal(one: Tensors, other: Tensors) -> bool:
    return all(np.array_equal(one[name], a, equal_nan=True) for name, a in other.items())


def _assert_all_equal(got: Tensors, expected: Tensors) -> None:
    for name, a in expected.items():
        if name not in got or not np.array_equal(got[name], a, equal_nan=True):
            raise Refuted(f"{name} is not the same to the last bit")
