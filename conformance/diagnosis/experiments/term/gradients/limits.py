"""At which value gradients are clipped: whole ones, or what one step passes on to another one."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.term.asking import STEPS, Asking, is_near
from conformance.diagnosis.experiments.term.fitting import FEW, round_number
from conformance.diagnosis.experiments.term.formula import run_steps
from conformance.diagnosis.experiments.term.gradients.pairing import (
    RIGHT,
    Parts,
    are_near,
    ask_gradients,
    measure_rooms,
    pair_gradients,
)
from conformance.diagnosis.experiments.term.gradients.slopes import OUTPUT, list_factors, multiply_named
from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation
from conformance.problems.question import Question
from lstm_spec import Cotangents, State
from lstm_spec.types import Array

LARGE, LARGER = 8.0, 2.0**10  # of cotangents
ALIKE = 1e-5  # relative


def make_large(asking: Asking, T: int, B: int, by: float) -> Question:
    """A question with large cotangents."""
    problem, d = asking.make_question(T, B, 2, far=1.0)
    return Question(problem, Cotangents(frozen(d.y * by), State(*(frozen(a * by) for a in d.state))))


def find_limit(asking: Asking) -> Explanation | None:
    """Gradients that are what they should be, but clipped at one value; None if they are not."""
    pairs = pair_gradients(asking, make_large(asking, 4, asking.few, LARGE))
    room = measure_rooms(asking, pairs)
    wrong = {name: pair for name, pair in pairs.items() if not is_near(*pair, room)}
    if not wrong:
        return None
    limit = max(np.abs(got).max() for got, _ in wrong.values())
    clipped = all(is_near(got, np.clip(own, -limit, limit), room) for got, own in wrong.values())
    if not limit or not clipped or sum((np.abs(got) == limit).sum() for got, _ in wrong.values()) < FEW:
        return None
    return replace(RIGHT, limits=dict.fromkeys(wrong, round_number(float(limit))))


def find_inner_limit(asking: Asking) -> Explanation | None:
    """Gradients that are clipped on their way, at each step; None if they are not, or not at one value."""
    for by in (LARGE, LARGER):
        question = make_large(asking, 1, 1, by)
        got = ask_gradients(asking, question)
        if are_near(asking, pair_gradients(asking, question, RIGHT, got)):
            continue
        several = make_large(asking, STEPS, asking.few, by)
        again = ask_gradients(asking, several)
        for name, limit in list_limits(asking, question, got):
            found = replace(RIGHT, limits={name: limit})
            pairs = [pair_gradients(asking, one, found, a) for one, a in ((question, got), (several, again))]
            if all(are_near(asking, each) for each in pairs):
                return found
    return None


def list_limits(asking: Asking, question: Question, got: Parts) -> Iterator[tuple[str, float]]:
    """What may be clipped, and at which value, if several numbers of one step come to it."""
    values = run_steps(asking.formula, question.problem)[1][0].of
    factors = list_factors(values)
    own = np.split(got["b"], 4)[3] / multiply_named(OUTPUT, factors)
    each: dict[str, Array] = {"z": got["b"], "h": own, "c": got["c_0"] / factors["f"], "dh": got["h_0"]}
    for name, a in (each | {"dc": got["c_0"], "x": got["x"]}).items():
        size = np.abs(a)
        if (size > size.max() * (1 - ALIKE)).sum() >= FEW:
            yield name, round_number(float(size.max()))
