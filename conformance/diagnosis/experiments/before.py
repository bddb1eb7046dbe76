"""Whether an answer depends on what was asked before it, or on how its question lies in memory."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise, product

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.memory import copy_arrays
from conformance.diagnosis.experiments.first import find_after_gradients, find_first, find_kept, mix_questions
from conformance.diagnosis.experiments.laboratory import ARRAYS, TINY, Finding, Laboratory, OutOfTime, Sizes, name_part
from conformance.diagnosis.experiments.layout import find_layout, find_shared
from conformance.diagnosis.experiments.log import Log
from conformance.diagnosis.experiments.patterns import name_ordinal
from conformance.diagnosis.experiments.term.dropout import DIFFERS, differs, find_dropout
from conformance.nouns import change_all_arrays, name_all_arrays
from conformance.outcome import NotClaimed
from conformance.problems.question import Question
from lstm_spec import Backend
from lstm_spec.types import Array

UNUSED: Sizes = (4, 3, 6, 7)  # no other experiment asks them
FEW, MANY = 60, 130  # calls with one question
FRESH, COPIES = 20, 3  # questions
BY_ADDRESS = "only where an array lies where one of an earlier question lay, as if arrays were known by their address"
LATER = 8  # calls after which an answer is looked at again


def find_history(laboratory: Laboratory) -> Finding | None:
    """How answers depend on earlier calls, or on the layout of memory; None if they do not. Raises OutOfTime."""
    log = Log(laboratory)
    if words := find_rare(log):
        return Finding(words, True, tuple(log.tried), is_condition=words.startswith("only "), is_whole=True)
    for find in (find_overwritten, find_kept):
        if words := find(log):
            is_whole = find is find_kept  # sizes at which nothing was asked before are right
            return Finding(words, True, tuple(log.tried), is_condition=False, is_whole=is_whole)
    for find in (
        find_identity,
        find_known,
        find_unsettled,
        find_first,
        find_layout,
        find_shared,
        find_after_gradients,
    ):  # which may spoil what follows
        if words := find(log):
            return Finding(words, True, tuple(log.tried), is_whole=True)
    if differs(log):
        return Finding(DIFFERS, True, tuple(log.tried), is_condition=False)
    return None


def find_overwritten(log: Log) -> str:
    """Whether a later call changes an answer that was given; empty if none of a few does."""
    questions = [log.laboratory.make_question(UNUSED, seed) for seed in range(LATER)]
    given = log.ask(questions[0])
    arrays = name_all_arrays(given=given)
    kept = copy_arrays(arrays)
    for k, question in enumerate(questions[1:], start=1):
        log.ask(question)
        changed = [name for name, a in arrays.items() if not np.array_equal(a, kept[name], equal_nan=True)]
        log.tried.append((f"an answer, after {k} more", "wrong" if changed else "right"))
        if changed:
            which = "next call" if k == 1 else f"{name_ordinal(k)} call after it"
            return f"answers from a buffer that it uses again: an answer is overwritten by the {which}"
    return ""


def find_known(log: Log) -> str:
    """Which part alone an answer is remembered by, so that other numbers elsewhere are not read; empty if none."""
    make, found = log.laboratory.make_question, list[str]()
    for k, part in enumerate(ARRAYS):
        one, other = make(UNUSED, 20 + 2 * k), make(UNUSED, 21 + 2 * k)
        if part not in {name_part(name) for name in name_all_arrays(**one._asdict())}:
            continue
        log.ask(one)
        mixed, as_before = mix_questions(other, one, (part,)), f"only {ARRAYS[part]} as before"
        if log.judge(as_before, mixed).is_wrong and _differs(log, mixed, partial(_nudge_part, part)):
            found.append(ARRAYS[part])
    return f"only after a question with the same {' or '.join(found)}" if 0 < len(found) < 3 else ""


def find_identity(log: Log) -> str:
    """Whether answers are wrong once the arrays of earlier questions are gone, and right while all are kept."""
    make = log.laboratory.make_question
    kept = [make(TINY, seed) for seed in range(FRESH)]
    if any(log.judge("arrays of their own", question).is_wrong for question in kept):
        return ""
    del kept
    for seed in range(FRESH, 3 * FRESH):
        question = make(TINY, seed)
        if log.judge("arrays where others have been", question).is_wrong:
            is_known = _differs(log, question, _copy_part)
            return BY_ADDRESS if is_known else ""
    return ""


def _differs(log: Log, question: Question, change: Callable[[str, Array], Array]) -> bool:
    """Whether a question is wrong again, and right once its arrays are changed in a way that should change nothing."""
    changed = [
        Question(*change_all_arrays(lambda arrays: {k: change(k, a) for k, a in arrays.items()}, **question._asdict()))
        for _ in range(COPIES)
    ]
    is_right = any(log.judge("almost the same question", each).said == "right" for each in changed)
    return is_right and log.judge("the same question again", question).is_wrong


def _copy_part(name: str, a: Array) -> Array:
    return frozen(a.copy())


def _nudge_part(part: str, name: str, a: Array) -> Array:
    """The array; of that part, its first number is the next one that there is."""
    changed = a.copy()
    if name_part(name) == part:
        changed.flat[0] = np.nextafter(a.flat[0], a.dtype.type(np.inf))
    return frozen(changed)


def describe_history(backend: Backend, dtype: str, seconds: float) -> str:
    """What `find_history` finds on a guarded backend of a plain layer, in words; empty if it finds nothing in time."""
    try:
        found = find_history(Laboratory(backend, dtype, seconds=seconds))
    except (OutOfTime, NotClaimed):
        return ""
    return found.sentence if found else ""


def find_rare(log: Log) -> str:
    """In which calls one question gets a wrong answer, if it is neither in all nor in none, nor in the first alone."""
    question, before = log.laboratory.make_question(TINY, 0), log.laboratory.counts["calls"]
    wrong = [k for k in range(FEW) if log.judge(f"one question, call {k + 1}", question).is_wrong]
    if len(wrong) == FEW:
        return find_dropout(log)
    if not wrong or wrong == [0]:
        return ""
    wrong += [k for k in range(FEW, MANY) if log.judge(f"one question, call {k + 1}", question).is_wrong]
    if wrong == [*range(wrong[0], MANY)]:
        return (
            find_unsettled(log) or f"only from the {name_ordinal(before + wrong[0] + 1)} call of these experiments on"
        )
    gaps = {b - a for a, b in pairwise(wrong)}
    if len(gaps) == 1 and (gap := gaps.pop()) > 1:
        return f"only in every {name_ordinal(gap)} call"
    counted = f"differs from call to call: of {MANY} calls with one question, {len(wrong)} got a wrong answer"
    return find_dropout(log) or counted


def find_unsettled(log: Log) -> str:
    """After which question an answer is wrong, if it is not wrong after each; empty if it is never wrong, or always."""
    question, same = (log.laboratory.make_question(TINY, seed) for seed in range(2))
    others = [("itself", question), ("other numbers in the same shapes", same)]
    for (k, letter), (more, size) in product(enumerate("TBIH"), ((1, "larger"), (-1, "smaller"))):
        sizes = tuple(n + more * (k == m) for m, n in enumerate(TINY))
        others.append((f"a {size} {letter}", log.laboratory.make_question(sizes, 0)))  # type: ignore[arg-type]
    found, right = list[str](), list[str]()
    for name, other in others:
        log.ask(other)
        said = {log.judge(f"after a question with {name}", question).said}
        log.ask(other)
        said |= {log.judge(f"after a question with {name}", question).said}
        if said not in ({"right"}, {"wrong"}):
            return ""
        (found if said == {"wrong"} else right).append(name)
    if not found or not right:
        return ""
    return f"only after a question {_name_questions(found, right)}"


def _name_questions(found: list[str], right: list[str]) -> str:
    """In words, those after which an answer is wrong."""
    alike = [name for name in ("itself", "other numbers in the same shapes") if name in found]
    shaped = [name for name in found if name not in alike]
    is_all = len(shaped) == len(found) + len(right) - 2
    if len(alike) == 2 and not shaped:
        return "of the same shapes"
    if not alike and is_all:
        return "of other shapes"
    if right == ["itself"]:
        return "other than itself"
    for letter in "TBIH":
        if {f"a larger {letter}", f"a smaller {letter}"} <= {*shaped}:
            shaped[shaped.index(f"a larger {letter}")] = f"another {letter}"
            shaped.remove(f"a smaller {letter}")
    others = [k for k in "TBIH" if not any(name.endswith(f" {k}") for name in shaped)]
    if len(others) == 1 and "other numbers in the same shapes" in alike:
        return f"of the same {others[0]}"
    named = [*(name for name in alike if name != "itself"), *shaped]
    return f"with {' or '.join(named)}" if named else "like itself"
