"""Which numbers a wrong answer depends on: parts are taken away or made equal, and magnitudes grow."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import PARTS, Finding, Laboratory, Said, Sizes, name_part
from conformance.nouns import change_all_arrays
from conformance.problems.question import Question, with_gates
from lstm_spec import Problem, State
from lstm_spec.types import Array

MILD = ("within-1", "contracting", "contracting", "within-1", "within-1", "within-1")
MAGNITUDES = tuple(2.0**k for k in range(-3, 9))
HALVINGS = 6  # until the range is known well enough to be said
JUMP = 8.0  # times the bound, just beyond the limit: an error that grows slowly from there on has no limit there
SEEDS = 2
SEVERAL: Sizes = (3, 3, 4, 5)  # of no size is there one
Build = Callable[[float], Question]
Grow = Callable[[Question, float], Question]
Change = Callable[[Array], Array]


class Switch(NamedTuple):
    """A change of one part of a question, and what is so of that part where it is made, and where it is not."""

    array: str  # as `name_all_arrays` calls it, or its last word
    made: str
    not_made: str
    change: Change


def find_numbers(laboratory: Laboratory) -> Finding | None:
    """For which numbers answers at a few sizes are wrong, if they are right for others; None if there are none.

    From which magnitude on; or, where dense numbers are answered rightly, in which special case.
    """
    tried: list[tuple[str, Said]] = []
    return find_limit(laboratory, SEVERAL, tried) or _find_special(laboratory, SEVERAL, "right", tried)


def find_dependence(laboratory: Laboratory, sizes: Sizes) -> Finding | None:
    """What has to be so of dense numbers for an answer at these sizes to be wrong; None if nothing has to."""
    many = tuple(max(n, m) for n, m in zip(sizes, SEVERAL, strict=True))
    asked = many if laboratory.ask_at(many).is_wrong else sizes  # type: ignore[arg-type]
    return _find_special(laboratory, asked, "wrong", [])  # type: ignore[arg-type]


def _find_special(laboratory: Laboratory, sizes: Sizes, usual: Said, tried: list[tuple[str, Said]]) -> Finding | None:
    """What has to be so of the numbers for an answer to be wrong, if dense ones are answered as is said here."""
    questions = [laboratory.make_question(sizes, seed) for seed in range(SEEDS)]
    said = [laboratory.judge(question).said for question in questions]
    tried += [("as it is", one) for one in said]
    words = find_switches(laboratory, questions, usual, tried) if {*said} == {usual} else ""
    return Finding(f"only where {words}", True, tuple(tried)) if words else None


# ---------------------------------------------------------------- parts, taken away or made equal


def find_switches(laboratory: Laboratory, questions: list[Question], said: Said, tried: list[tuple[str, Said]]) -> str:
    """What has to be so of parts of a question for its answer to be wrong, in words; empty if nothing has to."""
    found: dict[str, list[Switch]] = {}
    for switch in list_switches(laboratory, questions[0]):
        changed = [make_switch(question, switch) for question in questions]
        results = [laboratory.judge(one).said for one in changed]
        tried += [(switch.made, one) for one in results]
        if {*results} == {"right" if said == "wrong" else "wrong"}:
            found.setdefault(switch.array, []).append(switch)
    if said == "wrong":  # zeros are equal, so that to take a part away says more
        return _join_alike([switches[0].not_made for switches in found.values()])
    return _join_alike([switches[-1].made for switches in found.values()])


def _join_alike(words: list[str]) -> str:
    """The words in one sentence: "x is not zero" and "W is not zero" are "x and W are not zero"."""
    singular = [one.removesuffix(" is not zero") for one in words if one.endswith(" is not zero")]
    others = [one for one in words if not one.endswith(" is not zero")]
    zero = [f"{' and '.join(singular)} {'are' if singular[1:] else 'is'} not zero"] if singular else []
    return " and ".join(zero + others)


def list_switches(laboratory: Laboratory, question: Question) -> list[Switch]:
    """For each part of a question: zeros first, then numbers that are equal along one axis or another."""
    problem, found = question.problem, list[Switch]()
    for array, name in NAMES.items():
        if array in ("dy", "dh", "dc") and not laboratory.backward or not _has(problem, array):
            continue
        found.append(Switch(array, f"{name} is zero", f"{name} is not zero", lambda a: 0 * a))
        for axis, noun in EQUAL.get(array, ()):
            made, not_made = f"{noun} of {name} are the same", f"{noun} of {name} differ"
            found.append(Switch(array, made, not_made, partial(_repeat_first, axis)))
    return found


NAMES = PARTS | {"dy": "dy", "dh": "dh_T", "dc": "dc_T"}
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


def make_switch(question: Question, switch: Switch) -> Question:
    """The question with the change made in every array of that part."""

    def change(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: frozen(switch.change(a)) if name_part(name) == switch.array else a for name, a in arrays.items()}

    return Question(*change_all_arrays(change, **question._asdict()))


# ---------------------------------------------------------------- magnitudes


def find_limit(laboratory: Laboratory, sizes: Sizes, tried: list[tuple[str, Said]]) -> Finding | None:
    """From which magnitude on z of a gate, the cell state, x or h_0 makes an answer wrong; None if none does."""
    one, other = (laboratory.make_question((1, *sizes[1:]), seed, MILD) for seed in range(2))
    if laboratory.judge(one).said != "right":
        return None

    def find(name: str, change: Grow) -> tuple[float, bool] | None:
        found = _find_least(laboratory, partial(change, one), name, tried)
        return found and (found[0], found[1] and _is_limit(laboratory, partial(change, other), found[0]))

    gates = {f"z_{k}": partial(_set_gate, k) for k in one.problem.layer.gates}
    limits = {name: limit for name, change in gates.items() if (limit := find(name, change))}
    if len(limits) == len(gates) and len({f"{least:.1g}" for least, _ in limits.values()}) == 1:
        limits = {"z": min(limits.values())}
    others: dict[str, Grow] = {"c_0": partial(_set_state, "c"), "h_0": partial(_set_state, "h"), "x": _set_input}
    for name, change in others.items() if not limits else ():
        if limit := find(name, change):
            limits[name] = limit
            break
    if not limits:
        return None
    words = " or ".join(f"|{name}| > {least:.2g}" for name, (least, _) in limits.items())
    is_certain = all(jumps for _, jumps in limits.values())
    return Finding(f"{'' if is_certain else 'perhaps '}only where {words}", is_certain, tuple(tried))


def _sign(a: Array, v: float) -> Array:
    """Numbers of this magnitude with the signs of a."""
    return frozen((np.where(a < 0, -v, v)).astype(a.dtype))


def _set_gate(letter: str, one: Question, v: float) -> Question:
    """The question with a z of this magnitude in one gate."""
    return one._replace(
        problem=with_gates(
            one.problem,
            lambda k, gate: gate._replace(W=0 * gate.W, U=0 * gate.U, b=_sign(gate.b, v)) if k == letter else gate,
        )
    )


def _set_state(part: str, one: Question, v: float) -> Question:
    """The question with a state of this magnitude; what reads it grows no further."""
    state = one.problem.state._asdict()
    problem = replace(one.problem, state=State(**{**state, part: _sign(state[part], v)}))
    if part == "h":
        problem = with_gates(problem, lambda _, gate: gate._replace(U=frozen(gate.U / gate.U.dtype.type(max(v, 1)))))
    return one._replace(problem=problem)


def _set_input(one: Question, v: float) -> Question:
    """The question with an x of this magnitude, and weights as much smaller."""
    problem = replace(one.problem, x=_sign(one.problem.x, v))
    return one._replace(
        problem=with_gates(problem, lambda _, gate: gate._replace(W=frozen(gate.W / gate.W.dtype.type(max(v, 1)))))
    )


def _is_limit(laboratory: Laboratory, build: Build, limit: float) -> bool:
    """Whether it is one for other numbers, too."""
    said = [laboratory.judge(build(limit * by)).said for by in (0.9, 0.97, 1.03, 1.1)]
    return said == ["right", "right", "wrong", "wrong"]


def _find_least(
    laboratory: Laboratory, build: Build, name: str, tried: list[tuple[str, Said]]
) -> tuple[float, bool] | None:
    """The magnitude above which the answers are wrong, if they are right below it; whether the error jumps there."""

    def ask_at(v: float) -> tuple[Said, float]:
        judged = laboratory.judge(build(v))
        tried.append((f"|{name}| = {v:g}", judged.said))
        return judged.said, judged.excess

    said = [ask_at(v)[0] for v in MAGNITUDES]
    if "wrong" not in said or said[0] != "right":
        return None
    first = said.index("wrong")
    if set(said[:first]) != {"right"} or set(said[first:]) != {"wrong"}:
        return None
    right, wrong, excess = MAGNITUDES[first - 1], MAGNITUDES[first], 0.0
    for _ in range(HALVINGS):
        middle = (right + wrong) / 2
        now, by = ask_at(middle)
        right, wrong, excess = (right, middle, by) if now == "wrong" else (middle, wrong, excess)
    return right, (excess or ask_at(wrong)[1]) > JUMP
