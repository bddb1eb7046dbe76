"""Whether memory is left alone: inputs, earlier answers, and the arrays of an earlier question that are used again."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np

from conformance.assertions.comparison import assert_same
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped, assert_shaped
from conformance.nouns import Tensors, change_all_arrays, name_all_arrays
from conformance.outcome import Refuted
from conformance.problems.memory import WAYS, lay_out_arrays
from conformance.problems.question import EVERY_PART, Question, change_one_number, redraw_question
from lstm_spec import Answer, Backend, Cotangents, Feature, Problem

AXES = ("row", "column", "place")
WEIGHTS, STATES = ("W", "U", "b", "p", "R"), ("h", "c")
SHARES = (EVERY_PART, WEIGHTS, STATES, ("x", "y"), ("W",), ("U",), ("b", "p", "R"), ("h",), ("c",))
SMALL, FEW = 350, 3  # a question of fewer numbers is asked again after all shares, a larger one after few
Found = dict[str, Any]  # an answer, and gradients if they were asked for
Ask = Callable[[Backend, Problem, Cotangents], Found]
Judge = Callable[[Question, Found], object]
Reuse = Callable[[Backend], Backend]
Retry = Callable[[Reuse, Question, Question], object]
Relocate = Callable[[Reuse], object]


def ask_answer(backend: Backend, problem: Problem, _: Cotangents) -> Found:
    """The answer of the forward pass, by name."""
    return {"answer": backend.forward(problem)}


def ask_gradients(backend: Backend, problem: Problem, d: Cotangents) -> Found:
    """The gradients, and the answer of the same pass, by name."""
    answer, gradients = backend.differentiate(problem, d)
    return {"answer": answer, "gradients": gradients}


FORWARD_ONLY: tuple[Ask, ...] = (ask_answer,)
BOTH_WAYS: tuple[Ask, ...] = (ask_gradients, ask_answer)


def assert_found_shaped(found: Found, problem: Problem) -> None:
    """Refuted unless all that was found has its shapes and the dtype of the problem."""
    assert_answer_shaped(found["answer"], problem)
    if "gradients" in found:
        assert_gradients_shaped(found["gradients"], problem)


def copy_arrays(arrays: Tensors, writable: bool = True) -> Tensors:
    """Copies of the arrays."""
    copies = {name: a.copy() for name, a in arrays.items()}
    for a in copies.values():
        a.flags.writeable = writable
    return copies


def assert_all_same(when: str, got: Tensors, expected: Tensors) -> None:
    """Refuted unless each array has the shape, the dtype and the numbers of the other one of its name."""
    for name, a in got.items():
        assert_shaped(f"{name}, {when},", a, expected[name], "")
        assert_same(f"{name}, {when},", a, expected[name], AXES[: a.ndim])


def assert_inputs_stay(backend: Backend, ask: Ask, question: Question) -> None:
    """Refuted if a call changes any of its inputs, whether they may be written or not."""
    for writable in (True, False):
        copy = partial(copy_arrays, writable=writable)
        problem, d = change_all_arrays(copy, problem=question.problem, d=question.d)
        ask(backend, problem, d)
        assert_all_same("after the call", name_all_arrays(problem=problem, d=d), name_all_arrays(**question._asdict()))


def assert_no_trace(backend: Backend, ways: tuple[Ask, ...], question: Question, judge: Judge) -> None:
    """Refuted if questions that share a part with this one change an earlier answer, or the answer to this one.

    Every way to ask follows every other one: gradients may not be those of the last forward pass either.
    """
    given: list[tuple[Tensors, Tensors]] = []

    def note(ask: Ask, asked: Question) -> Found:
        found = ask(backend, *asked)
        assert_found_shaped(found, asked.problem)
        arrays = name_all_arrays(**found)
        given.append((arrays, copy_arrays(arrays)))
        return found

    first = [note(ask, question) for ask in ways]
    again: list[list[Found]] = [[] for _ in ways]
    is_small = sum(a.size for a in name_all_arrays(noun=tuple(question)).values()) < SMALL
    for k, parts in enumerate(SHARES):
        other = redraw_question(question, k, parts)
        if not (is_small or k < FEW):
            note(ways[k % len(ways)], other)
            continue
        for n, ask in enumerate(ways):
            note(ways[n - 1], other)
            again[n].append(note(ask, question))
    for arrays, kept in given:
        assert_all_same("after other calls", arrays, kept)
    for before, after in zip(first, again, strict=True):
        for found in after:
            assert_repeated(backend, before, found, partial(judge, question))


def assert_read_anew(backend: Backend, ways: tuple[Ask, ...], question: Question, seed: int, retry: Retry) -> None:
    """Refuted if inputs are not read again after they were written over, all of them or one number inside.

    Also if x is written into an earlier output. The answers have to be those that the same numbers get elsewhere in
    memory, to the last bit, or else `retry` refutes what is wrong; and no earlier answer may change.
    """
    part = EVERY_PART[seed % len(EVERY_PART) :][:1]
    inside = (change_one_number(question, parts) for parts in (EVERY_PART, part))
    others = [question, *inside, redraw_question(question, seed)]  # first what is tame, where `retry` sees most
    elsewhere = [[name_all_arrays(**ask(backend, *other)) for ask in ways] for other in others]
    (place,) = change_all_arrays(copy_arrays, place=question)
    given: list[tuple[Tensors, Tensors]] = []
    for other, expected in zip(others, elsewhere, strict=True):
        write_question(place, other)
        for ask, wanted in zip(ways, expected, strict=True):
            arrays = name_all_arrays(**ask(backend, *place))
            given.append((arrays, copy_arrays(arrays)))
            if not _are_same(arrays, wanted):
                retry(overwrite_questions, question, other)
    for arrays, kept in given:
        assert_all_same("after its question was overwritten", arrays, kept)
    fed = feed_outputs_back(backend)
    again = [name_all_arrays(**ask(fed, *question)) for ask in (*ways, *ways)][len(ways) :]
    if not all(map(_are_same, again, elsewhere[0])):
        retry(feed_outputs_back, question, question)


def assert_read_anywhere(backend: Backend, ask: Ask, question: Question, seed: int, retry: Relocate) -> None:
    """Refuted by `retry` if a question that lies elsewhere in memory gets other answers; asked in every way."""
    here = name_all_arrays(**ask(backend, *question))
    for turn in range(len(WAYS)):
        lay_out = partial(lay_out_questions, seed=seed, turn=turn)
        if not _are_same(name_all_arrays(**ask(lay_out(backend), *question)), here):
            retry(lay_out)


def write_question(place: Question, other: Question) -> None:
    """Write the numbers of the other question, which has the same form and shapes, into the arrays of this one."""
    written = name_all_arrays(noun=tuple(other))
    for name, a in name_all_arrays(noun=tuple(place)).items():
        a[...] = written[name]


def _are_same(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(a, other[name], equal_nan=True) for name, a in one.items())


def assert_repeated(backend: Backend, first: Found, again: Found, judge: Callable[[Found], object]) -> None:
    """Refuted unless the second answer is the first.

    A backend that is not deterministic need not repeat it to the last bit; `judge` refutes what is wrong.
    """
    if backend.offers(Feature.DETERMINISTIC):
        assert_all_same("asked again", name_all_arrays(**again), name_all_arrays(**first))
    else:
        assert_still(partial(judge, first), partial(judge, again), "asked again")


def assert_still(before: Callable[[], object], after: Callable[[], object], when: str) -> None:
    """Refuted if what comes after is; what is wrong already before is for other properties to name."""
    try:
        before()
    except Refuted:
        return
    try:
        after()
    except Refuted as refuted:
        raise Refuted(f"{refuted.reason}, {when}", difference=refuted.difference) from None


# ---------------------------------------------------------------- the same backend, asked in other places of memory


def lay_out_questions(backend: Backend, seed: int, turn: int) -> Backend:
    """The backend with every question laid out in memory in another way; in every way after all turns."""

    def lay_out(problem: Problem, d: Cotangents | None) -> list[Any]:
        return change_all_arrays(partial(lay_out_arrays, seed=seed, turn=turn), problem=problem, d=d)

    return _ask_elsewhere(backend, lay_out, lambda *found: None)


def overwrite_questions(backend: Backend) -> Backend:
    """The backend with every question written over the last one of the same form and shapes, as by an optimiser.

    Refuted if that changes an earlier answer.
    """
    handed: dict[str, list[Any]] = {}
    given: list[tuple[Tensors, Tensors]] = []

    def overwrite(problem: Problem, d: Cotangents | None) -> list[Any]:
        arrays, (copied,) = name_all_arrays(problem=problem, d=d), change_all_arrays(copy_arrays, both=(problem, d))
        shapes = {name: (a.shape, a.dtype) for name, a in arrays.items()}
        nouns = handed.setdefault(f"{shapes} {problem.variant} {problem.directions}", copied)
        write_question(Question(*nouns), Question(problem, cast(Cotangents, d)))
        return nouns

    def keep(*found: Any) -> None:
        for arrays, kept in given:
            assert_all_same("after its question was overwritten", arrays, kept)
        arrays = name_all_arrays(**dict(zip(("answer", "gradients"), found, strict=False)))
        given.append((arrays, copy_arrays(arrays)))

    return _ask_elsewhere(backend, overwrite, keep)


def feed_outputs_back(backend: Backend) -> Backend:
    """The backend with x written into the last output, and read from there, wherever it fits in."""
    outputs: list[Any] = []

    def feed(problem: Problem, d: Cotangents | None) -> list[Any]:
        x, y = problem.x, outputs[-1] if outputs else None
        if not isinstance(y, np.ndarray) or y.dtype != x.dtype or y.size < x.size:
            return [problem, d]
        if not (y.flags.c_contiguous and y.flags.writeable):
            return [problem, d]
        place = y.reshape(-1)[: x.size].reshape(x.shape)
        place[...] = x
        return [replace(problem, x=place), d]

    return _ask_elsewhere(backend, feed, lambda answer, *_: outputs.append(answer.y))


def _ask_elsewhere(
    backend: Backend, move: Callable[[Problem, Cotangents | None], list[Any]], note: Callable[..., None]
) -> Backend:
    """The backend with every question moved before it is asked; `note` is called with what it returned.

    The judge gets a copy: it may look at an answer again after the next question has taken its place.
    """

    def forward(problem: Problem) -> Answer:
        answer = backend.forward(move(problem, None)[0])
        note(answer)
        (copied,) = change_all_arrays(copy_arrays, answer=answer)
        return cast(Answer, copied)

    def gradients(problem: Problem, d: Cotangents) -> Any:
        answer, found = backend.differentiate(*move(problem, d))
        note(answer, found)
        return change_all_arrays(copy_arrays, answer=answer, gradients=found)

    return replace(backend, forward=forward, gradients=backend.gradients and gradients)
