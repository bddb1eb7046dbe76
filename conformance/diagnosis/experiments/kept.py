"""What an answer takes from an earlier call of the same shapes."""

from dataclasses import replace
from itertools import chain, combinations
from typing import Any

from conformance.diagnosis.experiments.laboratory import ARRAYS, Sizes, name_part
from conformance.diagnosis.experiments.log import Log
from conformance.nouns import change_all_arrays, name_all_arrays
from conformance.problems.question import Question
from lstm_spec.types import Array

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
