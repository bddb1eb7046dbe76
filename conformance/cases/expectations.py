"""What a backend was asked when it failed, what it answers now, what was expected, and how far off it may be."""

from typing import Any, NamedTuple

import numpy as np

from conformance.assertions.backward import free_gradients, name_parts
from conformance.assertions.comparison import model_of
from conformance.assertions.probes import probe_gates
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.outcome import Errored, Inconclusive, NotClaimed, Refuted
from conformance.problems.question import problem_of, with_gates
from conformance.tolerance.backpropagation import observed_backpropagation
from conformance.tolerance.layer_backward import Backpropagation
from conformance.tolerance.trajectories import ORDER, observed_trajectory
from lstm_spec import Backend, Cotangents, Gradients, Problem, pack
from lstm_spec.types import Array
from lstm_spec.validation import check_cotangents, checked

Tensors = dict[str, Array]


class Asked(NamedTuple):
    """What a backend was asked last."""

    problem: Problem
    d: Cotangents | None = None  # for gradients
    probes: tuple[int, int, int] | None = None  # the gate rows, from and to, and the number of inputs with the probes


def asked_of(raised: Refuted | Errored) -> Asked:
    """What was asked last, without the probes; what was drawn where that was malformed on purpose."""
    if not _is_well_formed(raised.asked, raised.loss):
        return Asked(problem_of(raised.problem))
    if raised.loss is None:
        return Asked(raised.asked)
    return _without_probes(raised.asked, raised.loss)


def _is_well_formed(problem: Any, d: Any) -> bool:
    try:
        checked(problem)
        if d is not None:
            check_cotangents(problem, d)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def _without_probes(problem: Problem, d: Cotangents) -> Asked:
    """The inputs that `probes.add_probes` put behind the others are told by their weights, and taken off."""
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


def expectations(backend: Backend, asked: Asked) -> Tensors:
    """What the backend answers, what was expected, and how far off it may be; nothing where it gives no answer."""
    try:
        with np.errstate(all="ignore"):
            found = _forward(backend, asked.problem)
            if found and asked.d and backend.gradients:
                found |= _backward(backend, asked)
    except (Errored, Refuted, Inconclusive, NotClaimed):
        return {}
    return found


def _forward(backend: Backend, problem: Problem) -> Tensors:
    """Each step from the backend's own states."""
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    if len(answer.y) == 0:
        return {}
    expected = observed_trajectory(problem, answer.y, model_of(backend, problem))
    return _named("y", answer.y, *expected.h) | _named("c_T", answer.state.c[0], *expected.last)


def _backward(backend: Backend, asked: Asked) -> Tensors:
    """Each step from the backend's own gate gradients where those were probed, else from the problem alone."""
    assert asked.d is not None
    found = _probed(backend, asked.problem, asked.d) if asked.probes else _free(backend, asked.problem, asked.d)
    gradients, expected, tensors = found
    for name, part in name_parts(gradients, expected).items():
        tensors |= _named(name, part.got, *part.expected)
    return tensors


def _probed(backend: Backend, problem: Problem, d: Cotangents) -> tuple[Gradients, Backpropagation, Tensors]:
    answer, gradients, dz = probe_gates(backend, problem, d)
    assert_answer_shaped(answer, problem)
    model = model_of(backend, problem)
    finite = np.nan_to_num(dz.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    expected = observed_backpropagation(problem, observed_trajectory(problem, answer.y, model), d, finite, model)
    return gradients, expected, _named("dz", dz, *expected.dz)


def _free(backend: Backend, problem: Problem, d: Cotangents) -> tuple[Gradients, Backpropagation, Tensors]:
    _, gradients = backend.gradients(problem, d)  # type: ignore[misc]
    assert_gradients_shaped(gradients, problem)
    return gradients, free_gradients(backend, problem, d), {}


COMPARED = ("got", "expected", "allowed")


def _named(quantity: str, got: Array, expected: Array, allowed: Array) -> Tensors:
    return {f"{what}.{quantity}": a for what, a in zip(COMPARED, (got, expected, allowed), strict=True)}
