"""Whether the gradients of one layer are those of the equations."""

from typing import NamedTuple

import numpy as np

from conformance.assertions.comparison import Comparison, assert_observed, assert_within, breaking, model_of
from conformance.assertions.forward import assert_conforms, free_run
from conformance.assertions.overflow import (
    assert_backward_could_overflow,
    inconclusive_above,
    magnitude_max,
    magnitude_sum,
)
from conformance.assertions.shapes import assert_gradients_shaped
from conformance.outcome import Inconclusive
from conformance.tolerance.backpropagation import free_backpropagation, observed_backpropagation
from conformance.tolerance.conclusive import conclusive
from conformance.tolerance.layer_backward import Backpropagation
from conformance.tolerance.rounding import Bounded
from conformance.tolerance.trajectories import ORDER
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, pack
from lstm_spec.types import Array

GRADIENT_ROOM = 2.0  # times that of the states, for gate gradients


# ---------------------------------------------------------------- backward


def assert_gate_gradients_conform(
    backend: Backend, problem: Problem, d: Cotangents, answer: Answer, dz: Array
) -> Backpropagation:
    """Refuted unless answer and gate gradients dz (T, B, 4H) are those of the equations; T >= 1.

    Each step is judged from the states and the gate gradients that the backend returned.
    """
    with breaking("GRAD-8"):
        forward = assert_conforms(backend, answer, problem)
    assert forward is not None, "an empty sequence has no gate gradients"
    finite = np.nan_to_num(dz.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    expected = observed_backpropagation(problem, forward, d, finite, model_of(backend, problem))
    if not np.isfinite(dz).all():
        assert_backward_could_overflow(problem, d, dz, finite, expected)
    with breaking("GRAD-2"):  # at the last step nothing has been propagated yet
        now = expected.dz.value[-1], expected.dz.error[-1]
        assert_within(Comparison("dz of the last step", ("batch", "gate row"), dz[-1], *now))
    with breaking("GRAD-3"):
        assert_observed(Comparison("dz", ("t", "batch", "gate row"), dz, *expected.dz, backwards=True))
    return expected


class Part(NamedTuple):
    """One of the gradients that are sums over gate gradients."""

    quantity: str
    axes: tuple[str, ...]
    got: Array
    expected: Bounded
    backwards: bool = False


def parts(gradients: Gradients, expected: Backpropagation) -> dict[str, Part]:
    """Each gradient beside what it should be."""
    dW, dU, db = pack(gradients.parameters[0][0], ORDER)
    found = (
        Part("dW", ("gate row", "input"), dW, expected.dW),
        Part("dU", ("gate row", "unit"), dU, expected.dU),
        Part("db", ("gate row",), db, expected.db),
        Part("dx", ("t", "batch", "input"), gradients.x, expected.dx, True),
        Part("dh_0", ("batch", "unit"), gradients.state.h[0], expected.dh),
        Part("dc_0", ("batch", "unit"), gradients.state.c[0], expected.dc),
    )
    return {part.quantity: part for part in found}


def assert_part_finite_enough(part: Part, problem: Problem, dz: Array) -> None:
    """Inconclusive where this gradient is not finite, and had reason not to be."""
    if not np.isfinite(part.got).all():
        W, U, _ = pack(problem.layer)
        c = magnitude_max(problem.state.c) + len(dz)
        inconclusive_above(
            magnitude_sum(dz)
            * max(magnitude_max(problem.x), magnitude_max(problem.state.h), magnitude_max(W), magnitude_max(U), c),
            problem,
        )


def assert_part_conforms(part: Part, problem: Problem, dz: Array) -> None:
    """Refuted unless this gradient follows from the gate gradients dz."""
    assert_part_finite_enough(part, problem, dz)
    quantity, axes, got, expected, backwards = part
    assert_observed(Comparison(quantity, axes, got, *expected, backwards=backwards))


def free_gradients(backend: Backend, problem: Problem, d: Cotangents, handed_on: bool = False) -> Backpropagation:
    """The gradients from the problem alone; Inconclusive where rounding may have grown too much."""
    model = model_of(backend, problem)
    expected = free_backpropagation(problem, free_run(backend, problem, handed_on), d, model, handed_on)
    size = max(magnitude_max(expected.dz.value), magnitude_max(d.y), magnitude_max(d.state.h), magnitude_max(d.state.c))
    if not expected.dz.error.max(initial=0) <= GRADIENT_ROOM * conclusive(model) * size:  # NaN is not conclusive
        raise Inconclusive("rounding may have grown too much")
    return expected


def assert_gradients_conform_freely(
    backend: Backend, problem: Problem, d: Cotangents, gradients: Gradients
) -> Backpropagation:
    """Refuted unless all gradients are those of the equations, judged from the problem alone: no probes; T >= 1."""
    assert_gradients_shaped(gradients, problem)
    expected = free_gradients(backend, problem, d)
    for part in parts(gradients, expected).values():
        assert_within(Comparison(part.quantity, part.axes, part.got, *part.expected, backwards=part.backwards))
    return expected
