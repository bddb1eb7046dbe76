"""What can be seen of a backend under its contract: what it returns or raises, and what becomes of the arrays."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from conformance.assertions.memory import ask_answer, ask_gradients, copy_arrays
from conformance.diagnosis.experiments.laboratory import ARRAYS, PARTS, name_part
from conformance.nouns import Tensors, change_all_arrays, name_all_arrays
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question
from lstm_spec import Backend, error_model
from lstm_spec.types import Array

Seen = Array | str  # an array, or what there is in place of one, in words
Sight = tuple[str, Seen]  # and its name
RAISED, RETURNED = "raised", "returned"  # names of sights: an exception, and what is no answer
AFTER = "after the call, "  # how the names of inputs begin that were changed
OUTPUTS = {"y": "y", "h": "h_T", "c": "c_T"}
OF_THE_LARGEST, AT_MOST = 2.0**8, 2.0**-5  # unit roundoffs of the largest number of an array, and what they may come to


def ask(backend: Backend, question: Question, backward: bool) -> Tensors | Sight:
    """The arrays that a guarded backend returns, by name, or what it does instead.

    A crash, a hang and an end of the process stay Errored.
    """
    way = ask_gradients if backward else ask_answer
    try:
        with np.errstate(all="ignore"):
            return name_all_arrays(**way(backend, *question))
    except Errored as error:
        if not error.is_exception:
            raise
        return RAISED, str(error)
    except Refuted as refuted:
        return RETURNED, refuted.reason


def list_sights(found: Tensors | Sight) -> Iterator[Sight]:
    """What was returned, array by array, or what was done instead."""
    return iter([found]) if isinstance(found, tuple) else ((name, a.copy()) for name, a in found.items())


def watch_call(backend: Backend, question: Question, backward: bool, writable: bool = True) -> Iterator[Sight]:
    """One call: what it returns, and each input that it changed."""
    place = copy_question(question, writable)
    yield from list_sights(ask(backend, place, backward))
    before = name_all_arrays(**question._asdict())
    for name, a in name_all_arrays(**place._asdict()).items():
        if not np.array_equal(a, before[name], equal_nan=True):
            yield AFTER + name, a.copy()


def watch_laid_out(
    backend: Backend, question: Question, backward: bool, lay_out: Callable[[Question], Question]
) -> Iterator[Sight]:
    """What one call returns to the question laid out in memory in some way."""
    yield from list_sights(ask(backend, lay_out(copy_question(question, writable=False)), backward))


def copy_question(question: Question, writable: bool = True) -> Question:
    """The question with arrays of its own, for a backend may write where it may only read."""
    return Question(*change_all_arrays(partial(copy_arrays, writable=writable), **question._asdict()))


def are_alike(one: Iterable[Sight], other: Iterable[Sight], unit: float) -> bool:
    """Whether two backends show the same, but for rounding of this unit; looks no further than the first difference."""
    ones, others = iter(one), iter(other)
    nothing: Any = None
    while True:
        a, b = next(ones, nothing), next(others, nothing)
        if a is None or b is None:
            return a is b
        if a[0] != b[0] or not is_same(a[1], b[1], unit):
            return False


def is_same(a: Seen, b: Seen, unit: float) -> bool:
    """Whether both are the same words, or arrays of one shape and dtype with the same numbers, but for rounding."""
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and leave_out_details(a) == leave_out_details(b)
    return (a.shape, a.dtype) == (b.shape, b.dtype) and has_same_numbers(a, b, unit)


def has_same_numbers(a: Array, b: Array, unit: float) -> bool:
    """Whether two arrays of one shape hold the same numbers, but for rounding; NaN is NaN."""
    if a.dtype.kind not in "fV" or b.dtype.kind not in "fV":
        return np.array_equal(a, b)
    a, b = a.astype(np.float64), b.astype(np.float64)
    finite = np.abs(b[np.isfinite(b)])
    room = min(OF_THE_LARGEST * unit, AT_MOST) * finite.max(initial=0)
    with np.errstate(invalid="ignore"):
        return bool(((np.abs(a - b) <= room) | (a == b) | (np.isnan(a) & np.isnan(b))).all())


def leave_out_details(words: str) -> str:
    """Of an exception the type alone; anything else stays as it is."""
    return ":".join(words.split(":")[:1]) if words.startswith("it raised ") else words


def find_unit(backend: Backend, dtype: str) -> float:
    """The largest relative roundoff of its grade at this dtype."""
    model = error_model(backend.description.grade(dtype), dtype)
    return max(model.u, model.u_acc, model.u_h, model.u_c, model.s_abs * model.u, model.t_abs * model.u)


def name_array(name: str) -> str:
    """An array as the field calls it: y, h_T, dW, c_0 or dy."""
    noun, part = name.partition(".")[0], name_part(name)
    if noun == "answer":
        return OUTPUTS[part]
    return f"d{PARTS[part]}" if noun == "gradients" else ARRAYS.get(part, part)
