"""Isolation hides nothing: what is said of a known fault is the same of the fault in a process of its own."""

from typing import Any

import pytest

from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.run.check import check
from conformance.targets.isolated import start_isolated
from tests.helpers.isolation import PLENTY, told
from tests.helpers.judged import judge_again

HOW: Any = {"profile": "quick", "dtypes": ("float32",), "diagnose": False, "shrink": False}
OF_THE_CONTRACT = [fault for fault in FAULTS.values() if fault.family in ("contract", "memory")]
ONE_OF_EACH_FAMILY = {(fault.family, fault.networks): fault for fault in FAULTS.values()}.values()
SOME = list(dict.fromkeys(fault.name for fault in (*OF_THE_CONTRACT, *ONE_OF_EACH_FAMILY)))


def assert_judged_alike(fault: Fault, few: int, *clauses: str) -> None:
    here = check(fault.backend(), clauses=clauses, examples=8, **HOW)
    # what a fault keeps depends on all that it was asked
    again = here.verdicts if few == 8 else judge_again(fault.backend(), here.verdicts, 8, few)
    with start_isolated(f"fault:{fault.name}", None, PLENTY, None) as it:
        assert told(judge_again(it.backend, here.verdicts, 8, few)) == told(again)


@pytest.mark.parametrize("name", SOME)
def test_a_fault_is_judged_alike_in_a_process_of_its_own(name: str) -> None:
    assert_judged_alike(FAULTS[name], 2, FAULTS[name].clause)


@pytest.mark.soak
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_judged_alike_in_a_process_of_its_own(name: str) -> None:
    assert_judged_alike(FAULTS[name], 8, FAULTS[name].clause, "CONTRACT-*", "ACT-4")
