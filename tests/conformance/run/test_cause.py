"""Where no known fault fits, experiments say under which condition an answer is wrong."""

import pytest

from conformance.diagnosis.experiments import diagnose
from conformance.run.check import check
from lstm_spec import Backend
from tests.helpers import specimens
from tests.planted import conditional
from tests.planted.conditional import at_sizes
from tests.planted.edits import textbook

PLENTY = 90.0  # seconds
SIZES = "sizes_of_every_kind_are_read_alike"
ONE_SAMPLE = at_sizes(lambda T, B, I, H: B == 1)
EVERYWHERE = at_sizes(lambda T, B, I, H: True)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (ONE_SAMPLE, "its answers are wrong only where B = 1 ("),
        (EVERYWHERE, " known faults fits; its answers are wrong at all "),
        (conditional.keeps_the_first_weights, "it keeps the weights of the first call with the same shapes"),
    ],
)
def test_experiments_follow_where_no_known_fault_fits(
    backend: Backend, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnose, "SECONDS", PLENTY)
    cause = check(backend, profile="quick", dtypes=("float32",), name=SIZES).cause
    assert (
        words in cause.sentence and not cause.is_known and {row.experiment for row in cause.rows} >= {"before", "when"}
    )


def test_a_formula_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "SECONDS", PLENTY)
    wrong = textbook(("f = sigmoid(f)", "f = sigmoid(f + 0.75)"))
    cause = check(wrong, profile="quick", dtypes=("float32",), name=SIZES).cause
    assert cause.sentence.startswith(
        "the forget gate adds up W_f x + U_f h + b_f + 0.75, expected W_f x + U_f h + b_f; "
    )
    assert cause.sentence.endswith(" known faults fits") and "cause unknown" not in cause.sentence


def test_no_experiment_follows_where_a_known_fault_fits() -> None:
    cause = check(specimens.swaps_input_and_forget_gates, profile="quick", dtypes=("float32",), name=SIZES).cause
    assert cause.is_known and not cause.rows
