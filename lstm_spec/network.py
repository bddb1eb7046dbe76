"""A batch of sequences: maps over `equations.run` and `gradients.run_gradient`."""

from functools import reduce

import numpy as np

from lstm_spec.contract import Backend, Description, Feature
from lstm_spec.equations import run
from lstm_spec.gradients import add, run_gradient, zeros_like
from lstm_spec.types import Answer, Cotangents, Gradients, Problem, State
from lstm_spec.validation import check_cotangents


def forward(problem: Problem) -> Answer:
    """The answer, each sample read by itself (NET-1), in the dtype of the problem.

    Raises ValueError or TypeError where the problem is not well formed.
    """
    p, x, (h, c) = problem.checked().layer, problem.x, problem.state
    T, B, _, H = problem.sizes
    y, after = np.empty((T, B, H), x.dtype), State(np.empty_like(h), np.empty_like(c))
    for b in range(B):
        y[:, b], (after.h[0, b], after.c[0, b]) = run(p, x[:, b], State(h[0, b], c[0, b]))
    return Answer(y, after)


def gradients(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients; those of the parameters are summed over the batch (GRAD-4).

    Raises ValueError or TypeError where the problem or the cotangents are not well formed.
    """
    answer = forward(problem)
    check_cotangents(problem, cotangents)
    p, x, (h, c) = problem.layer, problem.x, problem.state
    dx, before, of_samples = np.empty_like(x), State(np.empty_like(h), np.empty_like(c)), []
    for b in range(x.shape[1]):
        ds = State(*(d[0, b] for d in cotangents.state))
        dp, dx[:, b], ds = run_gradient(p, x[:, b], State(h[0, b], c[0, b]), cotangents.y[:, b], ds)
        before.h[0, b], before.c[0, b] = ds
        of_samples.append(dp)
    dp = reduce(add, of_samples, zeros_like(p))
    return answer, Gradients(((dp,),), dx, before)


REFERENCE = Backend(
    "reference",
    forward,
    gradients,
    Description(
        features=frozenset({Feature.GRADIENTS, Feature.EMPTY_SEQUENCE, Feature.EMPTY_BATCH, Feature.DETERMINISTIC})
    ),
)
