"""In which networks answers are wrong is found by asking every form that a backend claims."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.diagnose import inquire
from conformance.diagnosis.experiments.forms import find_networks, name_form
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.problems.form import BOTH, REVERSE, Form
from conformance.targets.border import guard_backend
from lstm_spec import Answer, Backend, Problem
from tests.planted.conditional import add_one, at_places, spoil


def in_networks(holds: Callable[[Problem], bool]) -> Backend:
    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return spoil(answer) if holds(problem) else answer

    return replace(NUMPY, forward=forward, gradients=None)


@pytest.mark.parametrize(
    ("holds", "words", "simplest"),
    [
        (lambda p: len(p.parameters) > 1, "with more than one layer", Form(2)),
        (lambda p: p.directions == REVERSE, "in direction reverse alone", Form(directions=REVERSE)),
        (lambda p: "reverse" in p.directions, "in direction reverse", Form(directions=REVERSE)),
        (lambda p: p.lengths is not None and len({*p.lengths}) > 1, "where lengths differ", Form(lengths="any")),
        (lambda p: p.lengths is not None and len({*p.lengths}) == 1, "where lengths are equal", Form(lengths="full")),
        (
            lambda p: p.lengths is not None and p.directions == BOTH,
            "in both directions and with lengths",
            Form(1, BOTH, lengths="full"),
        ),
        (lambda p: len(p.parameters) > 2, "with more than two layers", Form(3)),
        (lambda p: p.lengths is not None and 0 in p.lengths, "where some length is 0", Form(lengths="zeros")),
        (
            lambda p: p.lengths is not None and bool((np.diff(p.lengths) > 0).any()),
            "where lengths are not in falling order",
            Form(lengths="any"),
        ),
        (lambda p: "reverse" in p.directions and p.sizes[1] > 9, "in direction reverse", Form(directions=REVERSE)),
        (lambda p: p.variant.kind == "peephole", "with the cell 'peephole'", Form(kind="peephole")),
        (
            lambda p: p.layer.R is not None and p.sizes[3] > p.P,
            "with a projection to fewer units",
            Form(1, projection="narrow"),
        ),
    ],
)
def test_the_networks_are_found(holds: Callable[[Problem], bool], words: str, simplest: Form) -> None:
    found = find_networks(Laboratory(in_networks(holds), "float32", seconds=60))
    assert found.finding is not None and found.finding.is_certain
    assert (found.finding.sentence, name_form(found.simplest or Form())) == (f"only {words}", name_form(simplest))
    assert {"right", "wrong"} == {said for _, said in found.finding.tried}


@pytest.mark.parametrize("holds", [lambda p: False, lambda p: True])
def test_in_no_form_or_in_all_there_is_no_condition(holds: Callable[[Problem], bool]) -> None:
    found = find_networks(Laboratory(in_networks(holds), "float32", seconds=60))
    assert found.finding is None and (found.simplest is None) != holds(None)  # type: ignore[arg-type]


def test_without_a_simple_rule_none_is_named() -> None:
    found = find_networks(
        Laboratory(in_networks(lambda p: p.x.size % 7 + len(p.parameters) > 5), "float32", seconds=60)
    )
    odd = find_networks(Laboratory(in_networks(lambda p: int(1e4 * abs(p.x).sum()) % 2 > 0), "float32", seconds=60))
    assert found.finding is None and odd.finding is not None and not odd.finding.is_certain


def test_a_network_is_examined_where_a_plain_layer_is_right() -> None:
    """No condition is named that the network itself needs: lengths differ from two samples and steps on only."""
    differ = in_networks(lambda p: p.lengths is not None and len({*p.lengths}) > 1)
    sentence = inquire(guard_backend(differ), "float32", seconds=60).sentence
    assert sentence.startswith("its answers are wrong only where lengths differ, at all ") and "B = 2" in sentence


def test_a_layer_of_a_network_is_named() -> None:
    about = replace(NUMPY.description, features=NUMPY.description.features & Form(2, BOTH).features)
    wrong = replace(at_places(add_one(), layer=1), description=about)
    sentence = inquire(guard_backend(wrong), "float32", seconds=60).sentence
    assert sentence.startswith("its answers are wrong only with more than one layer, ") and ": layer 1; " in sentence
