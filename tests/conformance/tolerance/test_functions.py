"""Functions made of lines: where they are cut off for sure they are exact, and at a kink either slope is right."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.outcome import Inconclusive, Refuted
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import ACTIVATIONS, Form
from conformance.problems.question import with_gates
from conformance.tolerance import functions
from conformance.tolerance.rounding import Bounded
from lstm_spec import REFERENCE, Activations, Backend, Cotangents, Problem, Variant, error_model
from lstm_spec.variants import configured

MODEL = error_model("relative", "float32")
LINE = functions.make_line(0.2, 0.5)
DENSE = ("dense", "by-width", "by-width", "dense", "within-1", "dense")


def value_at(z: float, error: float = 1e-6) -> tuple[float, float]:
    value, room = LINE.value(Bounded(np.array([z]), np.array([error])), MODEL)
    return float(value[0]), float(room[0])


@pytest.mark.parametrize("z, gate", [(-2.6, 0.0), (2.6, 1.0), (-1e30, 0.0), (1e30, 1.0)])
def test_a_gate_that_is_cut_off_for_sure_is_exact(z: float, gate: float) -> None:
    assert value_at(z) == (gate, 0.0)


def test_the_error_of_a_line_is_that_of_z_and_four_roundings() -> None:
    value, room = value_at(1.0)
    rounded = 4 * 2.0**-24 * (0.2 + 0.5)
    assert value == 0.7 and 0.2e-6 + rounded < room < 0.2e-6 + 1.001 * rounded


@pytest.mark.parametrize(
    "z, slope, room", [(1.0, 0.2, 0.2 * 2.0**-24), (2.6, 0, 0), (2.5, 0.1, 0.1), (-2.5, 0.1, 0.1), (-2.6, 0, 0)]
)
def test_the_slope_is_that_of_the_line_and_open_at_a_kink(z: float, slope: float, room: float) -> None:
    given = Bounded(np.array([z]), np.array([1e-6]))
    y = LINE.value(given, MODEL)
    (found,) = LINE.slope(given, y, MODEL)
    np.testing.assert_allclose([found.value[0], found.error[0]], [slope, room], rtol=1e-6)
    assert LINE.is_open(y)[0] == (room > 1e-3)


@pytest.mark.parametrize(
    "z, reach", [(2.5, 0.02), (-2.5, 0.02), (2.45, 0.02), (-2.45, 0.02), (0.0, 0.02), (2.55, 0.02)]
)
def test_what_is_cut_off_may_be_off_on_the_side_that_reaches_farther(z: float, reach: float) -> None:
    """At one end only numbers below the value are left, at the other only those above it."""
    value, room = value_at(z, reach / 0.2)
    others = np.clip(0.2 * z + 0.5 + np.linspace(-reach, reach, 201), 0, 1)
    assert np.abs(others - value).max() <= room <= 1.0001 * np.abs(others - value).max() + 1e-6


AT_KINKS: dict[str, tuple[Activations, float]] = {  # every pre-activation is that number, exactly
    "where a gate becomes 0": (Activations(alpha=0.25), -2.0),
    "where a gate becomes 1": (Activations(alpha=0.25), 2.0),
    "where a relu begins": (Activations("sigmoid", "relu"), 0.0),
}


def ask_at_kink(a: Activations, z: float) -> tuple[Problem, Cotangents]:
    problem = build_problem(np.dtype("float32"), Form(kind="configured", activations=a), (1, 2, 2, 3), DENSE, 1)
    still = with_gates(problem, lambda _, gate: gate._replace(W=0 * gate.W, U=0 * gate.U, b=np.full_like(gate.b, z)))
    return still, build_loss(problem, ("dense",) * 3, 1)


def with_slope_at_kink(share: float, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """The reference with another derivative at kinks, that part of the slope of the line."""

    def of_gate(a: Activations, v: Any) -> Any:
        if a.gate == "sigmoid":
            return v * (1 - v)
        return np.where((v > 0) & (v < 1), v.dtype.type(a.alpha), v.dtype.type(share * a.alpha))

    def of_squashing(name: str, y: Any) -> Any:
        return 1 - y * y if name == "tanh" else np.where(y > 0, y.dtype.type(1), y.dtype.type(share))

    monkeypatch.setattr(configured, "gate_slope", of_gate)
    monkeypatch.setattr(configured, "squashing_slope", of_squashing)
    return REFERENCE


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("a, z", AT_KINKS.values(), ids=AT_KINKS)
def test_at_a_kink_either_slope_is_right_and_nothing_is_said(
    a: Activations, z: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Inconclusive, match="on a kink of a function"):
        assert_network_gradients_conform(with_slope_at_kink(share, monkeypatch), *ask_at_kink(a, z))


@pytest.mark.parametrize("share", [-0.5, 1.5])
@pytest.mark.parametrize("a, z", AT_KINKS.values(), ids=AT_KINKS)
def test_at_a_kink_another_slope_is_wrong(
    a: Activations, z: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refuted):
        assert_network_gradients_conform(with_slope_at_kink(share, monkeypatch), *ask_at_kink(a, z))


def test_the_slope_of_keras_2_is_told_from_that_of_keras_3() -> None:
    problem = build_problem(np.dtype("float32"), Form(kind="configured"), (3, 2, 2, 3), DENSE, 1)
    other = Variant("configured", activations=replace(ACTIVATIONS[0], alpha=1 / 6))
    wrong = replace(REFERENCE, forward=lambda asked: REFERENCE.forward(replace(asked, variant=other)))
    assert_network_conforms(REFERENCE, problem)
    with pytest.raises(Refuted):
        assert_network_conforms(wrong, problem)


@pytest.mark.parametrize("T", [5, 600])
@pytest.mark.parametrize("a", ACTIVATIONS, ids=str)
def test_what_nothing_bounds_stays_within_float16(a: Activations, T: int) -> None:
    for seed in range(6):
        form = Form(2, kind="configured", activations=a, projection=("", "narrow")[seed % 2])
        hard = ("large", "very-wide", "very-wide", "saturating", "within-1", "dense")
        problem = build_problem(np.dtype("float16"), form, (T, 2, 5, 7), hard, seed)
        wide = build_problem(np.dtype("float64"), form, (T, 2, 5, 7), hard, seed)
        assert np.abs(REFERENCE.forward(wide).y).max() < 65504 / 4
        assert np.isfinite(REFERENCE.forward(problem).state.c).all()
