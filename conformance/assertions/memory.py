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
from conformance.problems.memory import lay_out_arrays
from conformance.problems.question import Question, redraw_question
from lstm_spec import Answer, Backend, Cotangents, Feature, Problem

AXES = ("row", "column", "place")
FURTHER = 8  # questions, after which no earlier answer may have changed
Found = dict[str, Any]  # an answer, and gradients if they were asked for
Ask = Callable[[Backend, Problem, Cotangents], Found]


def ask_answer(backend: Backend, problem: Problem, _: Cotangents) -> Found:
    """The answer of the forward pass, by name."""
    return {"answer": backend.forward(problem)}


def ask_gradients(backend: Backend, problem: Problem, d: Cotangents) -> Found:
    """The gradients, and the answer of the same pass, by name."""
    answer, gradients = backend.differentiate(problem, d)
    return {"answer": answer, "gradients": gradients}


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


def assert_no_trace(
    backend: Backend, ask: Ask, question: Question, seed: int, judge: Callable[[Found], object]
) -> None:
    """Refuted if other questions of the same shapes change an earlier answer, or the answer to this one."""
    others = [redraw_question(question, seed + k) for k in range(FURTHER)]
    given = []
    for asked in (question, *others):
        found = ask(backend, *asked)
        assert_found_shaped(found, asked.problem)
        arrays = name_all_arrays(**found)
        given.append((found, arrays, copy_arrays(arrays)))
    for _, arrays, kept in given:
        assert_all_same("after other calls", arrays, kept)
    assert_repeated(backend, given[0][0], ask(backend, *question), judge)


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


def lay_out_questions(backend: Backend, seed: int) -> Backend:
    """The backend with every question laid out in another way in memory."""

    def lay_out(problem: Problem, d: Cotangents | None) -> list[Any]:
        return change_all_arrays(partial(lay_out_arrays, seed=seed), problem=problem, d=d)

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
        for name, a in name_all_arrays(problem=nouns[0], d=nouns[1]).items():
            a[...] = arrays[name]
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
