"""What a backend was asked when it failed, what it answers now, what was expected, and how far off it may be."""

import re
from contextlib import suppress
from typing import Any

import numpy as np

from conformance.arrays import CODES
from conformance.assertions.backward import free_gradients, name_parts
from conformance.assertions.comparison import model_of, recorded_comparisons
from conformance.assertions.probes import probe_gates
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.cases.case import Asked
from conformance.nouns import Tensors
from conformance.outcome import Errored, Refuted
from conformance.problems.question import problem_of, with_gates
from conformance.problems.switches import Switched
from conformance.property import Property
from conformance.tolerance.backpropagation import observed_backpropagation
from conformance.tolerance.layer_backward import Backpropagation
from conformance.tolerance.trajectories import ORDER, observed_trajectory
from lstm_spec import Backend, Cotangents, Gradients, Problem, checked, pack
from lstm_spec.modules.sessions import Session
from lstm_spec.types import Array
from lstm_spec.validation import check_cotangents

COMPARED = ("got", "expected", "allowed")


def recall_question(raised: Refuted | Errored) -> Asked:
    """What was asked last, without the probes; what was drawn, if that was malformed or a feature was switched off."""
    if isinstance(raised.problem, Switched) or not is_well_formed(raised.asked, raised.loss):
        return Asked(problem_of(raised.problem))
    if raised.loss is None or raised.asked.is_more:
        return Asked(raised.asked, raised.loss)
    return _without_probes(raised.asked, raised.loss)


def recall_own_problem(raised: Refuted | Errored) -> Problem:
    """What a user would call the problem: without what was added to look inside, and whole though asked in steps."""
    if raised.asked is None or raised.asked.is_more or isinstance(raised.problem, Session):
        return problem_of(raised.problem)
    return recall_question(raised).problem


def is_well_formed(problem: Any, d: Any) -> bool:
    """Whether they are a problem and cotangents, or none, that an implementation may not refuse."""
    try:
        checked(problem)
        if d is not None:
            check_cotangents(problem, d)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def _without_probes(problem: Problem, d: Cotangents) -> Asked:
    """The inputs that `add_probes` put behind the others are recognised by their weights, and taken off."""
    W = pack(problem.layer, ORDER).W
    silent: Array = np.all(problem.x == 0, axis=(0, 1))
    ones = [np.flatnonzero(column).tolist() if silent[k] else None for k, column in enumerate(W.T)]
    end = len(ones)
    while end > 1 and ones[end - 1] == []:
        end -= 1
    I, row = end, None
    while I > 1 and (rows := ones[I - 1]) and len(rows) == 1 and W[rows[0], I - 1] == 1 and row in (None, rows[0] + 1):
        I, row = I - 1, rows[0]
    if row is None:
        return Asked(problem, d)
    narrow = with_gates(problem, lambda _, gate: gate._replace(W=gate.W[:, :I]))
    narrow = Problem(narrow.parameters, problem.x[:, :, :I], problem.state)
    return Asked(narrow, d, (row, row + end - I, len(ones)))


def compare_answers(backend: Backend, prop: Property, example: Any, asked: Asked) -> Tensors:
    """What the backend answers, what was expected, and how far off it may be; nothing of what cannot be compared.

    Of a plain problem that is everything; of others what was compared until the first that is further off. The answer
    may be another than it was, or none.
    """
    found: Tensors = {}
    with np.errstate(all="ignore"):
        is_more = asked.problem.is_more or isinstance(example, Session)
        for compare in (_record_comparisons,) if is_more else (_compare_forward, _compare_backward):
            with suppress(Exception):
                found |= compare(backend, prop, example, asked)
    return found


def _record_comparisons(backend: Backend, prop: Property, example: Any, asked: Asked) -> Tensors:
    with recorded_comparisons() as compared, suppress(Exception):
        prop.refute(backend, example)
    found: Tensors = {}
    for comparison in compared:
        name, shape = re.sub(r"\W+", "_", comparison.quantity), comparison.got.shape
        found |= _name_arrays(name, comparison.got, *(np.broadcast_to(a, shape) for a in comparison[3:5]))
    return found


def _compare_forward(backend: Backend, prop: Property, example: Any, asked: Asked) -> Tensors:
    """Each step from the backend's own states."""
    problem = asked.problem
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    if len(answer.y) == 0:
        return {}
    expected = observed_trajectory(problem, answer.y, model_of(backend, problem))
    return _name_arrays("y", answer.y, *expected.h) | _name_arrays("c_T", answer.state.c[0], *expected.last)


def _compare_backward(backend: Backend, prop: Property, example: Any, asked: Asked) -> Tensors:
    """Each step from the backend's own gate gradients if those were probed, else from the problem itself."""
    if asked.d is None or backend.gradients is None or len(asked.problem.x) == 0:
        return {}
    compare = _probe if asked.probes else _run_freely
    gradients, expected, tensors = compare(backend, asked.problem, asked.d)
    for name, part in name_parts(gradients, expected).items():
        tensors |= _name_arrays(name, part.got, *part.expected)
    return tensors


def _probe(backend: Backend, problem: Problem, d: Cotangents) -> tuple[Gradients, Backpropagation, Tensors]:
    answer, gradients, dz = probe_gates(backend, problem, d)
    assert_answer_shaped(answer, problem)
    model = model_of(backend, problem)
    finite = np.nan_to_num(dz.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    expected = observed_backpropagation(problem, observed_trajectory(problem, answer.y, model), d, finite, model)
    return gradients, expected, _name_arrays("dz", dz, *expected.dz)


def _run_freely(backend: Backend, problem: Problem, d: Cotangents) -> tuple[Gradients, Backpropagation, Tensors]:
    _, gradients = backend.differentiate(problem, d)
    assert_gradients_shaped(gradients, problem)
    return gradients, free_gradients(backend, problem, d), {}


def _name_arrays(quantity: str, *arrays: Array) -> Tensors:
    """By name; nothing if a file of cases cannot hold one of them."""
    if not all(a.dtype in CODES.values() for a in arrays):
        return {}
    return {f"{what}.{quantity}": a for what, a in zip(COMPARED, arrays, strict=True)}
