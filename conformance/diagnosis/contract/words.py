"""What a backend does under its contract that it should not do, in one plain sentence."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np

from conformance.assertions.shapes import PARAMETER_AXES, READERS, STEPS, suggest_shape
from conformance.diagnosis.contract.history import AGAIN, FIRST
from conformance.diagnosis.contract.naming import Watched
from conformance.diagnosis.contract.observing import AFTER, RAISED, RETURNED, Seen, has_same_numbers, name_array
from conformance.diagnosis.contract.probes import CALLS, HISTORY, LAYOUTS, NUMBERS, REFUSALS
from conformance.diagnosis.experiments.forms import TRAITS
from conformance.diagnosis.experiments.laboratory import name_part
from lstm_spec.types import Array

Has = Callable[[Watched], bool]
SOME = "in some calls"
LISTED = 3  # of what does not fit, or of ways to lie in memory
SIZES: dict[str, Has] = {
    f"where {letter} = {n}": lambda one, k=k, n=n: one.probe.question.problem.sizes[k] == n  # type: ignore[misc]
    for n in (0, 1)
    for k, letter in enumerate("TBIH")
}
FORMS = (  # of TRAITS, those which the questions of the contract have and lack
    "with lengths",
    "with more than one layer",
    "in both directions",
    "with a projection",
    "with peepholes",
)


def _has_trait(words: str, one: Watched) -> bool:
    return TRAITS[words](one.probe.question.problem)


def _is_narrow(one: Watched) -> bool:
    return one.probe.question.problem.x.dtype != one.probe.question.problem.dtype


CIRCUMSTANCES: dict[str, Has] = {
    "": lambda one: True,
    **SIZES,
    "where T = B": lambda one: len({*one.probe.question.problem.sizes[:2]}) == 1,
    "where I = H": lambda one: len({*one.probe.question.problem.sizes[2:]}) == 1,
    "where x and the parameters are bfloat16": _is_narrow,
    "where arrays are read-only": lambda one: bool(one.probe.how),
    "where arrays may be written to": lambda one: not one.probe.how,
    **{words: partial(_has_trait, words) for words in FORMS},
}


class Fact(NamedTuple):
    """Something that is wrong: what kind of thing, with what, and a sentence."""

    kind: str
    subject: str
    words: str


def describe_departures(watched: Sequence[Watched], chapter: str, unit: float) -> str:
    """What is wrong in this chapter, or else in single calls; empty if nothing is."""
    departing = [one for one in watched if one.departs and one.probe.chapter == chapter]
    if chapter == REFUSALS and any(one.departs and one.probe.chapter == CALLS for one in watched):
        departing = [one for one in departing if one.probe.read is None]  # the others may be wrong as all calls are
    describe = {REFUSALS: describe_refusals, NUMBERS: describe_numbers, LAYOUTS: describe_layouts}
    if departing and chapter == HISTORY and (words := describe_history(departing[0], unit)):
        return words
    calls = [one for one in watched if one.probe.chapter == CALLS]
    if chapter != REFUSALS and any(one.departs for one in calls):  # which may show in the other chapters, too
        return describe_calls(calls, unit)
    if departing and chapter in describe:
        return describe[chapter](departing)
    return describe_calls(calls, unit)


# ---------------------------------------------------------------- single calls


def describe_calls(calls: Sequence[Watched], unit: float) -> str:
    """What is wrong in single calls, and in which; of several mistakes the first one."""
    for backward in (False, True):
        asked = [one for one in calls if one.probe.backward == backward]
        facts = [find_facts(one, unit) if one.departs else [] for one in asked]
        first = next(filter(None, facts), None)
        if first is None:
            continue
        kind, subject, _ = first[0]
        others = dict.fromkeys(fact.subject for fact in first if fact.kind == kind and fact.subject != subject)
        condition = find_circumstance(asked, [any(fact.subject == subject for fact in found) for found in facts])
        if kind == NUMBERS and condition in ("", SOME):
            return ""  # its numbers are wrong, which is not a matter of the contract
        words = f"in the call for gradients, {first[0].words}" if backward else first[0].words
        words += f"; so is {', '.join(others)}" if others else ""
        return f"{words}{f', only {condition}' if condition else ''}"
    return ""


def find_circumstance(asked: Sequence[Watched], wrong: Sequence[bool]) -> str:
    """What exactly those calls have in common that are wrong; empty if all are wrong."""
    single = list(CIRCUMSTANCES.items())
    pairs = ((f"{a} and {b}", (one, other)) for (a, one), (b, other) in combinations(single[1:], 2))
    for words, tests in [*((words, (has,)) for words, has in single), *pairs]:
        if [all(has(one) for has in tests) for one in asked] == list(wrong):
            return words
    return SOME


def find_facts(one: Watched, unit: float) -> list[Fact]:
    """What is wrong in a call that departs from the equations."""
    seen, right = dict(one.seen), dict(one.right)
    for name in (RAISED, RETURNED):
        if name in seen:
            return [Fact(f"{name} {str(seen[name]).partition(':')[0]}", "", str(seen[name]))]
    facts = list[Fact]()
    for name, expected in right.items():
        facts += compare_arrays(one, name, seen.get(name), expected, unit)
    changed = dict.fromkeys(name_array(name.removeprefix(AFTER)) for name in seen if name not in right)
    return facts + [Fact("changed", subject, f"{subject} is written over") for subject in changed]


def compare_arrays(one: Watched, name: str, got: Seen | None, expected: Seen, unit: float) -> Iterator[Fact]:
    """What is wrong with an array that was returned."""
    subject = name_array(name)
    if not isinstance(expected, np.ndarray) or isinstance(got, str):
        return
    if got is None:
        yield Fact("missing", subject, f"{subject} is missing")
    elif got.shape != expected.shape:
        T, B, I, H = one.probe.question.problem.sizes
        hint = suggest_shape(got.shape, dict(zip(list_axes(name), expected.shape, strict=False)))
        words = f"at T, B, I, H = {T}, {B}, {I}, {H} {subject} has shape {got.shape}, expected {expected.shape}{hint}"
        yield Fact("shape", subject, words)
    elif got.dtype != expected.dtype:
        yield Fact(
            "dtype", subject, f"{subject} is {got.dtype}, expected {expected.dtype} like the problem; convert it"
        )
    elif not has_same_numbers(got, expected, unit):
        words = "NaN" if np.isnan(got.astype(np.float64)).all() else "wrong"
        yield Fact(NUMBERS, subject, f"{subject} is {words}")


def list_axes(name: str) -> tuple[str, ...]:
    """The names of the axes of an array that is returned."""
    noun, part = name.partition(".")[0], name_part(name)
    if part in ("y", "x"):
        return (*STEPS, "I" if part == "x" else "H")
    return PARAMETER_AXES[part] if part in PARAMETER_AXES and noun == "gradients" else (*READERS, "H")


# ---------------------------------------------------------------- the other chapters


def describe_refusals(departing: Sequence[Watched]) -> str:
    """What is answered that should be refused, or what is read wrong."""
    accepted = list(dict.fromkeys(one.probe.how for one in departing if one.probe.read is None))
    if accepted:
        return f"it answers, where an exception is expected: {list_some(accepted)}"
    return f"without raising an exception, it is not right where {list_some([one.probe.how for one in departing])}"


def describe_layouts(departing: Sequence[Watched]) -> str:
    """Where the arrays lie that are read wrong."""
    hows = dict.fromkeys(one.probe.how for one in departing)
    return f"what is returned depends on where the inputs lie in memory: it is wrong where {list_some(list(hows))}"


def describe_numbers(departing: Sequence[Watched]) -> str:
    """Where a NaN is that cannot be there, or is not where it should be."""
    for one in departing:
        right = dict(one.right)
        for name, got in one.seen:
            expected = right.get(name)
            if isinstance(got, np.ndarray) and isinstance(expected, np.ndarray) and got.shape == expected.shape:
                mine, theirs = np.isnan(got.astype(np.float64)), np.isnan(expected.astype(np.float64))
                if (mine & ~theirs).any():
                    return f"where {one.probe.how}, {name_array(name)} is NaN {name_reach(mine, theirs)} as well"
                if (theirs & ~mine).any():
                    return f"where {one.probe.how}, it is not seen in all of {name_array(name)} that it enters"
    return ""


def name_reach(mine: Array, theirs: Array) -> str:
    """In which samples, or else steps, a NaN is that does not belong there."""
    for axis, words in ((1, "in other samples"), (0, "in other steps")):
        rest = tuple(k for k in range(mine.ndim) if k != axis)
        if mine.ndim > 2 and (mine.any(rest) & ~theirs.any(rest)).any():
            return words
    return "in places that it does not enter"


def describe_history(one: Watched, unit: float) -> str:
    """What the first call does that shows another one."""
    right = dict(one.right)
    for name, got in one.seen:
        expected = right.get(name)
        if isinstance(got, str) and got != expected:
            return f"{name}, it gives {got}" if name == AGAIN else got
        if isinstance(got, np.ndarray) and isinstance(expected, np.ndarray):
            call, _, array = name.partition(": ")
            if got.shape != expected.shape or not has_same_numbers(got, expected, unit):
                if call == FIRST:  # which owes nothing to others
                    return ""
                return f"of several calls with the same shapes, {name_array(array)} is wrong in the one with {call}"
    return ""


def list_some(words: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return ", ".join(words[:LISTED]) + more
