"""Which numbers a wrong answer depends on: parts are taken away or made equal, and magnitudes grow."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple
from zlib import crc32

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import ARRAYS, Finding, Laboratory, Said, Sizes, name_part
from conformance.diagnosis.experiments.magnitudes import find_limit
from conformance.nouns import change_all_arrays
from conformance.problems.question import Question
from lstm_spec import Problem
from lstm_spec.types import Array

SEEDS = 2
SEVERAL: Sizes = (3, 3, 4, 5)  # of no size is there one
Change = Callable[[Array], Array]


class Switch(NamedTuple):
    """A change of one part of a question, and what is so of that part where it is made, and where it is not."""

    array: str  # as `name_all_arrays` calls it, or its last word
    made: str
    not_made: str
    change: Change
    is_telling: bool = False  # whether it leaves more of the part as it was than to take it away
    control: Change | None = None  # a change to usual numbers that are as large, which should make no difference


def find_numbers(laboratory: Laboratory) -> Finding | None:
    """For which numbers answers at a few sizes are wrong, if they are right for others; None if there are none.

    From which magnitude on; or, where dense numbers are answered rightly, in which special case.
    """
    tried: list[tuple[str, Said]] = []
    return find_limit(laboratory, SEVERAL, tried) or _find_special(laboratory, SEVERAL, "right", tried)


def find_dependence(laboratory: Laboratory, sizes: Sizes, is_named: bool = False) -> Finding | None:
    """What has to be so of dense numbers for an answer at these sizes to be wrong; None if nothing has to.

    `is_named`: whether a formula was found, which says by itself what must not be zero.
    """
    return _find_special(laboratory, grow_sizes(laboratory, sizes), "wrong", [], is_named)


def grow_sizes(laboratory: Laboratory, sizes: Sizes) -> Sizes:
    """The sizes, each of them several as far as the answer is wrong there as well."""
    for k, n in enumerate(SEVERAL):
        larger: Sizes = (*sizes[:k], max(sizes[k], n), *sizes[k + 1 :])  # type: ignore[assignment]
        sizes = larger if laboratory.ask_at(larger).is_wrong else sizes
    return sizes


def _find_special(
    laboratory: Laboratory, sizes: Sizes, usual: Said, tried: list[tuple[str, Said]], only_telling: bool = False
) -> Finding | None:
    """What has to be so of the numbers for an answer to be wrong, if dense ones are answered as is said here."""
    questions = [laboratory.make_question(sizes, seed) for seed in range(SEEDS)]
    said = [laboratory.judge(question).said for question in questions]
    tried += [("as it is", one) for one in said]
    switches = [one for one in list_switches(laboratory, questions[0]) if one.is_telling or not only_telling]
    words = find_switches(laboratory, questions, switches, usual, tried) if {*said} == {usual} else ""
    return Finding(f"only where {words}", True, tuple(tried)) if words else None


# ---------------------------------------------------------------- parts, taken away or made equal


def find_switches(
    laboratory: Laboratory,
    questions: list[Question],
    switches: list[Switch],
    said: Said,
    tried: list[tuple[str, Said]],
) -> str:
    """What has to be so of parts of a question for its answer to be wrong, in words; empty if nothing has to."""
    found: dict[str, list[Switch]] = {}

    def ask_changed(switch: Switch) -> list[Said]:
        results = [laboratory.judge(make_switch(question, switch)).said for question in questions]
        tried.extend((switch.made, one) for one in results)
        return results

    for switch in switches:
        if {*ask_changed(switch)} == {"right" if said == "wrong" else "wrong"}:
            found.setdefault(switch.array, []).append(switch)
    chosen = [(_choose_switch(made) if said == "wrong" else made[-1]) for made in found.values()]
    copies = [Switch(each.array, "copied", "", each.control or np.copy) for each in chosen]
    if any(
        {*ask_changed(copy)} != {said} or {*ask_changed(each)} == {said}
        for copy, each in zip(copies, chosen, strict=True)
    ):
        return ""  # it is not the numbers that make the difference
    if said == "wrong":  # each of them is needed
        return _join_alike([each.not_made for each in chosen])
    return " or ".join(each.made for each in chosen)


def _choose_switch(switches: list[Switch]) -> Switch:
    """What says most of a part that was wrong: a sign or more than one number, then that it is not zero."""
    return next((one for one in reversed(switches) if one.is_telling), switches[0])


def _join_alike(words: list[str]) -> str:
    """The words in one sentence: "x is not zero" and "W is not zero" are "x and W are not zero"."""
    singular = [one.removesuffix(" is not zero") for one in words if one.endswith(" is not zero")]
    others = [one for one in words if not one.endswith(" is not zero")]
    zero = [f"{' and '.join(singular)} {'are' if singular[1:] else 'is'} not zero"] if singular else []
    return " and ".join(zero + others)


def list_switches(laboratory: Laboratory, question: Question) -> list[Switch]:
    """For each part of a question: zeros first, then numbers that are equal along one axis or another."""
    problem, found = question.problem, list[Switch]()
    for array, name in ARRAYS.items():
        if array in ("dy", "dh", "dc") and not laboratory.backward or not _has(problem, array):
            continue
        found.append(Switch(array, f"{name} is zero", f"{name} is not zero", lambda a: 0 * a))
        for axis, noun in EQUAL.get(array, ()):
            made, not_made = f"{noun} of {name} are the same", f"{noun} of {name} differ"
            found.append(Switch(array, made, not_made, partial(_repeat_first, axis)))
        if array in "xhWU" and (problem.sizes[2] if array in "xW" else problem.P) > 1:
            each = f"each row of {name} is one-hot"
            found.append(Switch(array, each, f"not {each}", _make_one_hot, True, _make_as_large))
        for sign, adjective in ((1, "negative"), (-1, "positive")) if array in "xhcb" else ():
            made, not_made = f"no number of {name} is {adjective}", f"some number of {name} is {adjective}"
            found.append(Switch(array, made, not_made, partial(_take_sign, sign), True))
        if array == "x":
            found.append(Switch(array, "a row of x is zero", "no row of x is zero", _clear_row))
            found.append(Switch(array, "a number of x is zero", "no number of x is zero", _clear_number))
    return found


EQUAL = {
    "x": ((0, "steps"), (1, "samples")),
    "W": ((0, "rows"),),
    "U": ((0, "rows"),),
    "h": ((1, "samples"),),
    "c": ((1, "samples"),),
}  # by axis


def _has(problem: Problem, array: str) -> bool:
    p = problem.layer
    return (array != "p" or any(g.p is not None for g in p.gates.values())) and (array != "R" or p.R is not None)


def _repeat_first(axis: int, a: Array) -> Array:
    return np.array(np.broadcast_to(a.take([0], axis), a.shape))


def _take_sign(sign: int, a: Array) -> Array:
    return np.asarray(sign * np.abs(a))


def _make_one_hot(a: Array) -> Array:
    """Each row has a one, not at the same place in all rows and arrays, and zeros."""
    rng = np.random.default_rng(crc32(a.tobytes()))
    flat = np.zeros((a.size // a.shape[-1], a.shape[-1]), a.dtype)
    flat[np.arange(len(flat)), rng.integers(a.shape[-1], size=len(flat))] = 1
    return flat.reshape(a.shape)


def _make_as_large(a: Array) -> Array:
    """Usual numbers, each row with the norm of a one-hot one."""
    rows = np.random.default_rng(a.size).standard_normal(a.shape)
    return np.asarray((rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(a.dtype))


def _clear_row(a: Array) -> Array:
    """The last row of the last step is zero."""
    changed = a.copy()
    changed[-1, -1] = 0
    return changed


def _clear_number(a: Array) -> Array:
    changed = a.copy()
    changed[-1, -1, -1] = 0
    return changed


def make_switch(question: Question, switch: Switch) -> Question:
    """The question with the change made in every array of that part."""

    def change(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: frozen(switch.change(a)) if name_part(name) == switch.array else a for name, a in arrays.items()}

    return Question(*change_all_arrays(change, **question._asdict()))
