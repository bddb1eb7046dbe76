"""Whether the gradients of a network are close enough, layer by layer, for the pass that was differentiated."""

import numpy as np

from conformance.arrays import frozen
from conformance.assertions import widening, widening_plan
from conformance.assertions.comparison import STATE, Comparison, assert_observed, assert_same, breaking, model_of
from conformance.assertions.network_forward import (
    Seen,
    assert_conclusive,
    assert_padding_zero,
    assert_seen_conforms,
    can_pass,
    reading_of,
    step_by_step,
)
from conformance.assertions.network_order import name_place, part_of, turned, valid_steps
from conformance.assertions.network_shapes import assert_network_answer_shaped, assert_network_gradients_shaped
from conformance.outcome import Inconclusive, Refuted
from conformance.tolerance.cell_backward import Summed, given, round_sum
from conformance.tolerance.layer import Trajectory, select
from conformance.tolerance.layer_backward import Backpropagation, Loss, observe_backward
from conformance.tolerance.rounding import exact, with_oracle
from lstm_spec import Backend, Cotangents, ErrorModel, Gradients, Problem, State
from lstm_spec.types import Array

GateGradients = list[list[Array]]  # by layer and direction, (T, B, G*H)


# ---------------------------------------------------------------- backward


def assert_network_gradients_conform(backend: Backend, problem: Problem, d: Cotangents) -> None:
    """Refuted unless the gradients are those of the equations, layer by layer, for the pass that was differentiated.

    Inconclusive where rounding may have grown too much, or a cell state may lie on the edge of its bound.
    """
    if can_pass(backend, problem):
        _assert_conform_through_probes(backend, problem, d)
    if len(problem.parameters) > 1:
        _assert_conform_step_by_step(backend, problem, d)


def _assert_conform_through_probes(backend: Backend, problem: Problem, d: Cotangents) -> None:
    model, plan = model_of(backend, problem), widening_plan.plan_for(backend, problem, probes=True)
    wide, loss = widening.widened(plan), widening.widened_cotangents(plan, d)
    exactly = plan.L == 1 or widening.passes_exactly(backend, problem)
    answer, gradients = backend.gradients(wide, loss)  # type: ignore[misc]
    assert_network_answer_shaped(answer, wide)
    assert_network_gradients_shaped(gradients, wide)
    seen = Seen(wide, answer, widening.outputs(plan, answer.y, model, exactly))
    with breaking("GRAD-8"):
        reads = assert_seen_conforms(seen, model)
    if not reads:
        assert_same("the gradient of h_0", gradients.state.h, loss.state.h, STATE, "GRAD-6")
        assert_same("the gradient of c_0", gradients.state.c, loss.state.c, STATE, "GRAD-6")
        return
    dz = widening.gate_gradients(plan, gradients.x)
    assert_seen_gradients_conform(seen, loss, reads, gradients, dz, model)
    _unambiguous(reads)


def _assert_conform_step_by_step(backend: Backend, problem: Problem, d: Cotangents) -> None:
    """The cotangents of the steps are those of the outputs there, and of the final states each time."""
    model = model_of(backend, problem)
    for t, (_, one) in enumerate(step_by_step(backend, problem)):
        loss = Cotangents(frozen(d.y[t : t + 1, :1].copy()), State(*(frozen(a[:, :1].copy()) for a in d.state)))
        answer, gradients = backend.gradients(one, loss)  # type: ignore[misc]
        assert_network_answer_shaped(answer, one)
        assert_network_gradients_shaped(gradients, one)
        D = len(one.directions)
        hs = answer.state.h
        inner = [exact(np.concatenate(list(hs[k : k + D]), axis=-1)[None]) for k in range(0, len(hs) - D, D)]
        seen = Seen(one, answer, [*inner, exact(answer.y)])
        with breaking("GRAD-8"):
            reads = assert_seen_conforms(seen, model)
        gates = "igo" if one.layer.f is None else "ifgo"
        dz = [
            [np.concatenate([getattr(p, k).b for k in gates])[None, None] for p in row] for row in gradients.parameters
        ]
        assert_seen_gradients_conform(seen, loss, reads, gradients, dz, model)


def assert_seen_gradients_conform(
    seen: Seen, d: Cotangents, reads: list[list[Trajectory]], gradients: Gradients, dz: GateGradients, model: ErrorModel
) -> None:
    """Refuted unless each layer's gradients follow from its own gate gradients, and those of the layer above."""
    problem, valid = seen.problem, valid_steps(seen.problem)
    above = given(np.where(valid, d.y, 0))
    for layer in reversed(range(len(problem.parameters))):
        x = exact(np.where(valid, problem.x, 0)) if layer == 0 else select(valid, seen.outputs[layer - 1])
        sums = []
        for direction, p in enumerate(problem.parameters[layer]):
            r = reading_of(problem, layer, direction, p, x)
            shown = dz[layer][direction].astype(np.float64)
            place = name_place(problem, layer, direction)
            assert_padding_zero(f"dz{place}", shown, valid, "LEN-5")
            if not np.isfinite(shown).all():
                raise Refuted(f"dz{place} is not finite", clause="GRAD-2")
            k = layer * len(problem.directions) + direction
            d_last = State(*(a[k].astype(np.float64) for a in d.state))
            loss, shown = Loss(_read_by(problem, direction, above), d_last), turned(problem, direction, shown)
            found = observe_backward(r, reads[layer][direction], loss, shown, model)
            _assert_parts(seen.problem, layer, direction, gradients, shown, found)
            sums.append(_turn_back(problem, direction, found.into_x))
        above = Summed(*(np.sum(column, axis=0) for column in zip(*sums, strict=True)))
    m = with_oracle(model)
    assert_padding_zero("dx", gradients.x, valid, "LEN-5")
    with breaking("GRAD-5"):
        got, expected = np.where(valid, gradients.x, 0), round_sum(above, 1 if m.pre else 0, m)
        assert_observed(Comparison("dx", ("t", "batch", "input"), got, *expected, backwards=True))


def _read_by(problem: Problem, d: int, above: Summed) -> Summed:
    """The part of a direction, in the order in which it reads."""
    value, error, size = (turned(problem, d, part_of(problem, d, a)) for a in above[:3])
    return Summed(value, error, size, above.terms if isinstance(above.terms, int) else part_of(problem, d, above.terms))


def _turn_back(problem: Problem, d: int, s: Summed) -> Summed:
    """A direction's sum, in the order of time."""
    value, error, size = (turned(problem, d, a) for a in s[:3])
    return Summed(value, error, size, s.terms)


def _assert_parts(
    problem: Problem, layer: int, d: int, gradients: Gradients, dz: Array, found: Backpropagation
) -> None:
    """The gate gradients, in the order in which they are read; then everything that follows from them."""
    place, k = name_place(problem, layer, d), layer * len(problem.directions) + d
    with breaking("GRAD-3"):
        assert_observed(Comparison(f"dz{place}", ("t", "batch", "gate row"), dz, *found.dz, backwards=True))
    got = gradients.parameters[layer][d]
    gates = [gate for gate in got[:4] if gate is not None]
    stacked = [np.concatenate([getattr(gate, part) for gate in gates]) for part in "WUb"]
    with breaking("GRAD-4"):
        for name, axes, one, expected in zip(
            ("dW", "dU", "db"),
            (("gate row", "input"), ("gate row", "unit"), ("gate row",)),
            stacked,
            (found.dW, found.dU, found.db),
            strict=True,
        ):
            assert_observed(Comparison(f"{name}{place}", axes, one, *expected))
    with breaking("VAR-1"):
        for letter, expected in found.dp.items():
            assert_observed(Comparison(f"dp_{letter}{place}", ("unit",), getattr(got, letter).p, *expected))
    with breaking("VAR-4"):
        if found.dR is not None and got.R is not None:
            assert_observed(Comparison(f"dR{place}", ("projected", "unit"), got.R, *found.dR))
    with breaking("GRAD-6"):
        assert_observed(Comparison(f"dh_0{place}", ("batch", "unit"), gradients.state.h[k], *found.dh))
        assert_observed(Comparison(f"dc_0{place}", ("batch", "unit"), gradients.state.c[k], *found.dc))


def _unambiguous(reads: list[list[Trajectory]]) -> None:
    assert_conclusive(reads)
    if any(passed.slope.error.any() for row in reads for passed in row):
        raise Inconclusive(
            "a cell state may lie on the edge of its bound, where its derivative is anything from 0 to 1"
        )
