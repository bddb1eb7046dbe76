"""An open output gate shows the cell that was returned, right or wrong; what else it shows is refuted."""

import pytest

from conformance.faults.catalogue import FAULTS
from conformance.outcome import Outcome
from conformance.property import find_property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES

SHOWN = find_property("an_open_output_gate_shows_the_cell")


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("never_forgets", Outcome.HOLDS),
        ("adds_the_input_gate_to_the_candidate", Outcome.HOLDS),
        ("rectifies_the_candidate", Outcome.HOLDS),
        ("does_not_squash_the_cell_state", Outcome.REFUTED),
        ("shows_the_cell_state_of_the_step_before", Outcome.REFUTED),
    ],
)
def test_a_wrong_cell_state_makes_no_second_failure(name: str, outcome: Outcome, dtype: str) -> None:
    verdict = judge_property(SHOWN, FAULTS[name].backend(), dtype, PROFILES["standard"], shrink=False)
    assert verdict.outcome is outcome, verdict.detail
