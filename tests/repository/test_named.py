"""The measurement of how many known faults are named: what counts as named alone, and one fault of each kind."""

from typing import Any

import pytest

from conformance.faults.catalogue import FAULTS
from tools.checks import named
from tools.checks.named import ALONE, AMONG, OTHER, UNNAMED, UNSEEN, name_fault

ONE_OF_EACH = (
    "swaps_input_and_forget_gates",
    "takes_the_slope_of_sigmoid_as_itself",
    "reads_peepholes_iof_as_ifo",
    "keeps_the_packed_weights_after_an_update",
)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_fault_of_each_kind_is_named_alone(name: str) -> None:
    assert name_fault(FAULTS[name])[1:] == (ALONE, (name,))


@pytest.mark.parametrize(
    ("names", "outcome"),
    [
        (["swaps_input_and_forget_gates"], ALONE),
        (["swaps_input_and_forget_gates", "never_forgets"], AMONG),
        (["never_forgets"], OTHER),
        ([], UNNAMED),
    ],
)
def test_what_is_named_is_counted(names: list[str], outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fitting = [FAULTS[name] for name in names]
    monkeypatch.setattr(named, "find_fitting", lambda *_, **__: fitting)
    assert name_fault(FAULTS["swaps_input_and_forget_gates"]) == (
        FAULTS["swaps_input_and_forget_gates"],
        outcome,
        tuple(names),
    )


def test_a_fault_that_nothing_refutes_is_counted_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = lambda *_: None  # noqa: E731
    monkeypatch.setattr(named, "refute", nothing)
    assert name_fault(FAULTS["never_forgets"]).outcome == UNSEEN
