"""An LSTM in NumPy: any layers, directions, lengths and variants, a batch at a time, with hand-written gradients."""

from dataclasses import replace
from functools import partial

import numpy as np

from backends.numpy.backwards import read_backwards
from backends.numpy.layer import layer_of, read_forwards
from backends.stacked import Rows, run_layers, run_layers_backwards, stack_problem
from lstm_spec.adapters.narrow import wide_inside
from lstm_spec.contract import Backend, Description
from lstm_spec.types import Answer, Cotangents, Feature, Gradients, Problem
from lstm_spec.validation import check_cotangents, checked


def forward(problem: Problem) -> Answer:
    """The answer to the problem. Raises ValueError or TypeError if the problem is not well formed."""
    checked(problem)
    q = stack_problem(np, problem, problem.x, problem.state, problem.lengths)
    _, y, after = run_layers(q, _layers_of(problem), partial(read_forwards, valid=q.valid, keep=False))
    return Answer(np.ascontiguousarray(y), after)


def gradients(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients of the same pass. Raises like `forward`, also if the cotangents do not fit."""
    checked(problem)
    check_cotangents(problem, cotangents)
    q, layers = stack_problem(np, problem, problem.x, problem.state, problem.lengths), _layers_of(problem)
    traces, y, after = run_layers(q, layers, partial(read_forwards, valid=q.valid, keep=True))
    back = partial(read_backwards, valid=q.valid)
    found = run_layers_backwards(q, layers, traces, cotangents.y, cotangents.state, back)
    return Answer(np.ascontiguousarray(y), after), replace(found, x=np.ascontiguousarray(found.x))


def _layers_of(problem: Problem) -> Rows:
    return [[layer_of(p, problem.variant) for p in row] for row in problem.parameters]


BACKEND = wide_inside(
    Backend("numpy", forward, gradients, Description(version=np.__version__, features=frozenset(Feature)))
)
