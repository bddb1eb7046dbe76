"""Which numbers a wrong answer depends on: each part is taken away, and pre-activations and cell states grow."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import PARTS, Finding, Laboratory, Said, Sizes
from conformance.nouns import change_all_arrays
from conformance.problems.question import Question, with_gates
from lstm_spec import Problem, State
from lstm_spec.types import Array

MAGNITUDES = tuple(2.0**k for k in range(-3, 7))
HALVINGS = 6  # until the range is known well enough to be said
SEEDS = 2
Build = Callable[[float], Question]


def find_dependence(laboratory: Laboratory, sizes: Sizes) -> Finding | None:
    """Which parts have to be other than zero for an answer at these sizes to be wrong; None if none has to be.

    Where answers are right, from which magnitude of z or of the cell state on they are wrong.
    """
    tried: list[tuple[str, Said]] = []
    questions = [laboratory.make_question(sizes, seed) for seed in range(SEEDS)]
    said = [laboratory.judge(question).said for question in questions]
    tried += [("as it is", one) for one in said]
    if set(said) == {"wrong"}:
        words = _find_needed(laboratory, questions, tried)
    else:
        words = "" if "wrong" in said else _find_range(laboratory, questions[0].problem, tried)
    return Finding(words, True, tuple(tried)) if words else None


def _find_needed(laboratory: Laboratory, questions: list[Question], tried: list[tuple[str, Said]]) -> str:
    needed = []
    for part, name in PARTS.items():
        said = [laboratory.judge(set_zero(question, part)).said for question in questions]
        tried += [(f"{name} = 0", one) for one in said]
        needed += [name] if set(said) == {"right"} else []
    return f"only where {' and '.join(needed)} {'are' if needed[1:] else 'is'} not zero" if needed else ""


def set_zero(question: Question, part: str) -> Question:
    """The question with zeros in each array of this part of the problem."""

    def change(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: frozen(0 * a) if name.rpartition(".")[2] == part else a for name, a in arrays.items()}

    return Question(change_all_arrays(change, problem=question.problem)[0], question.d)


def _find_range(laboratory: Laboratory, problem: Problem, tried: list[tuple[str, Said]]) -> str:
    """From which magnitude on z, or the cell state, makes an answer wrong; empty if none does."""
    if laboratory.backward or problem.layer.R is not None or problem.variant.clip is not None:
        return ""
    one = replace(problem, x=frozen(problem.x[:1].copy()), lengths=None)
    d = laboratory.make_question((1, *problem.sizes[1:])).d

    def build_gates(v: float) -> Question:
        return Question(
            with_gates(one, lambda _, gate: gate._replace(W=0 * gate.W, U=0 * gate.U, b=_sign(gate.b, v))), d
        )

    def build_cells(v: float) -> Question:
        return Question(replace(one, state=State(one.state.h, _sign(one.state.c, v))), d)

    for name, build in (("z", build_gates), ("c_0", build_cells)):
        if (least := _find_least(laboratory, build, name, tried)) is not None:
            return f"only where |{name}| > {least:.2g}"
    return ""


def _sign(a: Array, v: float) -> Array:
    """Numbers of this magnitude with the signs of a."""
    return frozen((np.where(a < 0, -v, v)).astype(a.dtype))


def _find_least(laboratory: Laboratory, build: Build, name: str, tried: list[tuple[str, Said]]) -> float | None:
    """The magnitude above which the answers are wrong, if they are right below it."""

    def ask_at(v: float) -> Said:
        tried.append((f"|{name}| = {v:g}", laboratory.judge(build(v)).said))
        return tried[-1][1]

    said = [ask_at(v) for v in MAGNITUDES]
    if "wrong" not in said or said[0] != "right":
        return None
    first = said.index("wrong")
    if set(said[:first]) != {"right"} or set(said[first:]) != {"wrong"}:
        return None
    right, wrong = MAGNITUDES[first - 1], MAGNITUDES[first]
    for _ in range(HALVINGS):
        middle = (right + wrong) / 2
        right, wrong = (right, middle) if ask_at(middle) == "wrong" else (middle, wrong)
    return right
