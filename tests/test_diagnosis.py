"""The diagnosis names the mistake."""

import numpy as np
import pytest

from backends.numpy_backend import BACKEND as NUMPY
from conformance.border import guarded
from conformance.checking import check
from conformance.diagnosis import KNOWN, diagnose
from conformance.faults import FAULTS, Fault
from lstm_spec import Answer, Problem, from_packed
from tests.test_backends import foreign, right_answer

VALUES = [fault for fault in FAULTS.values() if fault.kind != "contract"]


@pytest.mark.parametrize("fault", VALUES[::3], ids=lambda fault: fault.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some faults are of overflow
def test_every_third_fault_is_named_and_no_other(fault: Fault) -> None:
    dtype = "float64" if "float32" in fault.name else "float32"
    found = diagnose(guarded(fault.backend()), dtype)
    assert found is not None and [fit.name for fit in found.fitting] == [fault.name]
    assert f"1 of {KNOWN} known faults fits: {fault.name}" in found.sentence


def test_a_right_backend_has_no_diagnosis() -> None:
    found = diagnose(guarded(NUMPY), "float32")
    assert found is not None and not found.fitting
    assert "its answers are those of the equations" in found.sentence


def test_a_mistake_in_code_of_another_hand_is_named() -> None:
    right = foreign("ifgo", 2, False, False)
    wrong = from_packed(lambda x, h, c, W, U, b, more: right_answer(right, (x, h, c, W, U, b, b * 0)))
    found = diagnose(guarded(wrong), "float32")
    assert found is not None and [fit.name for fit in found.fitting] == ["drops_the_recurrent_bias"]


def test_what_nobody_knows_is_said_to_be_unknown() -> None:
    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return Answer(answer.y * np.float32(0.5), answer.state._replace(h=answer.state.h * np.float32(0.5)))

    from dataclasses import replace

    report = check(replace(NUMPY, forward=forward), profile="quick", name="read_alone", maxfail=1)
    assert not report.diagnosed and report.cause == f"none of {KNOWN} known faults fits"
