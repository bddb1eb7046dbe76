"""Where answers are wrong: which outputs, layers and directions, and which samples, steps, units, gates and inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.comparison import Comparison
from conformance.assertions.order import take_direction, turn
from conformance.diagnosis.experiments.laboratory import Finding, Judged, Laboratory, Said, Sizes, name_sizes
from conformance.diagnosis.experiments.patterns import Pattern, fit_pattern
from conformance.outcome import Errored, Refuted
from conformance.problems.form import FORWARD
from conformance.problems.question import Question
from lstm_spec import Answer, Problem
from lstm_spec.types import Array

NOUNS = {
    "t": "step",
    "batch": "sample",
    "gate": "gate",
    "unit": "unit",
    "projected": "projected unit",
    "input": "input",
}
GATES = {"i": "the input gate", "f": "the forget gate", "g": "the candidate", "o": "the output gate"}
LONGEST = 16  # steps that are asked one by one
SEEDS = 3  # of the sizes themselves


class Wrong(NamedTuple):
    """One output of a layer in a direction, and which of its numbers are wrong."""

    quantity: str
    layer: int
    direction: str
    axes: tuple[str, ...]
    places: Array  # True where it is wrong


class Trial(NamedTuple):
    """A question with a wrong answer, and each of the outputs that were compared."""

    question: Question
    parts: tuple[Wrong, ...]

    @property
    def wrong(self) -> tuple[Wrong, ...]:
        return tuple(part for part in self.parts if part.places.any())


def find_place(laboratory: Laboratory, sizes: Sizes) -> Finding | None:
    """Where the answers at these sizes and near them are wrong; None if none is wrong in a shape that can be read."""
    tried, trials = list[tuple[str, Said]](), list[Trial]()
    for k, near in enumerate(list_sizes_near(sizes)):
        for seed in range(1 if k else SEEDS):
            question = laboratory.make_question(near, seed)
            judged = laboratory.judge(question)
            tried.append((name_sizes(question.problem.sizes), judged.said))
            trials += [read_trial(question, judged)] if judged.wrong else []
    if not trials:
        return None
    sentence, is_certain = describe_trials(laboratory, trials)
    return Finding(sentence, is_certain, tuple(tried))


def list_sizes_near(sizes: Sizes) -> list[Sizes]:
    """The sizes first, then with one step, and with each of the four grown, alone or all of them together."""
    T, B, I, H = sizes
    one, three, far = (tuple(n + more(n) for n in sizes) for more in (lambda n: 1, lambda n: 3, _grow_size))
    near = [sizes, one, three, (1, B, I, H), (1, B, I, far[3]), (1, B + 1, I, H + 1), (1, B + 3, I, H + 3)]
    near += [(*sizes[:k], more[k], *sizes[k + 1 :]) for k in range(4) for more in (one, three, far)]
    return list(dict.fromkeys(near))  # type: ignore[arg-type]


def _grow_size(n: int) -> int:
    return max(min(n, 128), 12 - n)


def read_trial(question: Question, judged: Judged) -> Trial:
    """Which numbers of the answer are wrong, each direction in the order in which it reads."""
    return Trial(question, tuple(part for c in judged.compared for part in _read_parts(question.problem, c)))


def _read_parts(problem: Problem, c: Comparison) -> Iterator[Wrong]:
    error = np.abs(c.got.astype(np.float64) - c.expected)
    places = ~(error <= np.broadcast_to(c.allowed, error.shape))  # a NaN is wrong
    if c.quantity == "y":
        for d, direction in enumerate(problem.directions):
            shown = turn(problem, d, take_direction(problem, d, places))
            yield Wrong("y", len(problem.parameters) - 1, direction, c.axes, shown)
        return
    name, _, place = c.quantity.partition(" of ")
    words = place.split()
    layer = int(words[1]) if "layer" in words else 0
    all_of_them = "" if len(problem.directions) > 1 else str(problem.directions[0])
    read = next((name for name in problem.directions if name in words), all_of_them)
    if c.axes[0] != "gate row":
        yield Wrong(name, layer, read, c.axes, places)
        return
    axes = ("gate", "unit", *("unit that is read" if axis == "unit" else axis for axis in c.axes[1:]))
    gates = len(problem.parameters[layer][0].gates)
    yield Wrong(name, layer, read, axes, places.reshape(gates, -1, *places.shape[1:]))


# ---------------------------------------------------------------- in words


def describe_trials(laboratory: Laboratory, trials: Sequence[Trial]) -> tuple[str, bool]:
    """What is wrong in all trials, in words, and whether a rule was found for each axis."""
    layer = (max if laboratory.backward else min)(part.layer for trial in trials for part in trial.wrong)
    first = [trial._replace(parts=tuple(p for p in trial.parts if p.layer == layer)) for trial in trials]
    directions = {p.direction for trial in first for p in trial.wrong if p.direction}
    quantities = list(dict.fromkeys(p.quantity for trial in first for p in trial.wrong))
    clean = [trial for trial in first if len(trial.question.problem.x) == 1 and trial.wrong] or first
    shown = (_describe_axis(laboratory, axis, first if axis in ("t", "batch") else clean) for axis in NOUNS)
    where = [words for words in shown if words]
    everything = {p.quantity for trial in first for p in trial.parts}
    problem = trials[0].question.problem
    if len(problem.parameters) > 1 and any(not p.places.any() for trial in trials for p in trial.parts):
        if all(p.layer == layer for trial in trials for p in trial.wrong):
            where.append(f"layer {layer}")
        elif layer != (len(problem.parameters) - 1 if laboratory.backward else 0):
            where.append(f"layer {layer} first, and what {'is below' if laboratory.backward else 'reads it'}")
    if len(directions) < len(problem.directions):
        where.append(f"direction {' and '.join(sorted(directions))}")
    outputs = "" if set(quantities) == everything else f"only {', '.join(quantities)}"
    words = "; ".join(filter(None, [outputs, ", ".join(where)]))
    return words or ANYWHERE, UNCLEAR not in where


ANYWHERE = "every output, everywhere"
UNCLEAR = "some places that fit no simple rule"


def _describe_axis(laboratory: Laboratory, axis: str, trials: Sequence[Trial]) -> str:
    """Which places along the axis are wrong, in words; empty if all are, or no output has it."""
    if axis == "gate":
        return _describe_gates(trials)
    pattern, is_there = find_pattern(trials, axis)
    if axis == "t" and pattern is not None and pattern.kind in ("all", "from", "all but the first", "last few"):
        pattern = find_steps(laboratory, trials) or pattern
    if not is_there or pattern is None:
        return UNCLEAR if is_there and axis != "t" else ""
    return pattern.describe_places(NOUNS[axis])


def find_pattern(trials: Sequence[Trial], axis: str) -> tuple[Pattern | None, bool]:
    """The rule for one axis, and whether any wrong output has it.

    Where y is wrong at more than one step, units are read at the first of them, for the others follow from it.
    """
    lines = []
    for trial in trials:
        wrong = trial.wrong
        if axis == "unit" and (shown := [p for p in wrong if p.quantity == "y"]):
            first = {id(p): int(np.flatnonzero(p.places.any(axis=(1, 2)))[0]) for p in shown}
            wrong = tuple(p._replace(places=p.places[first[id(p)]][None]) for p in shown)
        marks = [_mark_places(p, axis) for p in wrong if axis in p.axes]
        if not marks:
            continue
        size = max(map(len, marks))
        marks = [a for a in marks if len(a) == size]
        lines.append((size, frozenset(np.flatnonzero(np.any(marks, axis=0)).tolist())))
    return fit_pattern(lines), bool(lines)


def _mark_places(part: Wrong, axis: str) -> Array:
    k = part.axes.index(axis)
    return np.asarray(part.places.any(axis=tuple(n for n in range(part.places.ndim) if n != k)))


def _describe_gates(trials: Sequence[Trial]) -> str:
    """Which gates have wrong rows, in words; empty if all have, or no output has rows."""
    letters = tuple(trials[0].question.problem.layer.gates)
    parts = [p for trial in trials for p in trial.wrong if "gate" in p.axes]
    wrong = {letters[k] for p in parts for k in np.flatnonzero(_mark_places(p, "gate"))}
    if not wrong or len(wrong) == len(letters):
        return ""
    return f"rows of {' and '.join(GATES[letter] for letter in letters if letter in wrong)}"


# ---------------------------------------------------------------- steps, each from the state before it


def find_steps(laboratory: Laboratory, trials: Sequence[Trial]) -> Pattern | None:
    """The rule for steps that are computed wrong from the states that the backend itself reaches before them.

    None if they cannot be asked one by one, or there is no rule.
    """
    asked = {len(trial.question.problem.x): trial.question for trial in trials if _can_be_cut(laboratory, trial)}
    lengths = sorted(asked)[-2:]
    found = [(T, steps) for T in lengths if (steps := ask_step_by_step(laboratory, asked[T])) is not None]
    return fit_pattern([(T, steps) for T, steps in found if steps]) if len(found) == len(lengths) else None


def _can_be_cut(laboratory: Laboratory, trial: Trial) -> bool:
    problem = trial.question.problem
    is_plain = problem.directions == FORWARD and problem.lengths is None and not laboratory.backward
    return is_plain and 1 < len(problem.x) <= LONGEST


def ask_step_by_step(laboratory: Laboratory, question: Question) -> frozenset[int] | None:
    """Which steps are wrong, each judged from the state that the backend left before it; None if it gives none."""
    problem, wrong, state = question.problem, set[int](), question.problem.state
    for t in range(len(problem.x)):
        head = replace(problem, x=frozen(problem.x[: t + 1].copy()))
        try:
            answer = laboratory.answer(head)
        except (Errored, Refuted):
            return None
        shown = Answer(answer.y[t:], answer.state)
        one = replace(problem, x=frozen(problem.x[t : t + 1].copy()), state=state)
        replaying = replace(laboratory.backend, forward=lambda _, shown=shown: shown)  # type: ignore[misc]
        judged = laboratory.judge(Question(one, question.d), replaying)
        wrong |= {t} if judged.is_wrong else set()
        if judged.said not in ("right", "wrong"):
            return None
        state = type(state)(*(frozen(a.copy()) for a in answer.state))
    return frozenset(wrong)
