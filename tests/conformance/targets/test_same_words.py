"""An isolated backend is refuted and changes memory as one in the same process."""

from dataclasses import replace

import numpy as np
import pytest

from conformance.assertions.shapes import assert_answer_shaped
from conformance.nouns import put_together, take_apart
from conformance.outcome import Refuted
from conformance.targets.border import guard_backend
from conformance.targets.isolated import start_isolated
from conformance.targets.resolve import resolve
from lstm_spec import Answer, Backend, Problem
from lstm_spec.types import Array
from tests.helpers.isolation import (
    LONG,
    PLENTY,
    SHORT,
    alone,
    bits,
    cotangents,
    said,
)

# ---------------------------------------------------------------- the same words as in this process


@pytest.mark.parametrize(
    ("target", "pass_"),
    [
        ("tests.helpers.fragile:fails", "forward"),
        ("tests.helpers.fragile:leaves", "forward"),
        ("tests.helpers.specimens:exits", "forward"),
        ("tests.helpers.specimens:returns_a_tuple", "forward"),
        ("tests.helpers.specimens:returns_only_gradients", "gradients"),
        ("tests.helpers.specimens:returns_packed_gradients", "gradients"),
        ("tests.helpers.fragile:returns_half_a_pair", "gradients"),
    ],
)
def test_what_is_no_answer_is_told_in_the_same_words(target: str, pass_: str) -> None:
    arguments = (SHORT, cotangents(SHORT))[: 1 + (pass_ == "gradients")]
    here = said(getattr(guard_backend(resolve(target)), pass_), *arguments)
    with start_isolated(target, None, PLENTY, None) as it:
        assert said(getattr(it.backend, pass_), *arguments) == here
        assert said(getattr(guard_backend(it.backend), pass_), *arguments) == here


def test_the_clause_of_a_wrong_answer_arrives() -> None:
    with alone("tests.helpers.specimens:returns_only_gradients") as it, pytest.raises(Refuted) as refuted:
        it.backend.differentiate(SHORT, cotangents(SHORT))
    assert refuted.value.clause == "SHAPE-3"


@pytest.mark.parametrize(
    "target",
    [f"tests.helpers.specimens:{name}" for name in ("returns_tensors", "returns_float16", "puts_the_batch_first")]
    + ["tests.helpers.fragile:answers_other_things"],
)
def test_parts_that_are_no_arrays_of_the_right_kind_are_told_in_the_same_words(target: str) -> None:
    def look(backend: Backend) -> str:
        return said(lambda: assert_answer_shaped(backend.forward(LONG), LONG))

    with start_isolated(target, None, PLENTY, None) as it:
        assert look(it.backend) == look(guard_backend(resolve(target)))


def test_an_answer_of_another_kind_of_answer_is_one() -> None:
    tensors: dict[str, Array] = {}
    form = take_apart(Special(SHORT.x, SHORT.state), "answer", tensors)
    answer = put_together(form, tensors)
    assert type(answer) is Answer and answer.y is SHORT.x


class Special(Answer):
    """Somebody's subclass."""


# ---------------------------------------------------------------- what else a property can see


def writable(problem: Problem) -> Problem:
    g = problem.layer.g
    layer = problem.layer._replace(g=g._replace(b=g.b.copy()))
    return replace(
        problem, parameters=((layer,),), x=problem.x.copy(), state=problem.state._replace(h=problem.state.h.copy())
    )


def test_what_is_written_into_an_input_is_written_here_even_if_it_fails() -> None:
    handed = writable(SHORT)
    with alone("spoils_its_inputs") as it:
        assert said(it.backend.forward, handed) == "Errored: it raised RuntimeError: too late"
    for got, was in ((handed.x, SHORT.x), (handed.state.h, SHORT.state.h), (handed.layer.g.b, SHORT.layer.g.b)):
        assert np.array_equal(got, was + np.float32(1))
    assert handed.state.c is SHORT.state.c and np.array_equal(handed.layer.i.b, SHORT.layer.i.b)


def test_an_input_that_may_not_be_written_stays_as_it_is() -> None:
    before = bits(SHORT.x)
    with alone("spoils_its_inputs") as it:
        assert said(it.backend.forward, SHORT) == "Errored: it raised RuntimeError: too late"
    assert bits(SHORT.x) == before


def test_an_earlier_answer_changes_with_the_memory_it_shares() -> None:
    with alone("counts") as it:
        answers = [it.backend.forward(SHORT) for _ in range(20)]
    numbers = [{float(n) for n in (*answer.y.flat, *answer.state.h.flat)} for answer in answers]
    assert numbers == [{20.0}] * 20


def test_an_earlier_answer_may_change_back() -> None:
    with alone("alternates") as it:
        first, seen = it.backend.forward(SHORT), []
        for _ in range(3):
            seen.append(float(first.y.max()))
            it.backend.forward(SHORT)
    assert seen == [2.0, 1.0, 2.0]


def test_an_answer_that_is_an_input_is_that_input() -> None:
    handed = writable(SHORT)
    with alone("echoes") as it:
        answer = it.backend.forward(handed)
    assert answer.y is handed.x and answer.state.h is handed.state.h and answer.state.c is handed.state.c


def test_an_answer_that_was_made_read_only_still_changes() -> None:
    with alone("counts") as it:
        first = it.backend.forward(SHORT)
        first.y.flags.writeable = False
        it.backend.forward(SHORT)
    assert float(first.y.max()) == 2.0
