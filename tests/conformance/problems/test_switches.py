"""Each feature beyond the core can be switched off, and then another answer is right."""

import numpy as np
import pytest

from conformance.outcome import NotClaimed
from conformance.problems.build import build_problem
from conformance.problems.form import BEYOND, Form, form_of
from conformance.problems.switches import FILLED, SWITCHES, Switched, switches
from lstm_spec import REFERENCE, Feature, Kind, Variant, checked
from lstm_spec.variants import KINDS
from lstm_spec.variants.cells import coupled_cell, coupled_gradient
from tests.helpers.examples import FLOAT32, draw_examples

EVERYTHING = frozenset(Feature)


def switch_off(feature: Feature, seed: int) -> Switched:
    form, switch = SWITCHES[feature]
    return switch(build_problem(FLOAT32, form, (4, 4, 4, 4), FILLED, seed), feature)


def test_every_feature_beyond_the_core_that_can_be_ignored_has_a_switch() -> None:
    assert set(SWITCHES) == BEYOND - {Feature.ZERO_LENGTHS}


@pytest.mark.parametrize("feature", SWITCHES)
def test_the_answers_with_and_without_a_feature_differ(feature: Feature) -> None:
    moved = 0.0
    for seed in range(5):
        one = switch_off(feature, seed)
        on, off = REFERENCE.forward(checked(one.problem)).y, REFERENCE.forward(checked(one.without)).y
        moved = max(moved, float(np.abs(on[..., one.first :] - off).max()))
        assert one.feature is feature and feature in form_of(one.problem).features
    assert moved > 0.1


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if len(kind.features) == 1], ids=lambda kind: kind.name
)
def test_without_its_feature_a_kind_is_the_standard_cell_with_the_same_weights(kind: Kind) -> None:
    problem, without, _, _ = switch_off(kind.features[0], 0)
    assert form_of(without) == Form() and checked(without)
    for letter, gate in problem.layer.gates.items():
        assert without.layer.gates[letter] == gate._replace(p=None)


def test_a_gate_that_any_kind_lacks_equals_another(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Kind("new", coupled_cell, coupled_gradient, (Feature.COUPLED,), gates="ifg", peepholes="i")
    monkeypatch.setitem(KINDS, new.name, new)
    problem = build_problem(FLOAT32, Form(kind="new"), (4, 4, 4, 4), FILLED, 0)
    bare = {letter: gate._replace(p=None) for letter, gate in problem.layer.gates.items()}
    without = SWITCHES[Feature.COUPLED][1](problem, Feature.COUPLED).without
    assert without.layer.gates == {**bare, "o": bare["g"]} and without.variant == Variant()


def test_only_claimed_features_are_switched() -> None:
    claimed = frozenset({Feature.LENGTHS, Feature.CELL_CLIP})
    assert {one.feature for one in draw_examples(switches(), 20, features=claimed)} == claimed
    with pytest.raises(NotClaimed, match="it claims no feature that could be ignored at its shapes"):
        draw_examples(switches(), 1)
