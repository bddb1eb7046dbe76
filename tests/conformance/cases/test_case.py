"""An example becomes arrays and text, and is the same example again."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

import conformance.properties  # noqa: F401  fills the registry
from conformance.arrays import fingerprint
from conformance.cases.case import assemble, disassemble, is_finite
from conformance.nouns import put_together
from conformance.problems.question import Context
from conformance.property import PROPERTIES, Property
from lstm_spec import REFERENCE, Variant
from tests.helpers.examples import make_strategy

FEW = settings(
    max_examples=2, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_an_example_of_every_property_is_put_together_again(prop: Property) -> None:
    dtype = np.dtype("float32")

    @seed(1)
    @FEW
    @given(make_strategy(prop.on(Context(dtype, REFERENCE.description, "quick"))))
    def try_example(example: Any) -> None:
        again = assemble(*disassemble(example, "drawn"))
        assert type(again) is type(example) and fingerprint(again) == fingerprint(example)
        assert is_finite(example)

    try_example()


def test_a_variant_of_an_older_case_has_neither_activations_nor_a_bound_on_the_projection() -> None:
    older = ["Variant", {"plain": "peephole"}, {"plain": 1.5}]
    assert put_together(older, {}) == Variant("peephole", 1.5)
