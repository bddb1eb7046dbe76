"""Whether gradients are those of the equations: each layer in each direction, from its own gate gradients."""

from typing import NamedTuple

import numpy as np

from conformance.assertions.comparison import Comparison, assert_observed, assert_within, breaking, model_of
from conformance.assertions.forward import (
    FINAL,
    Seen,
    assert_conforms,
    assert_padding_zero,
    free_run,
    read_below,
    read_layer,
)
from conformance.assertions.order import mark_valid_steps, name_place, take_direction, turn
from conformance.assertions.overflow import (
    assert_backward_could_overflow,
    assert_gradients_could_overflow,
    inconclusive_above,
    largest_factor,
    magnitude_max,
    magnitude_sum,
)
from conformance.assertions.shapes import assert_gradients_shaped, assert_nothing_done, name_arrays
from conformance.outcome import Inconclusive, Refuted
from conformance.tolerance.backpropagation import free_backpropagation, loss_of, observed_backpropagation
from conformance.tolerance.cell import Summed
from conformance.tolerance.cell_backward import make_sum, round_sum
from conformance.tolerance.conclusive import largest_conclusive_error
from conformance.tolerance.layer_backward import Backpropagation, Loss, observe_backward
from conformance.tolerance.reading import Trajectory
from conformance.tolerance.rounding import Bounded, with_oracle
from conformance.tolerance.trajectories import read_plain
from lstm_spec import Answer, Backend, Cotangents, ErrorModel, Gradients, Parameters, Problem, State
from lstm_spec.types import Array

GRADIENT_ROOM = 2.0  # times that of the states, for gate gradients
GATE_ROWS = ("t", "batch", "gate row")
INPUTS = ("t", "batch", "input")


class Part(NamedTuple):
    """One of the gradients that follow from gate gradients, and the clause that demands it."""

    quantity: str
    axes: tuple[str, ...]
    got: Array
    expected: Bounded
    clause: str = ""
    backwards: bool = False

    def compare(self) -> Comparison:
        """It beside what it should be."""
        return Comparison(self.quantity, self.axes, self.got, *self.expected, backwards=self.backwards)


def list_parts(
    gradients: Gradients, expected: Backpropagation, layer: int = 0, d: int = 0, k: int = 0, place: str = ""
) -> list[Part]:
    """The gradients of a layer in one direction but that of what it reads, beside what they should be; k: its state.

    Without parameters, those of the state only.
    """
    found = _list_sums(gradients.parameters[layer][d], expected) if gradients.parameters else []
    found.append(Part("dh_0", FINAL, gradients.state.h[k], expected.dh, "GRAD-6"))
    found.append(Part("dc_0", FINAL, gradients.state.c[k], expected.dc, "GRAD-6"))
    return [part._replace(quantity=part.quantity + place) for part in found]


def _list_sums(got: Parameters, expected: Backpropagation) -> list[Part]:
    dW, dU, db = (np.concatenate([getattr(gate, name) for gate in got.gates.values()]) for name in "WUb")
    found = [
        Part("dW", ("gate row", "input"), dW, expected.dW, "GRAD-4"),
        Part("dU", ("gate row", "unit"), dU, expected.dU, "GRAD-4"),
        Part("db", ("gate row",), db, expected.db, "GRAD-4"),
        *(Part(f"dp_{k}", ("unit",), name_arrays(got)[f"{k}.p"], q, "VAR-1") for k, q in expected.dp.items()),
    ]
    if expected.dR is not None and got.R is not None:
        found.append(Part("dR", ("projected", "unit"), got.R, expected.dR, "VAR-4"))
    return found


def name_parts(gradients: Gradients, expected: Backpropagation) -> dict[str, Part]:
    """Each gradient of a plain problem beside what it should be, by name."""
    *sums, dh_0, dc_0 = list_parts(gradients, expected)
    dx = Part("dx", INPUTS, gradients.x, expected.dx, "GRAD-5", True)
    return {part.quantity: part for part in (*sums, dx, dh_0, dc_0)}


# ---------------------------------------------------------------- a plain problem


def assert_gate_gradients_conform(
    backend: Backend, problem: Problem, d: Cotangents, answer: Answer, dz: Array
) -> Backpropagation:
    """Refuted unless answer and gate gradients dz (T, B, 4H) are those of the equations; T >= 1.

    Each step is judged from the states and the gate gradients that the backend returned.
    """
    with breaking("GRAD-8"):
        forward = assert_conforms(backend, answer, problem)
    assert forward is not None, "an empty sequence has no gate gradients"
    finite = _make_finite(dz)
    expected = observed_backpropagation(problem, forward, d, finite, model_of(backend, problem))
    if not np.isfinite(dz).all():
        assert_backward_could_overflow(problem, read_plain(problem), loss_of(d), dz, finite, expected)
    with breaking("GRAD-2"):  # at the last step nothing has been propagated yet
        now = expected.dz.value[-1], expected.dz.error[-1]
        assert_within(Comparison("dz of the last step", ("batch", "gate row"), dz[-1], *now))
    with breaking("GRAD-3"):
        assert_observed(Comparison("dz", GATE_ROWS, dz, *expected.dz, backwards=True))
    return expected


def _make_finite(a: Array) -> Array:
    return np.where(np.isfinite(a), a, 0).astype(np.float64)


def assert_part_finite_enough(part: Part, problem: Problem, dz: Array) -> None:
    """Inconclusive if this gradient is not finite, and had reason not to be."""
    if not np.isfinite(part.got).all():
        inconclusive_above(magnitude_sum(dz) * largest_factor(problem, len(dz)), problem)


def assert_part_conforms(part: Part, problem: Problem, dz: Array) -> None:
    """Refuted unless this gradient follows from the gate gradients dz."""
    assert_part_finite_enough(part, problem, dz)
    assert_observed(part.compare())


def free_gradients(backend: Backend, problem: Problem, d: Cotangents, handed_on: bool = False) -> Backpropagation:
    """The gradients from the problem alone, T >= 1; Inconclusive if rounding may have grown too much."""
    model = model_of(backend, problem)
    expected = free_backpropagation(problem, free_run(backend, problem, handed_on), d, model, handed_on)
    if not is_conclusive_enough(expected, d, model):
        raise Inconclusive("rounding may have grown too much")
    return expected


def is_conclusive_enough(expected: Backpropagation, d: Cotangents, model: ErrorModel) -> bool:
    """Whether rounding cannot have grown too much for gate gradients to say anything."""
    size = max(map(magnitude_max, (expected.dz.value, d.y, *d.state)))
    room = GRADIENT_ROOM * largest_conclusive_error(model) * size
    return bool(expected.dz.error.max(initial=0) <= room)  # a NaN is not


def assert_gradients_conform_freely(backend: Backend, problem: Problem, d: Cotangents, gradients: Gradients) -> None:
    """Refuted unless all gradients are right, judged from the problem without any probes."""
    if 0 in problem.x.shape[:2]:
        return assert_nothing_done(gradients, problem, d.state)
    assert_gradients_shaped(gradients, problem)
    expected = free_gradients(backend, problem, d)
    for part in name_parts(gradients, expected).values():
        assert_part_finite_enough(part, problem, expected.dz.value)
        assert_within(part.compare())


# ---------------------------------------------------------------- any network

GateGradients = list[list[Bounded]]  # by layer and direction, (T, B, G*H)


def assert_seen_gradients_conform(
    seen: Seen,
    d: Cotangents,
    passes: list[list[Trajectory]],
    gradients: Gradients,
    dz: GateGradients,
    model: ErrorModel,
) -> None:
    """Refuted unless each layer's gradients follow from its own gate gradients, and those of the layer above."""
    problem, valid, above = seen.problem, mark_valid_steps(seen.problem), make_sum(d.y)
    above = above.rearrange(lambda a: np.where(valid, a, 0))
    for layer in reversed(range(len(problem.parameters))):
        sums = [
            _assert_direction_conforms(seen, (layer, n), d, above, passed, gradients, dz[layer][n], model)
            for n, passed in enumerate(passes[layer])
        ]
        above = add_sums(sums)
    assert_padding_zero("dx", gradients.x, valid, "LEN-5")
    with breaking("GRAD-5"):
        read = np.concatenate([q.value for q in dz[0]], axis=-1)
        assert_part_conforms(list_inputs(problem, gradients, above, model), problem, read)


def _assert_direction_conforms(
    seen: Seen,
    at: tuple[int, int],
    d: Cotangents,
    above: Summed,
    passed: Trajectory,
    gradients: Gradients,
    dz: Bounded,
    model: ErrorModel,
) -> Summed:
    """Refuted unless the gradients of a layer in a direction are right; its part of that of what it reads."""
    problem, (layer, n) = seen.problem, at
    place, (k, loss) = name_place(problem, layer, n), take_loss(problem, at, d, above)
    assert_padding_zero(f"dz{place}", dz.value, mark_valid_steps(problem), "LEN-5")
    shown, unsure = (turn(problem, n, a.astype(np.float64)) for a in dz)
    finite = _make_finite(shown)
    reading = read_layer(problem, layer, n, read_below(seen, layer, model))
    found = observe_backward(reading, passed, loss, Bounded(finite, _make_finite(unsure)), model)
    if not np.isfinite(shown).all():
        assert_backward_could_overflow(problem, reading, loss, shown, finite, found)
        if len(problem.parameters) * len(problem.directions) > 1 or problem.variant.activations is not None:
            assert_gradients_could_overflow(problem, d)
        raise Refuted(f"dz{place} is not finite", clause="GRAD-2")
    with breaking("GRAD-3"):
        room = found.dz.error + unsure
        assert_observed(Comparison(f"dz{place}", GATE_ROWS, shown, found.dz.value, room, backwards=True))
    for part in list_parts(gradients, found, layer, n, k, place):
        with breaking(part.clause):
            assert_part_conforms(part, problem, finite)
    return found.into_x.rearrange(lambda a: turn(problem, n, a))


def take_loss(problem: Problem, at: tuple[int, int], d: Cotangents, above: Summed) -> tuple[int, Loss]:
    """Which state a layer in a direction has, and the cotangents that reach it."""
    layer, n = at
    k = layer * len(problem.directions) + n
    return k, Loss(_read_cotangents(problem, n, above), State(*(a[k].astype(np.float64) for a in d.state)))


def add_sums(sums: list[Summed]) -> Summed:
    """What all directions send back to what they read, each one's part in the order of time."""
    return Summed(*(np.sum(column, axis=0) for column in zip(*sums, strict=True)))


def list_inputs(problem: Problem, gradients: Gradients, above: Summed, model: ErrorModel) -> Part:
    """The gradient of x beside the sum of what each direction of the first layer sends back."""
    m = with_oracle(model)
    expected = round_sum(above, len(problem.directions) if m.pre else 0, m)  # each part, and their sum
    return Part("dx", INPUTS, np.where(mark_valid_steps(problem), gradients.x, 0), expected, "GRAD-5", True)


def _read_cotangents(problem: Problem, d: int, above: Summed) -> Summed:
    """The part of a direction, in the order in which it reads."""
    terms = above.terms if isinstance(above.terms, int) else take_direction(problem, d, above.terms)
    return above.rearrange(lambda a: turn(problem, d, take_direction(problem, d, a)))._replace(terms=terms)
