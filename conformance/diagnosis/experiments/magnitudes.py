"""From which magnitude on, up or down, and on which side of zero, the numbers of one part make an answer wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import ARRAYS, Finding, Judged, Laboratory, Said, Sizes
from conformance.problems.question import Question, with_gates
from lstm_spec import Cotangents, State
from lstm_spec.types import Array

MILD = ("within-1", "contracting", "contracting", "within-1", "within-1", "within-1")
UP, DOWN = tuple(2.0**k for k in range(-3, 9)), tuple(2.0**-k for k in range(13))
HALVINGS = 6  # until the range is known well enough to be said
JUMP = 8.0  # times the bound, just beyond the limit: an error that grows slowly from there on has no limit there
SMALL = 2.0**-12  # of the cotangents of a mild question
NEAR = ((0.9, "right"), (0.97, "right"), (1.03, "wrong"), (1.1, "wrong"))  # times a limit, what has to be said
BEYOND = 1.5  # times a limit
Signs = Callable[[Array], Array]
Set = Callable[[Question, float, Signs], Question]  # the question with numbers of this magnitude and these signs
Asked = Callable[[float], Question]


class Limit(NamedTuple):
    """The part, the magnitude, and whether it is a limit for other numbers, too."""

    words: str
    is_certain: bool
    is_number: bool = True  # whether what is wrong beyond it are numbers


def find_limit(laboratory: Laboratory, sizes: Sizes, tried: list[tuple[str, Said]]) -> Finding | None:
    """From which magnitude of z of a gate, a state, x or a cotangent on an answer is wrong; None if from none on."""
    questions = [_make_mild(laboratory.make_question((1, *sizes[1:]), seed, MILD)) for seed in range(2)]
    for grid in (UP, DOWN):
        if grid is UP and laboratory.judge(questions[0]).said != "right":
            continue
        gates = {f"z_{k}": partial(_set_gate, k) for k in questions[0].problem.layer.gates}
        found = {
            name: limit
            for name, put in gates.items()
            if (limit := _search(laboratory, questions, name, put, grid, tried))
        }
        if len(found) == len(gates) and len({limit.words.partition(" ")[2] for limit in found.values()}) == 1:
            limit = next(iter(found.values()))
            found = {"z": limit._replace(words=limit.words.replace(f"z_{next(iter(gates))}", "z"))}
        for name, put in _list_parts(laboratory) if not found else ():
            if limit := _search(laboratory, questions, name, put, grid, tried):
                found[name] = limit
                break
        if found and (grid is UP or all(one.is_certain for one in found.values())):
            words, is_certain = (
                " or ".join(one.words for one in found.values()),
                all(one.is_certain for one in found.values()),
            )
            words += "" if any(one.is_number for one in found.values()) else ", and NaN there, as where exp overflows"
            return Finding(f"{'' if is_certain else 'perhaps '}only where {words}", is_certain, tuple(tried))
    return None


def _list_parts(laboratory: Laboratory) -> Iterator[tuple[str, Set]]:
    yield from (("c_0", partial(_set_state, "c")), ("h_0", partial(_set_state, "h")), ("x", _set_input))
    yield from ((M, partial(_set_matrix, M)) for M in "WU")
    if laboratory.backward:
        yield from ((ARRAYS[k], partial(_set_cotangent, k)) for k in ("dy", "dh", "dc"))


def _search(
    laboratory: Laboratory,
    questions: list[Question],
    name: str,
    put: Set,
    grid: tuple[float, ...],
    tried: list[tuple[str, Said]],
) -> Limit | None:
    """The limit of a part, in words."""
    one, other = questions
    found = find_edge(laboratory, lambda v: put(one, v, np.sign), grid, f"|{name}|", tried)
    if found is None:
        return None
    edge, jumps = found
    up, sign = grid is UP, ">" if grid is UP else "<"
    near = [laboratory.judge(put(other, edge * by if up else edge / by, np.sign)).said for by, _ in NEAR]
    at = edge * BEYOND if up else edge / BEYOND
    beyond = [
        laboratory.judge(put(question, at, signs))
        for signs in (np.ones_like, _take_minus_ones)
        for question in questions
    ]
    sides, is_number = [each.said for each in beyond], not any(map(_has_no_numbers, beyond))
    if up and sides in (["wrong"] * 2 + ["right"] * 2, ["right"] * 2 + ["wrong"] * 2):
        words = f"{name} > {edge:.2g}" if sides[0] == "wrong" else f"{name} < −{edge:.2g}"
        return Limit(words, jumps, is_number)
    return Limit(f"|{name}| {sign} {edge:.2g}", jumps and near == [said for _, said in NEAR], is_number)


def _has_no_numbers(judged: Judged) -> bool:
    """Whether something is NaN or infinite where a number was expected."""
    return any((~np.isfinite(c.got) & np.isfinite(c.expected)).any() for c in judged.wrong)


def find_edge(
    laboratory: Laboratory, build: Asked, grid: tuple[float, ...], name: str, tried: list[tuple[str, Said]]
) -> tuple[float, bool] | None:
    """The magnitude beyond which the answers are wrong, if they are right before; whether the error jumps there."""

    def ask_at(v: float) -> tuple[Said, float]:
        judged = laboratory.judge(build(v))
        tried.append((f"{name} = {v:g}", judged.said))
        return judged.said, judged.excess

    said = [ask_at(v)[0] for v in grid]
    if "wrong" not in said or said[0] != "right":
        return None
    first = said.index("wrong")
    if set(said[:first]) != {"right"} or set(said[first:]) != {"wrong"}:
        return None
    right, wrong, excess = grid[first - 1], grid[first], 0.0
    for _ in range(HALVINGS):
        middle = (right + wrong) / 2
        now, by = ask_at(middle)
        right, wrong, excess = (right, middle, by) if now == "wrong" else (middle, wrong, excess)
    return right, (excess or ask_at(wrong)[1]) > JUMP


# ---------------------------------------------------------------- questions with numbers of one magnitude


def _take_minus_ones(a: Array) -> Array:
    return -np.ones_like(a)


def _put(a: Array, v: float, signs: Signs) -> Array:
    """Numbers of this magnitude, with these signs; a zero counts as positive."""
    sign = signs(a)
    return frozen((np.where(sign == 0, 1, sign) * v).astype(a.dtype))


def _set_gate(letter: str, one: Question, v: float, signs: Signs) -> Question:
    return one._replace(
        problem=with_gates(
            one.problem,
            lambda k, gate: (
                gate._replace(W=0 * gate.W, U=0 * gate.U, b=_put(gate.b, v, signs)) if k == letter else gate
            ),
        )
    )


def _set_state(part: str, one: Question, v: float, signs: Signs) -> Question:
    """What reads it grows no further."""
    state = one.problem.state._asdict()
    problem = replace(one.problem, state=State(**{**state, part: _put(state[part], v, signs)}))
    if part == "h":
        problem = with_gates(problem, lambda _, gate: gate._replace(U=frozen(gate.U / gate.U.dtype.type(max(v, 1)))))
    return one._replace(problem=problem)


def _set_input(one: Question, v: float, signs: Signs) -> Question:
    """The weights are as much smaller."""
    problem = replace(one.problem, x=_put(one.problem.x, v, signs))
    return one._replace(
        problem=with_gates(problem, lambda _, gate: gate._replace(W=frozen(gate.W / gate.W.dtype.type(max(v, 1)))))
    )


def _set_matrix(M: str, one: Question, v: float, signs: Signs) -> Question:
    """What they are multiplied with is as much smaller."""
    problem = with_gates(one.problem, lambda _, gate: gate._replace(**{M: _put(getattr(gate, M), v, signs)}))
    by = problem.dtype.type(max(v, 1))
    if M == "W":
        return one._replace(problem=replace(problem, x=frozen(problem.x / by)))
    return one._replace(problem=replace(problem, state=problem.state._replace(h=frozen(problem.state.h / by))))


def _make_mild(one: Question) -> Question:
    """The question with small cotangents, of which the sum at a step is small as well."""
    y, h, c = (frozen(a * a.dtype.type(SMALL)) for a in (one.d.y, *one.d.state))
    return one._replace(d=Cotangents(y, State(h, c)))


def _set_cotangent(part: str, one: Question, v: float, signs: Signs) -> Question:
    d = {"dy": one.d.y, "dh": one.d.state.h, "dc": one.d.state.c}
    d[part] = _put(d[part], v, signs)
    return one._replace(d=Cotangents(d["dy"], State(d["dh"], d["dc"])))
