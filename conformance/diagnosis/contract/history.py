"""Several calls of one backend: whether one of them shows in another."""

from collections.abc import Iterator

import numpy as np

from conformance.assertions.memory import SHARES, copy_arrays, write_question
from conformance.diagnosis.contract.observing import Sight, ask, copy_question, list_sights, name_array
from conformance.diagnosis.experiments.laboratory import ARRAYS
from conformance.diagnosis.experiments.patterns import name_ordinal
from conformance.nouns import Tensors
from conformance.problems.question import Question, redraw_question
from lstm_spec import Backend, Feature

OTHERS = 6  # questions that are asked after one another
FIRST, AGAIN, SAME, OTHER = "the first numbers", "asked again", "the same bits", "other bits"


class Diary:
    """The calls of a backend: what each returned, and which later one changed that."""

    def __init__(self, backend: Backend, backward: bool) -> None:
        self.backend, self.backward = backend, backward
        self.given: list[tuple[str, Tensors, Tensors]] = []

    def note(self, name: str, question: Question) -> Iterator[Sight]:
        """What one call returns, and the earlier answers that it changes."""
        found = ask(self.backend, question, self.backward)
        for label, a in list_sights(found):
            yield f"{name}: {label}", a
        for calls, (earlier, arrays, kept) in enumerate(reversed(self.given), start=1):
            if changed := [k for k, a in arrays.items() if not np.array_equal(a, kept[k], equal_nan=True)]:
                which = "next call" if calls == 1 else f"{name_ordinal(calls)} call after it"
                names = ", ".join(dict.fromkeys(map(name_array, changed)))
                yield f"after {name}, the answer {earlier}", f"{names} of an answer is overwritten by the {which}"
                kept.update(copy_arrays(arrays))
        if isinstance(found, dict):
            self.given.append((name, found, copy_arrays(found)))


def watch_history(backend: Backend, question: Question, backward: bool) -> Iterator[Sight]:
    """Questions of the same shapes after one another, some of which share a part; the first one is asked again."""
    diary, question = Diary(backend, backward), copy_question(question, writable=False)
    yield from diary.note(FIRST, question)
    for k in range(OTHERS):
        yield from diary.note(f"other numbers ({k + 1})", redraw_question(question, k))
    for k, parts in enumerate(SHARES[1:]):
        words = " and ".join(ARRAYS.get(part, part) for part in parts)
        yield from diary.note(f"other {words}", redraw_question(question, k, parts))
    yield from diary.note(AGAIN, question)
    yield from diary.note(f"{AGAIN} at once", question)
    if backend.offers(Feature.DETERMINISTIC) and len(diary.given) > 1:
        one, other = diary.given[0][2], diary.given[-1][2]
        same = one.keys() == other.keys() and all(np.array_equal(a, other[k], equal_nan=True) for k, a in one.items())
        yield AGAIN, SAME if same else OTHER
    if backward:
        yield from list_sights(ask(backend, question, False))


def watch_overwriting(backend: Backend, question: Question, backward: bool) -> Iterator[Sight]:
    """One question whose arrays are written over between the calls, all of them or those of one kind."""
    diary = Diary(backend, backward)
    place = copy_question(question)
    yield from diary.note(FIRST, place)
    for k, parts in enumerate(SHARES):
        write_question(place, redraw_question(question, k, parts))
        words = "everything" if k == 0 else " and ".join(ARRAYS.get(part, part) for part in parts)
        yield from diary.note(f"{words} written over", place)
