"""Backends that are right in an unusual way conform; malformed answers never break a property."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Outcome
from conformance.report.status import FAILED, PASSED
from conformance.report.text import print_statement
from conformance.run.check import check
from lstm_spec import Backend, Feature
from tests.helpers import specimens
from tests.helpers.judged import judged

SHAPED = {
    "in_blocks_of_8": "shapes T in 0…64, H in 8…",
    "nine_inputs": "shapes I in 0…9",
    "one_step": "shapes T in 1…1",
    "one_sample": "shapes B in 1…1",
    "two_steps_or_more": "shapes T in 2…",
}


@pytest.mark.parametrize("name", SHAPED)
def test_a_backend_is_judged_within_its_shapes_and_conforms(name: str) -> None:
    """Outside of its shapes each of them raises, which would be a verdict of its own."""
    report = check(getattr(specimens, name), profile="quick", examples=3)
    against = [v for v in report.verdicts if v.outcome not in (Outcome.HOLDS, Outcome.NOT_CLAIMED)]
    assert [(v.property.name, v.outcome, v.detail) for v in against] == []
    assert report.status == PASSED, report.statement
    printed = StringIO()
    print_statement(Console(file=printed, width=200), report)
    assert SHAPED[name] in printed.getvalue()


def test_gradients_are_probed_in_blocks_at_the_sizes_of_every_profile() -> None:
    report = check(
        specimens.nine_inputs, profile="standard", examples=25, dtypes=("float32",), clauses=("GRAD-2", "GRAD-5")
    )
    assert {verdict.outcome for verdict in report.verdicts} == {Outcome.HOLDS}


def test_a_fault_is_found_within_narrow_shapes_too() -> None:
    about = specimens.in_blocks_of_8.description
    wrong = specimens.swaps_input_and_forget_gates.forward
    assert judged(Backend("wrong_in_blocks", wrong, description=about)).outcome is Outcome.REFUTED


@pytest.mark.parametrize("name", ["float64_only", "restless"])
def test_what_a_backend_may_do_is_not_held_against_it(name: str) -> None:
    report = check(getattr(specimens, name), profile="quick", examples=3)
    assert report.failures == []
    assert report.status == PASSED


@pytest.mark.parametrize("asked", ["CONTRACT-2", "GRAD-6"])
def test_what_is_not_deterministic_is_judged_without_steps_and_without_samples(asked: str) -> None:
    """Every row is asked; some have none of either. A backend that claims every form, too, is asked those."""
    features = NUMPY.description.features - {Feature.DETERMINISTIC}
    other = replace(NUMPY, description=replace(NUMPY.description, features=features))
    for backend in (specimens.restless, other):
        report = check(backend, profile="quick", clauses=(asked,), dtypes=("float32",))
        assert {v.outcome for v in report.verdicts} <= {Outcome.HOLDS, Outcome.NOT_CLAIMED}, report.statement


def test_float64_alone_is_judged_at_float64() -> None:
    report = check(specimens.float64_only, profile="quick", examples=2, clauses=("SEQ-3",))
    assert {verdict.dtype for verdict in report.verdicts} == {"float64"}


def test_what_is_not_deterministic_may_not_claim_to_be() -> None:
    assert Feature.DETERMINISTIC in specimens.restless_and_denies_it.description.features
    report = check(specimens.restless_and_denies_it, profile="quick", clauses=("CONTRACT-2",), shrink=False)
    assert report.status == FAILED
    assert Outcome.REFUTED in {verdict.outcome for verdict in report.verdicts}


@pytest.mark.parametrize(
    "name",
    ["returns_tensors", "puts_the_batch_first", "drops_the_layer_axis", "returns_packed_gradients", "returns_nan"],
)
def test_a_malformed_answer_never_breaks_a_property(name: str) -> None:
    report = check(getattr(specimens, name), profile="quick", examples=2)
    assert [v.property.name for v in report.findings.select_verdicts(Outcome.SUITE_ERROR)] == []
    assert report.status == FAILED
