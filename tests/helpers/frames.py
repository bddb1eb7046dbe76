"""Replies of a child process as bytes: real ones, damaged ones, and a judge that reads them."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from backends.numpy.backend import BACKEND as NUMPY
from conformance.nouns import change_all_arrays
from conformance.targets.child import Child
from conformance.targets.link import Reply, pack_question, read_reply
from conformance.targets.shared import Shared
from lstm_spec import Answer, Backend, Problem
from tests.helpers.hostile import raising
from tests.helpers.isolation import SHORT, cotangents


def _answer_in_another_order(problem: Problem) -> Answer:
    answer = NUMPY.forward(problem)
    return replace(answer, y=np.asfortranarray(answer.y)[::-1])


def _write_and_answer(problem: Problem) -> Answer:
    answer = NUMPY.forward(problem)
    problem.x.flags.writeable = True
    problem.x[...] += 1
    return replace(answer, y=answer.y.astype(">f8"))


ANSWERING = [NUMPY, replace(NUMPY, forward=_answer_in_another_order), replace(NUMPY, forward=_write_and_answer)]
CALLS: list[tuple[Backend, str, tuple[Any, ...]]] = [
    *((backend, "forward", (SHORT,)) for backend in ANSWERING),
    (NUMPY, "gradients", (SHORT, cotangents(SHORT))),
    (raising("colours"), "forward", (SHORT,)),
]


def ask_by_hand(arguments: tuple[Any, ...], call: str) -> tuple[Shared, bytes]:
    """A judge that has just asked a question of copies of the arguments, and the message."""
    shared = Shared(1, lambda a, _: lambda: a)
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

ODD = [
    b"-1",
    b"0",
    b"9223372036854775808",
    b"1" * 5000,
    b"1e999",
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b'"|O"',
    b'"x"',
    b"true",
]
ODD += [
    b"[" * 100_000,
    b'{"a":' * 10_000,
    b'"V2000000000"',
    b'"f4,O"',
    b"[4611686018427387904,2,2]",
    b"-16",
    b'"M8[ns]"',
]
TOKEN = re.compile(rb'-?\d+|"[^"\\]*"|\[[^\[\]]*\]')


def damage(raw: bytes, rng: random.Random) -> bytes:
    """The bytes, changed in one to three places."""
    for _ in range(rng.randint(1, 3)):
        raw = rng.choice(DAMAGES)(raw, rng)
    return raw


def _flip_bytes(raw: bytes, rng: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(raw: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
    return raw[:start] + raw[end:]


def _repeat(raw: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
    return raw[:end] + raw[start:]


def _replace_token(raw: bytes, rng: random.Random) -> bytes:
    """Something else in a header, and the lengths before it as they have to be."""
    head = 8 + int.from_bytes(raw[:8], "little")
    inner = head + 8 + int.from_bytes(raw[head : head + 8], "little")
    first, second = raw[8:head], raw[head + 8 : inner]
    if rng.random() < 0.5:
        first = _replace_in(first, rng)
    else:
        size = len(second)
        second = _replace_in(second, rng)
        first = re.sub(rb'"file": (\d{1,18})\b', lambda m: b'"file": %d' % (int(m[1]) + len(second) - size), first)
    return b"".join((len(first).to_bytes(8, "little"), first, len(second).to_bytes(8, "little"), second, raw[inner:]))


def _replace_in(text: bytes, rng: random.Random) -> bytes:
    tokens = list(TOKEN.finditer(text))
    if not tokens:
        return text
    token = rng.choice(tokens)
    other = rng.choice([*ODD, rng.choice(tokens)[0]])
    return text[: token.start()] + other + text[token.end() :]


def _change_length(raw: bytes, rng: random.Random) -> bytes:
    return rng.choice([2**60, 2**63, 0, len(raw), 2**64 - 1, rng.randrange(1 << 16)]).to_bytes(8, "little") + raw[8:]


DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [
    _flip_bytes,
    _cut,
    _repeat,
    _replace_token,
    _replace_token,
    _replace_token,
    _change_length,
]
