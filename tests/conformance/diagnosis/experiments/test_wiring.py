"""What a layer or a direction takes from another one is named."""

from dataclasses import replace

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.wiring import find_wiring, list_changes
from conformance.problems.form import BOTH, Form
from conformance.targets.border import guard_backend

NETWORK = Form(2, BOTH)
SIZES = (3, 2, 4, 5)
CHANGES = list(list_changes(Laboratory(guard_backend(NUMPY), "float32", NETWORK).make_question(SIZES).problem))


@pytest.mark.parametrize("change", CHANGES, ids=[words for words, *_ in CHANGES])
def test_each_change_of_a_network_is_named(change: tuple) -> None:  # type: ignore[type-arg]
    words, understand, read = change
    wrong = replace(NUMPY, forward=lambda problem: read(NUMPY.forward(understand(problem))), gradients=None)
    found = find_wiring(Laboratory(guard_backend(wrong), "float32", NETWORK, seconds=60), SIZES)
    assert found is not None and found.is_certain and found.sentence == words


def test_a_right_network_has_none() -> None:
    assert find_wiring(Laboratory(guard_backend(NUMPY), "float32", Form(1), seconds=60), SIZES) is None
