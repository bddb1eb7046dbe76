"""bfloat16 weights beside states of float32: right implementations hold, faults are refuted, bounds are attained."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.assertions.comparison import recorded_ratios
from conformance.faults.catalogue import FAULTS
from conformance.faults.lstm import build_backend
from conformance.faults.parts import RIGHT_PARTS, squash_cell_by
from conformance.faults.primitives import Value
from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.run.check import check
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from lstm_spec import REFERENCE, Backend, Feature, Problem
from lstm_spec.storage import compute_wide, has_narrow_weights
from tools.checks.right.backends import RIGHT, make_by_tanh

NAME = "weights_of_bfloat16"


def outcomes(backend: Backend, profile: str = "quick", seed: int = 0) -> set[Outcome]:
    report = check(backend, profile=profile, dtypes=("float32",), name=NAME, diagnose=False, run_seed=seed)
    return {verdict.outcome for verdict in report.verdicts}


def by_tanh() -> Backend:
    """At grade absolute."""
    right = compute_wide(make_by_tanh(), has_narrow_weights)
    features = right.description.features | {Feature.BFLOAT16_WEIGHTS}
    return replace(right, description=replace(right.description, features=features))


CONSTRUCTED: dict[str, Callable[[], Backend]] = {
    "reference": lambda: REFERENCE,
    "by tanh": by_tanh,
    **{name: RIGHT[name] for name in ("fused", "reversed", "kahan")},
}


@pytest.mark.parametrize("name", CONSTRUCTED)
def test_a_right_implementation_of_another_construction_holds(name: str) -> None:
    assert outcomes(CONSTRUCTED[name](), "standard") == {Outcome.HOLDS}


def less_accurate(c: Value) -> Value:
    return anp.tanh(c) * (1 + 3 * 2.0**-23)  # grade relative allows 14 roundoffs


def test_a_kernel_for_bfloat16_may_be_less_accurate_than_that_for_float32() -> None:
    """What the units that pass a number on do in one of them says nothing about the other."""
    other = build_backend("less accurate", replace(RIGHT_PARTS, squash=squash_cell_by(less_accurate)))

    def choose(problem: Problem) -> Backend:
        return other if has_narrow_weights(problem) else NUMPY

    mixed = replace(
        NUMPY,
        forward=lambda problem: choose(problem).forward(problem),
        gradients=lambda problem, d: choose(problem).differentiate(problem, d),
    )
    assert all(outcomes(mixed, "standard", seed) == {Outcome.HOLDS} for seed in range(3))


def test_who_does_not_claim_it_is_not_asked() -> None:
    features = NUMPY.description.features - {Feature.BFLOAT16_WEIGHTS}
    without = replace(NUMPY, description=replace(NUMPY.description, features=features))
    assert outcomes(without) == {Outcome.NOT_CLAIMED}


def test_it_is_asked_at_float32_alone() -> None:
    properties = [prop for prop in PROPERTIES if NAME in prop.name]
    assert [verdict.dtype for verdict in check(NUMPY, name=NAME).verdicts] == ["float32"] * len(properties)
    asked = [judge_property(prop, NUMPY, "float64", PROFILES["quick"]) for prop in properties]
    assert {verdict.detail for verdict in asked} == {"it is asked at float32 alone"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.family == "storage"])
def test_every_fault_is_refuted_at_any_seed(name: str, seed: int) -> None:
    assert Outcome.REFUTED in outcomes(FAULTS[name].backend(), "standard", seed)


def test_rounding_to_the_nearest_bfloat16_nearly_attains_the_bounds_of_the_gradients() -> None:
    with recorded_ratios() as ratios:
        assert outcomes(NUMPY, "standard") == {Outcome.HOLDS}
    largest = {name: max(max(of) for key, of in ratios.items() if key.startswith(name)) for name in ("dz", "dW", "dU")}
    assert all(0.8 < ratio <= 1 for ratio in largest.values()), largest
