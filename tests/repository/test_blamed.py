"""The measurement of whether what is right is given a cause: what counts as one, and that all of it is right."""

import pytest

from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.targets.border import guard_backend
from tests.planted.odd import FIRST, FROM_TANH, FURTHER, ODD, Odd
from tools.checks.blamed import FALSE, MET, NONE, TRUE, Blamed, examine


@pytest.mark.parametrize(
    ("sentence", "causes", "outcome"),
    [
        ("", (), MET),
        ("its answers are wrong at all sizes", (), NONE),
        ("the forget gate adds 1", ("the forget gate adds 1",), FALSE),
        ("errors of 16 bits", ("errors of 16 bits",), TRUE),
        ("errors of 16 bits; the forget gate adds 1", ("errors of 16 bits", "the forget gate adds 1"), FALSE),
    ],
)
def test_a_cause_is_the_true_one_another_one_or_none(sentence: str, causes: tuple[str, ...], outcome: str) -> None:
    assert Blamed(sentence, causes).compare(Odd((), "of 16 bits")) == outcome


def test_what_a_wrong_implementation_does_is_a_cause() -> None:
    wrong = Odd((("f = sigmoid(f)", "f = sigmoid(f + 1)"),))
    assert examine(wrong, "float32").compare(wrong) == FALSE


def test_at_least_two_dozen_are_right_but_for_the_last_digits() -> None:
    assert len(FROM_TANH | FIRST) >= 12 and len(FURTHER) >= 12 and len(ODD) == len(FROM_TANH | FIRST) + len(FURTHER)
    for name, odd in ODD.items():
        laboratory = Laboratory(guard_backend(odd.build()), "float32")
        question = laboratory.make_question((5, 3, 4, 5))
        for backward in (False, True):
            compared = laboratory.turn_backward(backward).judge(question).compared
            errors = [abs(c.got - c.expected).max() / max(1, abs(c.expected).max()) for c in compared]
            assert errors and max(errors) < 0.02, name
