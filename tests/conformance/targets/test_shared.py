"""Memory that the judge and a child process both have: what shares it, what is known again, what is written there."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.targets.border import guard_backend
from conformance.targets.isolated import start_isolated
from conformance.targets.shared import CHILD, JUDGE, Shared
from conformance.targets.wire import pack_tensors, split_header
from lstm_spec import Backend, Problem, State
from tests.helpers import fragile
from tests.helpers.environment import TORCH
from tests.helpers.isolation import PLENTY, SHORT, alone, said


def both(name: str, do: Callable[[Backend], Any]) -> tuple[Any, Any]:
    """What comes of it in this process, and in a child."""
    fragile.SEEN.clear()
    fragile.ANSWERED.clear()
    fragile.INPUTS.clear()
    here = do(guard_backend(getattr(fragile, name)))
    with alone(name) as it:
        return here, do(it.backend)


def copy_writable(problem: Problem) -> Problem:
    g = problem.layer.g
    layer = problem.layer._replace(g=g._replace(b=g.b.copy()))
    return replace(problem, parameters=((layer,),), x=problem.x.copy(), state=State(*(a.copy() for a in problem.state)))


def recognise(*problems: Problem) -> Callable[[Backend], list[str]]:
    return lambda backend: [str(backend.forward(problem).state.c) for problem in problems]


def test_what_is_asked_again_is_the_same_object() -> None:
    other = replace(SHORT, x=SHORT.x.copy())
    here, there = both("recognises", recognise(SHORT, SHORT, other, SHORT))
    assert here == there
    assert here[1].startswith(f"{[True] * 8}") and here[2].startswith("[False, True, True, False, True")


def test_arrays_that_share_memory_share_it_there() -> None:
    row = np.random.default_rng(0).standard_normal(40).astype(np.float32)
    shared = replace(
        SHORT, x=row[:12].reshape(2, 2, 3), state=State(*(row[k : k + 8].reshape(1, 2, 4) for k in (8, 20)))
    )
    one = replace(SHORT, state=State(SHORT.state.h, SHORT.state.h))
    here, there = both("recognises", recognise(shared, one, shared, shared))
    assert here == there and here[3].startswith(f"{[True] * 8}")
    assert [text.partition("] [")[2].count("True") for text in here[:2]] == [1, 1]


def test_an_address_off_its_place_is_off_it_there() -> None:
    row = np.zeros(SHORT.x.nbytes + 1, np.uint8)
    x = row[1:].view(np.float32).reshape(SHORT.x.shape)
    here, there = both("recognises", recognise(replace(SHORT, x=x)))
    assert here == there and here[0].endswith("[1, 0, 0, 0, 0]")


def test_an_earlier_output_may_be_an_input() -> None:
    def feed(backend: Backend) -> str:
        y = backend.forward(SHORT).y
        return str(backend.forward(replace(SHORT, x=y[..., :3])).state.c)

    here, there = both("recognises", feed)
    assert here == there and "[True]" in here


def test_what_is_written_over_here_is_written_over_there() -> None:
    handed = copy_writable(SHORT)
    expected = NUMPY.forward(replace(SHORT, x=SHORT.x * 2)).y
    with alone("recognises") as it:
        first = it.backend.forward(handed)
        handed.x[...] *= 2
        assert np.array_equal(it.backend.forward(handed).y, expected)
        assert np.array_equal(first.y, NUMPY.forward(SHORT).y)


@pytest.mark.parametrize("make", [copy_writable, lambda problem: replace(copy_writable(problem), x=SHORT.x[:].copy())])
def test_what_is_written_into_read_only_inputs_is_seen(make: Callable[[Problem], Problem]) -> None:
    handed = make(SHORT)
    for a in (handed.x, *handed.state, handed.layer.g.b):
        a.flags.writeable = False
    with alone("writes_into_all") as it:
        it.backend.forward(handed)
    assert not any(a.any() for a in (handed.x, *handed.state, handed.layer.g.b))


def test_an_input_that_is_given_another_shape_has_it_here() -> None:
    handed = copy_writable(SHORT)
    with alone("reshapes_its_input") as it:
        it.backend.forward(handed)
    assert handed.x.shape == (4, 3)


def test_an_array_that_was_resized_is_looked_at_where_it_lies_now() -> None:
    shared, a = Shared(CHILD), np.zeros(4)
    shared.enclose({"a": a}, b"")
    a.resize(2, refcheck=False)
    message = memoryview(shared.enclose({}, b""))
    header = json.loads(split_header(message)[0])
    assert header["changed"] == [[-1, 16]] and header["shapes"] == [[-1, [2]]]


def test_a_shape_that_is_given_back_here_is_given_back_there() -> None:
    here, there, a, nothing = Shared(JUDGE), Shared(CHILD), np.zeros((2, 3)), pack_tensors({}, {})
    b = there.open(memoryview(here.enclose({"a": a}, pack_tensors({"a": a}, {})))).tensors["a"]
    b.shape = (3, 2)
    here.open(memoryview(there.enclose({}, nothing)))
    assert a.shape == (3, 2)
    a.shape = (2, 3)
    there.open(memoryview(here.enclose({}, nothing)))
    assert b.shape == (2, 3)


def test_what_is_forgotten_here_is_forgotten_there() -> None:
    def count(backend: Backend) -> list[int]:
        return [int(backend.forward(copy_writable(SHORT)).y) for _ in range(5)]

    here, there = both("counts_its_inputs", count)
    assert here == [1] * 5 and there == [1, *[2] * 4]  # it hears of it with the next question


def test_what_is_kept_here_is_kept_there() -> None:
    problems = [copy_writable(SHORT) for _ in range(5)]
    here, there = both("counts_its_inputs", lambda backend: [int(backend.forward(p).y) for p in problems])
    assert here[-1] == there[-1] == 5


# ---------------------------------------------------------------- the state of the floating-point unit


def test_what_a_property_watches_is_watched_where_the_target_runs() -> None:
    def watch(backend: Backend) -> list[Any]:
        raised: list[Any] = []
        with np.errstate(over="call", call=lambda kind, flag: raised.append((kind, flag))):
            backend.forward(SHORT)
        return raised

    here, there = both("overflows", watch)
    assert here == there == [("overflow", 2)]


def test_what_is_made_an_error_is_one_where_the_target_runs() -> None:
    def forbid(backend: Backend) -> str:
        with np.errstate(over="raise"):
            return said(backend.forward, SHORT)

    here, there = both("overflows", forbid)
    assert here == there == "Errored: it raised FloatingPointError: overflow encountered in exp"


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_switching_subnormal_numbers_off_is_noticed() -> None:
    try:
        here = said(guard_backend(fragile.switches_subnormals_off).forward, SHORT)
    finally:
        fragile.set_flush_denormal(False)
    with start_isolated("tests.helpers.fragile:switches_subnormals_off", None, PLENTY, None) as it:
        assert said(it.backend.forward, SHORT) == here
    assert here.startswith("Errored: it switched subnormal numbers off")
