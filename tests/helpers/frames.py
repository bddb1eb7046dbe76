"""Replies of a child process as bytes: real ones, damaged ones, and a judge that reads them."""

import random
import re
from dataclasses import replace
from typing import Any

import numpy as np

from backends.numpy.backend import BACKEND as NUMPY
from conformance.nouns import change_all_arrays
from conformance.targets.child import Child
from conformance.targets.link import Reply, pack_question, read_reply
from conformance.targets.shared import JUDGE, Shared, hold_for_good
from lstm_spec import REFERENCE_MODULE, Answer, Backend, Problem, make_backend
from lstm_spec.modules.sessions import Call, Session
from tests.helpers.hostile import raising
from tests.helpers.isolation import SHORT, cotangents
from tools.checks.odd import damage_bytes, replace_token


def _answer_in_another_order(problem: Problem) -> Answer:
    answer = NUMPY.forward(problem)
    return replace(answer, y=np.asfortranarray(answer.y)[::-1])


def _write_and_answer(problem: Problem) -> Answer:
    answer = NUMPY.forward(problem)
    problem.x.flags.writeable = True
    problem.x[...] += 1
    return replace(answer, y=answer.y.astype(">f8"))


ANSWERING = [NUMPY, replace(NUMPY, forward=_answer_in_another_order), replace(NUMPY, forward=_write_and_answer)]
_CALLS = (
    Call(SHORT, "build"),
    Call(SHORT, "forward"),
    Call(SHORT, "gradients", d=cotangents(SHORT)),
    Call(None, "read"),
)
SESSION = Session(_CALLS)
CALLS: list[tuple[Backend, str, tuple[Any, ...]]] = [
    *((backend, "forward", (SHORT,)) for backend in ANSWERING),
    (NUMPY, "gradients", (SHORT, cotangents(SHORT))),
    (raising("colours"), "forward", (SHORT,)),
    (make_backend(REFERENCE_MODULE), "converse", (SESSION,)),
]


def ask_by_hand(arguments: tuple[Any, ...], call: str) -> tuple[Shared, bytes]:
    """A judge that has just asked a question of copies of the arguments, and the message."""
    shared = Shared(JUDGE._replace(hold=hold_for_good))
    (copies,) = change_all_arrays(lambda tensors: {name: a.copy() for name, a in tensors.items()}, asked=arguments)
    arrays, question = pack_question(call, copies, {})
    return shared, shared.enclose(arrays, question, errstate={})


def list_replies() -> list[tuple[str, tuple[Any, ...], bytes]]:
    """Real replies, each with its question."""
    return [
        (call, arguments, Child(backend).reply(memoryview(ask_by_hand(arguments, call)[1])))
        for backend, call, arguments in CALLS
    ]


def read_by_hand(call: str, arguments: tuple[Any, ...], raw: bytes) -> Reply:
    """What a judge reads that has asked the question. Raises FrameError."""
    return read_reply(raw, ask_by_hand(arguments, call)[0])


# ---------------------------------------------------------------- damage


def damage(raw: bytes, rng: random.Random) -> bytes:
    """The bytes, changed in one to three places."""
    for _ in range(rng.randint(1, 3)):
        raw = rng.choice((damage_bytes, _damage_header))(raw, rng)
    return raw


def _damage_header(raw: bytes, rng: random.Random) -> bytes:
    """Something else in a header, and the lengths before it as they have to be."""
    head = 8 + int.from_bytes(raw[:8], "little")
    inner = head + 8 + int.from_bytes(raw[head : head + 8], "little")
    first, second = raw[8:head], raw[head + 8 : inner]
    if rng.random() < 0.5:
        first = replace_token(first, rng)
    else:
        size = len(second)
        second = replace_token(second, rng)
        first = re.sub(rb'"file": (\d{1,18})\b', lambda m: b'"file": %d' % (int(m[1]) + len(second) - size), first)
    return b"".join((len(first).to_bytes(8, "little"), first, len(second).to_bytes(8, "little"), second, raw[inner:]))
