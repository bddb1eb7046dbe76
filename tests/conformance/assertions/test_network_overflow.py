"""Gradients that overflow in a network: whichever layer or direction did it hides all the others."""

from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.assertions.network import assert_network_gradients_conform
from conformance.assertions.order import mark_valid_steps
from conformance.outcome import Inconclusive, Refuted
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import BOTH, REVERSE, Form
from conformance.problems.question import with_gates
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem
from tests.helpers.examples import FLOAT32

FORMS = {
    "both directions": Form(1, BOTH),
    "with lengths": Form(1, BOTH, lengths="any"),
    "layers": Form(2, lengths="one short"),
    "layers in both directions": Form(2, BOTH, projection="full"),
    "peepholes": Form(2, REVERSE, kind="peephole"),
    "what cannot be widened": Form(2, kind="no forget gate", lengths="any"),
}
STILL = ("zero", "dense", "dense", "zero", "zero", "zero")  # every state is 0, and a step multiplies gradients by U / 4


def explode(form: Form, T: int) -> tuple[Problem, Cotangents]:
    problem = build_problem(FLOAT32, form, (T, 3, 2, 3), STILL, 0)
    problem = with_gates(problem, lambda _, gate: gate._replace(U=gate.U * np.float32(1e4)))
    return problem, build_loss(problem, ("dense", "dense", "dense"), 0)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_right_network_whose_gradients_overflow_is_not_refuted(form: Form) -> None:
    with np.errstate(all="ignore"), pytest.raises(Inconclusive, match="magnitudes came near the largest number"):
        assert_network_gradients_conform(NUMPY, *explode(form, 36))


def lose_everything(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    answer, found = NUMPY.differentiate(problem, d)
    return answer, replace(found, x=np.where(mark_valid_steps(problem), np.float32(np.nan), found.x))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_who_loses_gradients_far_from_any_overflow_is_refuted(form: Form) -> None:
    wrong: Backend = replace(NUMPY, gradients=lose_everything)
    with pytest.raises(Refuted, match="is not finite|dx is further"):
        assert_network_gradients_conform(wrong, *explode(form, 3))
