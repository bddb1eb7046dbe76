"""What is wrong under a condition: a right textbook answers where it does not hold, and a mutant where it does."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from conformance.nouns import name_all_arrays
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import Form
from conformance.problems.question import Question
from lstm_spec import Answer, Array, Backend, Cotangents, Problem, State
from tools.mutants.making import TEXTBOOKS, Mutant, build_backend, list_slips

SHOWN = 1e-3  # of the largest number: what a mutant has to be off by, at every probe
PROBED = ((1, 1, 1, 1), (1, 3, 2, 4), (4, 2, 3, 5))
DENSE = ("dense", "by-width", "by-width", "dense", "within-1", "dense")


class Conditional(NamedTuple):
    """A mistake under a condition: in words, and as a regular expression for what a right sentence says."""

    family: str
    condition: str
    pattern: str
    mutant: str
    build: Callable[[], Backend]


@cache
def list_effects(name: str, backward: bool) -> tuple[Mutant, ...]:
    """The mutants of a textbook that are wrong at every probe: in their answers, or in their gradients alone."""
    textbook = next(one for one in TEXTBOOKS if one.name == name)
    mutants = [Mutant(textbook, slip) for slip in list_slips(name)]
    right = build_backend(textbook)
    probes = [make_probe(sizes, textbook.forms[-1 if name == "projected" else 0]) for sizes in PROBED]
    return tuple(one for one in mutants if is_effect(one.build(), right, probes, backward))


def make_probe(sizes: tuple[int, ...], form: Form) -> Question:
    """A dense question in float64."""
    problem = build_problem(np.dtype("float64"), form, sizes, DENSE, 5)
    return Question(problem, build_loss(problem, ("dense",) * 3, 5))


def is_effect(backend: Backend, right: Backend, probes: list[Question], backward: bool) -> bool:
    """Whether it is wrong at every probe: in its answers, or in its gradients alone."""
    try:
        answers = [_differ(backend.forward(q.problem), right.forward(q.problem)) for q in probes]
        if not backward:
            return all(answers)
        pairs = [(backend.differentiate(*q)[1], right.differentiate(*q)[1]) for q in probes]
        return not any(answers) and all(_differ(*pair) for pair in pairs)
    except Exception:  # whatever a mistake leads to
        return False


def _differ(one: Any, other: Any) -> bool:
    """Whether numbers differ, and all are finite."""
    found, right = (name_all_arrays(found=noun) for noun in (one, other))
    is_finite = all(np.isfinite(a).all() for a in found.values())
    return is_finite and any(float(np.abs(a - right[name]).max()) > SHOWN for name, a in found.items())


def draw_effect(
    rng: random.Random,
    name: str = "plain",
    backward: bool = False,
    changes: Sequence[Callable[[Problem], Problem]] = (),
) -> Mutant:
    """A mutant that shows; also in problems that are changed in each of these ways."""
    right = build_backend(TEXTBOOKS[0])
    while True:
        mutant = rng.choice(list_effects(name, backward))
        probes = [make_probe(sizes, Form()) for sizes in PROBED[1:]]
        changed = ([q._replace(problem=change(q.problem)) for q in probes] for change in changes)
        if all(is_effect(mutant.build(), right, each, backward) for each in changed):
            return mutant


Holds = Callable[[Problem], bool]  # asked once for each call
Change = Callable[[Question], Question]


def draw_gradient_effect(rng: random.Random, changes: Sequence[Change] = ()) -> Mutant:
    """A mutant that shows in its gradients alone; also in questions that are changed in each of these ways."""
    right = build_backend(TEXTBOOKS[0])
    while True:
        mutant = rng.choice(list_effects("plain", True))
        probes = [make_probe(sizes, Form()) for sizes in PROBED[1:]]
        if all(is_effect(mutant.build(), right, [change(q) for q in probes], True) for change in changes):
            return mutant


def switch_gradients(mutant: Mutant, holds: Callable[[Question], bool]) -> Callable[[], Backend]:
    """Gradients are wrong where the condition holds of the question."""

    def build() -> Backend:
        right, wrong = build_backend(mutant.textbook), mutant.build()

        def gradients(problem: Problem, d: Cotangents) -> Any:
            return (wrong if holds(Question(problem, d)) else right).differentiate(problem, d)

        return replace(right, gradients=gradients)

    return build


def switch_calls(mutant: Mutant, make: Callable[[], Holds]) -> Callable[[], Backend]:
    """Whole calls are wrong where the condition, which may remember, holds."""

    def build() -> Backend:
        right, wrong, holds = build_backend(mutant.textbook), mutant.build(), make()

        def forward(problem: Problem) -> Answer:
            return (wrong if holds(problem) else right).forward(problem)

        def gradients(problem: Problem, d: Cotangents) -> Any:
            return (wrong if holds(problem) else right).differentiate(problem, d)

        return replace(right, forward=forward, gradients=gradients)

    return build


Mask = Callable[[Problem, State], Array]  # which samples and units of the first step of a problem: (B, H) or (B, 1)


def switch_units(mutant: Mutant, mask: Mask) -> Callable[[], Backend]:
    """Samples and units are wrong in each step in which the condition holds of them."""

    def build() -> Backend:
        right, wrong = build_backend(mutant.textbook), mutant.build()

        def forward(problem: Problem) -> Answer:
            y, state = [], problem.state
            for x in problem.x:
                one = replace(problem, x=x[None], state=state)
                a, b, chosen = right.forward(one), wrong.forward(one), mask(one, problem.state)
                state = State(*(np.where(chosen, n, m) for m, n in zip(a.state, b.state, strict=True)))
                y.append(np.where(chosen, b.y[0], a.y[0]))
            return Answer(np.array(y), state)

        return replace(right, forward=forward, gradients=None)

    return build
