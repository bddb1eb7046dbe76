"""Whether first calls are answered unlike later ones: of all, with the same shapes or numbers, or of a process."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain, combinations
from typing import Any

from conformance.diagnosis.experiments.laboratory import ARRAYS, TINY, Finding, Laboratory, Sizes, name_part
from conformance.diagnosis.experiments.log import Log
from conformance.nouns import change_all_arrays, name_all_arrays
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question
from conformance.targets.border import guard_backend
from lstm_spec import Backend
from lstm_spec.types import Array

NEW_SHAPES: tuple[Sizes, ...] = ((5, 2, 3, 9), (2, 5, 4, 7))  # no other experiment asks these
ONLY_FIRST = "only in the first call"
AT_FIRST, LATER = ["wrong", "right", "right"], ["right", "wrong", "wrong"]
SHAPES: Sizes = (3, 4, 7, 6)  # no other experiment asks these
NEW: tuple[Sizes, ...] = ((3, 5, 9, 8), (4, 5, 8, 9), (3, 6, 9, 7), (5, 4, 7, 9))  # nor these
KEPT = {  # what may be left of an earlier call
    "the weights": ("W", "U", "b", "p", "R"),
    "the state": ("h", "c"),
    "x": ("x",),
    "the lengths": ("lengths",),
    "W": ("W",),
    "U": ("U",),
    "b": ("b",),
    "h_0": ("h",),
    "c_0": ("c",),
    "the state and x": ("h", "c", "x"),
    "the cotangents": ("dy",),
}
SINGLE = ("W", "U", "b", "h", "c", "x")
Renew = Callable[[], AbstractContextManager[Backend]]  # the target made once more, in a process of its own


def find_first(log: Log) -> str:
    """Whether only first calls are wrong, or only later ones with the same question; empty if neither is so."""
    laboratory = log.laboratory
    one, same, other = (laboratory.make_question(NEW_SHAPES[k], seed) for k, seed in ((0, 0), (0, 1), (1, 0)))
    said = _judge_again(log, "a new question", one)
    if said == LATER:
        return "only from the second call with the same question on"
    if said == AT_FIRST:
        is_new = log.judge("other numbers in the same shapes", same).is_wrong
        return f"only in the first call with {'a new question' if is_new else 'new shapes'}"
    asked, first = laboratory.first or (one, "right")
    if first != "wrong" or said != ["right"] * 3 or log.judge("the very first question again", asked).is_wrong:
        return ""
    log.tried.append(("the very first call", first))
    return "" if log.judge("a new question in new shapes", other).is_wrong else ONLY_FIRST


def _judge_again(log: Log, name: str, question: Question, backend: Backend | None = None) -> list[str]:
    """What comes of three calls with one question."""
    return [log.judge(f"{name}, call {k + 1}", question, backend).said for k in range(3)]


def find_after_gradients(log: Log) -> str:
    """Whether answers are wrong after gradients were asked for; empty if not, or if they are wrong before."""
    laboratory, question = log.laboratory, log.laboratory.make_question(TINY)
    if laboratory.backward or laboratory.backend.gradients is None:
        return ""
    before = log.judge("before gradients", question).said
    try:
        laboratory.differentiate(question)
    except (Errored, Refuted):
        return ""
    if before != "right" or not log.judge("an answer after gradients", question).is_wrong:
        return ""
    is_next = not log.judge("the answer after that", question).is_wrong
    return f"only after gradients were asked for: {'the next answer' if is_next else 'every later answer'}"


def find_process(laboratory: Laboratory, renew: Renew) -> Finding | None:
    """How a fresh process answers one question otherwise than this one does; None if it does not."""
    log, question = Log(laboratory), laboratory.make_question(TINY)
    here = log.judge("in this process", question).said
    laboratory.check_time()
    with renew() as backend:
        if laboratory.backward and backend.gradients is None:
            return None
        fresh = _judge_again(log, "in a fresh process", question, guard_backend(backend))
    found = {
        ("right", "wrong right right"): "only in the first call of a process",
        ("right", "wrong wrong wrong"): "only in a fresh process: this one, which has answered before, is right",
        ("wrong", "right right right"): "only in this process: a fresh one answers the same question rightly",
    }.get((here, " ".join(fresh)))
    return Finding(found, True, tuple(log.tried), is_whole=True) if found else None


# ---------------------------------------------------------------- what is kept


def find_kept(log: Log) -> str:
    """What an answer takes from an earlier call of the same shapes; empty if it is right, or takes nothing known."""
    one, other, last = (log.laboratory.make_question(SHAPES, seed) for seed in range(3))
    is_right_at_first = log.judge("a first question of these shapes", one).said == "right"
    found = [(question, log.ask(question)) for question in (other, last)]
    if any(given is None for _, given in found):
        return ""
    replayed = [(question, log.replay(given)) for question, given in found if given is not None]
    if all(not log.judge("after others of the same shapes", *pair).is_wrong for pair in replayed):
        return ""
    several = chain(combinations(SINGLE, 2), combinations(SINGLE, 3))
    for name, parts in (*KEPT.items(), *((" and ".join(ARRAYS[k] for k in some), some) for some in several)):
        for which, earlier in (("the first call", (one, one)), ("the call before", (one, other))):
            mixed = [mix_questions(question, old, parts) for (question, _), old in zip(replayed, earlier, strict=True)]
            pairs = [(question, backend) for question, (_, backend) in zip(mixed, replayed, strict=True)]
            if all(log.judge(f"as if {name} were of {which}", *pair).said == "right" for pair in pairs):
                return f"keeps {name} of {which} with the same shapes"
    late = find_late(log, other, [given for _, given in found if given is not None])
    return late or (find_stale(log) if is_right_at_first else "")


def find_stale(log: Log) -> str:
    """Whether of two questions of the same shapes the first is always right and the second always wrong."""
    for n, sizes in enumerate(NEW):
        one, other = (log.laboratory.make_question(sizes, seed) for seed in (n % 2, 1 - n % 2))
        if log.judge("a first question of new shapes", one).said != "right":
            return ""
        if not log.judge("after one of the same shapes", other).is_wrong:
            return ""
    return "keeps something of an earlier call with the same shapes"


def find_late(log: Log, earlier: Question, given: list[tuple[Any, ...]]) -> str:
    """Which part of an answer is that of the call before, of answers to an earlier question and then another one."""
    (before, *more), (now, *_) = given
    for name, mixed in (
        ("state", replace(before, state=now.state)),
        ("output y", replace(before, y=now.y)),
    ):
        if log.judge(f"as if the {name} were of the call before", earlier, log.replay((mixed, *more))).said == "right":
            return f"returns the {name} of the call before with the same shapes"
    return ""


def mix_questions(question: Question, earlier: Question, parts: tuple[str, ...]) -> Question:
    """The question with these parts of another one of the same form and sizes."""
    old = name_all_arrays(**earlier._asdict())

    def mix(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: old[name] if name_part(name) in parts else a for name, a in arrays.items()}

    return Question(*change_all_arrays(mix, **question._asdict()))
