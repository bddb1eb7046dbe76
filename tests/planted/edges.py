"""Implementations that are right or wrong only where there is nothing: no steps, no samples, a length of 0."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from backends.numpy.backend import BACKEND as NUMPY
from lstm_spec import Answer, Backend, Cotangents, Feature, Gradients, Problem, State

Condition = Callable[[Problem], bool]
CONDITIONS: dict[Feature, Condition] = {
    Feature.EMPTY_SEQUENCE: lambda problem: len(problem.x) == 0,
    Feature.EMPTY_BATCH: lambda problem: problem.x.shape[1] == 0,
    Feature.ZERO_LENGTHS: lambda problem: problem.lengths is not None and bool((problem.lengths == 0).any()),
}


def able(*features: Feature) -> Backend:
    """An LSTM that is right, claims these of the three features, and raises where it needs another."""
    missing = {feature: holds for feature, holds in CONDITIONS.items() if feature not in features}

    def require(problem: Problem) -> Problem:
        for feature, holds in missing.items():
            if holds(problem):
                raise ValueError(f"{feature} is not supported")
        return problem

    about = replace(NUMPY.description, features=NUMPY.description.features - missing.keys())
    return Backend(
        f"able to do {', '.join(features) or 'none'}",
        lambda problem: NUMPY.forward(require(problem)),
        lambda problem, d: NUMPY.differentiate(require(problem), d),
        about,
    )


def answering(name: str, when: Condition, change: Callable[[Answer], Answer]) -> Backend:
    """An LSTM whose answers are changed under a condition."""

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return change(answer) if when(problem) else answer

    return replace(NUMPY, name=name, forward=forward)


def differentiating(name: str, when: Condition, change: Callable[[Gradients], Gradients]) -> Backend:
    """An LSTM whose gradients are changed under a condition."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        return answer, change(found) if when(problem) else found

    return replace(NUMPY, name=name, gradients=gradients)


def _zero_upper(s: State) -> State:
    return State(*(np.concatenate([a[:1], np.zeros_like(a[1:])]) for a in s))


def _zero_all(s: State) -> State:
    return State(*map(np.zeros_like, s))


def _spoil_projection(found: Gradients) -> Gradients:
    """As a mean over no samples."""
    rows = tuple(
        tuple(p if p.R is None else p._replace(R=np.full_like(p.R, np.nan)) for p in row) for row in found.parameters
    )
    return replace(found, parameters=rows)


NO_STEPS, NO_SAMPLES, NO_LENGTH = CONDITIONS.values()
WRONG = (
    answering("drops the second direction of an empty batch", NO_SAMPLES, lambda a: replace(a, y=a.y[..., :1])),
    answering("makes one sample of none", NO_SAMPLES, lambda a: replace(a, y=np.zeros((len(a.y), 1, a.y.shape[2])))),
    answering("clears the upper layers without steps", NO_STEPS, lambda a: replace(a, state=_zero_upper(a.state))),
    answering("clears the state of a length of 0", NO_LENGTH, lambda a: replace(a, state=_zero_all(a.state))),
    differentiating("averages the projection's gradient over the batch", NO_SAMPLES, _spoil_projection),
    differentiating(
        "stops the upper layers' gradients without steps", NO_STEPS, lambda g: replace(g, state=_zero_upper(g.state))
    ),
)
