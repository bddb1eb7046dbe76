"""The features that a form needs are those that a backend has to claim."""

from typing import Any

import pytest

from conformance.problems.form import ANYTHING, BEYOND, BOTH, REVERSE, Form
from lstm_spec import Feature
from lstm_spec.types import OF_MODULES
from lstm_spec.variants import KINDS


@pytest.mark.parametrize(
    ("fields", "features"),
    [
        ({}, set()),
        ({"layers": 2}, {Feature.LAYERS}),
        ({"directions": REVERSE}, {Feature.REVERSE}),
        ({"directions": BOTH}, {Feature.BIDIRECTIONAL}),
        ({"projection": "narrow"}, {Feature.PROJECTION}),
        ({"projection": "full"}, {Feature.PROJECTION, Feature.FULL_PROJECTION}),
        ({"clip": 3.0}, {Feature.CELL_CLIP}),
        ({"lengths": "full"}, {Feature.LENGTHS}),
        ({"lengths": "any"}, {Feature.LENGTHS}),
        ({"lengths": "zeros"}, {Feature.LENGTHS, Feature.ZERO_LENGTHS}),
        ({"lengths": "nothing"}, {Feature.LENGTHS, Feature.ZERO_LENGTHS}),
        *(({"kind": kind.name}, {*kind.features}) for kind in KINDS.values()),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else " ".join(sorted(value)),
)
def test_a_form_needs_the_features_of_its_fields(fields: dict[str, Any], features: set[Feature]) -> None:
    assert Form(**fields).features == features


def test_every_feature_of_a_form_may_be_drawn() -> None:
    others = {Feature.GRADIENTS, Feature.EMPTY_BATCH, Feature.EMPTY_SEQUENCE, Feature.DETERMINISTIC}
    others.add(Feature.BFLOAT16_WEIGHTS)  # a property of its own draws it
    assert set(Feature) - others - OF_MODULES == BEYOND and set(ANYTHING) == set(vars(Form()))
