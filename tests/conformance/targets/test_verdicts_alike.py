"""Isolation hides nothing: what is said of a known fault is the same of the fault in a process of its own."""

import pytest

from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.outcome import Outcome
from conformance.run.check import check
from conformance.targets.isolated import start_isolated
from lstm_spec import Backend
from tests.helpers.isolation import PLENTY, told

OF_THE_CONTRACT = [fault for fault in FAULTS.values() if fault.family in ("contract", "memory")]
ONE_OF_EACH_FAMILY = {(fault.family, fault.networks): fault for fault in FAULTS.values()}.values()
SOME = list(dict.fromkeys(fault.name for fault in (*OF_THE_CONTRACT, *ONE_OF_EACH_FAMILY)))


def judge(backend: Backend, *clauses: str) -> list[tuple[str, Outcome, str]]:
    how = {"profile": "quick", "dtypes": ("float32",), "examples": 8, "clauses": clauses}
    return told(check(backend, diagnose=False, shrink=False, **how))  # type: ignore[arg-type]


def assert_judged_alike(fault: Fault, *clauses: str) -> None:
    with start_isolated(f"fault:{fault.name}", None, PLENTY, None) as it:
        assert judge(it.backend, *clauses) == judge(fault.backend(), *clauses)


@pytest.mark.parametrize("name", SOME)
def test_a_fault_is_judged_alike_in_a_process_of_its_own(name: str) -> None:
    assert_judged_alike(FAULTS[name], FAULTS[name].clause)


@pytest.mark.soak
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_judged_alike_in_a_process_of_its_own(name: str) -> None:
    assert_judged_alike(FAULTS[name], FAULTS[name].clause, "CONTRACT-*", "ACT-4")
