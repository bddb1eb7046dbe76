"""Every known fault is caught, by a property of the clause it breaks."""

from typing import Any

import pytest

from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.faults.lstm import build_backend
from conformance.outcome import Outcome
from conformance.run.check import check
from lstm_spec import CLAUSES
from lstm_spec.clauses import Level

ONLY_AT_FLOAT64 = {"takes_the_biases_in_float32", "takes_the_tanh_in_float32", "computes_in_float32_throughout"}
ONE_LAYER = {name: fault for name, fault in FAULTS.items() if not fault.networks}
CASES = [
    pytest.param(fault, dtype, id=f"{fault.name}-{dtype}")
    for fault in ONE_LAYER.values()
    for dtype in ("float32", "float64")
    if dtype == "float64" or fault.name not in ONLY_AT_FLOAT64
]


@pytest.mark.parametrize(("fault", "dtype"), CASES)
def test_every_fault_is_refuted_by_a_property_of_the_clause_it_breaks(fault: Fault, dtype: Any) -> None:
    how: Any = {"maxfail": 1, "strict": True, "diagnose": False, "shrink": False}
    report = check(fault.backend(), dtypes=(dtype,), clauses=(fault.clause,), **how)
    assert [v.outcome for v in report.failures] == [Outcome.REFUTED]
    assert report.status == 1


@pytest.mark.parametrize("name", sorted(ONLY_AT_FLOAT64))
def test_what_float32_cannot_show_is_not_shown_there(name: str) -> None:
    report = check(FAULTS[name].backend(), dtypes=("float32",), clauses=(FAULTS[name].clause,), examples=20)
    assert not report.failures


def test_the_parts_a_fault_does_not_replace_are_right() -> None:
    report = check(build_backend("right", networks=False), profile="quick", examples=5)
    assert report.status == 0, report.statement


def test_every_fault_of_the_catalogue_says_what_it_breaks() -> None:
    assert len(FAULTS) == 386 and len(ONE_LAYER) == 149
    for fault in FAULTS.values():
        assert (
            fault.clause in CLAUSES
            and fault.sentence.endswith(".")
            and fault.kind in ("forward", "gradient", "contract", "module")
        )


def test_every_must_and_should_has_a_fault() -> None:
    asked = {name for name, clause in CLAUSES.items() if clause.level in (Level.MUST, Level.SHOULD)}
    assert asked - {fault.clause for fault in FAULTS.values()} == set()


def test_the_families_are_those_people_get_wrong() -> None:
    forward = {
        "gate order",
        "weights",
        "sizes",
        "bias",
        "state",
        "cell",
        "activation",
        "precision",
        "clip",
        "layout",
        "sequence",
    }
    assert {fault.family for fault in ONE_LAYER.values()} == forward | {"gradient", "overflow", "pass", "contract"}
    assert sum(fault.family == "gate order" for fault in FAULTS.values()) == 23
