"""What bfloat16 and float16 admit: each operation rounded, or float32 inside; and what they do not."""

import os
from dataclasses import replace
from typing import Any

import pytest

from conformance.faults.catalogue import FAULTS
from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.report.findings import Findings, Request
from conformance.report.report import Report
from conformance.report.statement import write_statement
from conformance.run.check import check
from conformance.run.judge import judge_pair
from conformance.run.options import Options
from conformance.verdict import Verdict
from lstm_spec.storage import NARROW
from tests.helpers import sixteen
from tests.helpers.sixteen import FLUSHING, OP_BY_OP, WIDE, Arithmetic, flushed, rounded

TORCH = os.environ.get("LSTM_SPEC_TORCH", "") != "none"

in_either_dtype = pytest.mark.parametrize("dtype", NARROW)


def judged(a: Arithmetic, grade: str, dtype: str, **how: Any) -> Report:
    options = {"profile": "quick", "diagnose": False, "shrink": False, **how}
    return check(sixteen.backend("sixteen", a, grade), dtypes=(dtype,), **options)


# ---------------------------------------------------------------- accepted

ARITHMETIC = {"op-by-op": OP_BY_OP, "wide": WIDE}
ADMITTED = {
    ("op-by-op", "sums over time at once"): replace(OP_BY_OP, step_by_step=False),
    ("op-by-op", "subnormal numbers are flushed where it stores"): FLUSHING,
    ("op-by-op", "float32 within a step, 16 bits in between"): replace(WIDE, stored_c=rounded, stored_dz=rounded),
    ("wide", "h is fed back as it was before it was rounded"): replace(WIDE, stored_h=sixteen.as_it_is),
    ("wide", "subnormal numbers are flushed where it stores"): replace(WIDE, stored_h=flushed, returned=flushed),
}
SIGMOIDS = {
    "two branches": sixteen.two_branches,
    "a quotient that is kept from overflowing": sixteen.quotient_up_to_ten,
}


CONFORMS = "conforms to LSTM Specification 1.0 at bfloat16 (wide), float16 (wide)"


@pytest.mark.soak
def test_arithmetic_that_is_wider_inside_conforms() -> None:
    report = check(sixteen.backend("wide", WIDE, "wide"), profile="standard")
    assert report.statement == CONFORMS
    assert not report.findings.select_verdicts(Outcome.INCONCLUSIVE)


def test_what_conforms_with_16_bits_says_at_which_grade() -> None:
    about = sixteen.backend("wide", WIDE, "wide").description
    held = [Verdict(prop, dtype, Outcome.HOLDS) for prop in PROPERTIES for dtype in about.dtypes]
    request = Request("standard", 0, about.dtypes)
    assert write_statement(Findings("wide", about, True, request, held)) == CONFORMS


@in_either_dtype
@pytest.mark.parametrize(
    ("grade", "how"),
    [
        ("op-by-op", {"examples": 8}),
        ("op-by-op", {"profile": "standard", "clauses": ("GRAD-4",), "examples": 13}),
        pytest.param("op-by-op", {"profile": "standard", "clauses": ("GRAD-4",)}, marks=pytest.mark.soak),
        ("wide", {"examples": 8}),
    ],
    ids=["op-by-op", "op-by-op, sums over many steps", "op-by-op, at all sizes", "wide"],
)
def test_the_arithmetic_of_a_grade_is_accepted(grade: str, how: dict[str, Any], dtype: str) -> None:
    report = judged(ARITHMETIC[grade], grade, dtype, **how)
    assert report.status == 0, report.statement
    assert not report.findings.select_verdicts(Outcome.INCONCLUSIVE)


@in_either_dtype
@pytest.mark.parametrize(("grade", "what"), ADMITTED, ids=lambda text: text)
def test_what_a_grade_admits_is_accepted(grade: str, what: str, dtype: str) -> None:
    report = judged(ADMITTED[grade, what], grade, dtype, examples=2)
    assert report.status == 0, report.statement


@in_either_dtype
@pytest.mark.parametrize("sigmoid", SIGMOIDS)
def test_sigmoids_that_are_accurate_relatively_are_accepted(sigmoid: str, dtype: str) -> None:
    report = judged(replace(OP_BY_OP, sigmoid=SIGMOIDS[sigmoid]), "op-by-op", dtype, clauses=("ACT-*", "CELL-*"))
    assert report.status == 0, report.statement


# ---------------------------------------------------------------- refuted

REFUSED = {
    # exp overflows from z = 11.1 on in float16, from 88.8 on in bfloat16
    ("op-by-op", "the sigmoid is infinity over infinity"): (replace(OP_BY_OP, sigmoid=sixteen.quotient), "read_alone"),
    ("op-by-op", "products are summed in 16 bits"): (
        replace(OP_BY_OP, product=sixteen.in_its_own_dtype),
        "the_answer_is",
    ),
    # four products rounded, and three additions, where the grade has one rounding
    ("op-by-op", "dx is added up gate by gate"): (replace(OP_BY_OP, gate_by_gate=True), "gradient_of_an_input_is"),
    # dh_0 is made of gate gradients that are wider than those that probes show
    ("op-by-op", "it is wider inside"): (WIDE, "initial_state_has_its_gradient"),
    ("wide", "every operation is rounded"): (OP_BY_OP, "open_gates_count"),
    ("wide", "the cell state is stored in 16 bits"): (replace(WIDE, stored_c=rounded), "open_gates_count"),
    ("wide", "parameter gradients are added up in 16 bits"): (
        replace(WIDE, step_by_step=True, stored_sum=rounded),
        "parameter_gradients_are_sums",
    ),
}


@in_either_dtype
@pytest.mark.parametrize(("grade", "what"), REFUSED, ids=lambda text: text)
def test_what_a_grade_does_not_admit_is_refuted(grade: str, what: str, dtype: str) -> None:
    a, name = REFUSED[grade, what]
    report = judged(a, grade, dtype, profile="standard", examples=100, name=name, maxfail=1)
    assert [v.outcome for v in report.failures] == [Outcome.REFUTED]


@pytest.mark.parametrize(("dtype", "outcome"), [("bfloat16", Outcome.REFUTED), ("float16", Outcome.HOLDS)])
def test_a_sigmoid_made_of_a_tanh_is_told_where_underflow_is_smaller(dtype: str, outcome: Outcome) -> None:
    """Where the gate is shut it is off by 2^-9 or 2^-13 of 1, and F5 allows 2 eta: 2^-125 or 2^-13."""
    a = replace(OP_BY_OP, sigmoid=sixteen.by_tanh)
    report = judged(a, "op-by-op", dtype, profile="standard", examples=100, name="the_answer_is", maxfail=1)
    assert {v.outcome for v in report.verdicts if v.examples} == {outcome}


GROSS = (
    "swaps_input_and_forget_gates",
    "reads_iofg_as_ifgo",
    "drops_the_recurrent_bias",
    "adds_one_to_the_forget_bias",
    "does_not_squash_the_cell_state",
    "does_not_carry_the_hidden_state",
    "uses_a_hard_sigmoid_of_slope_one_fifth",
    "truncates_the_gradient_after_1_steps",
    "takes_the_slope_of_tanh_as_one_minus_y",
    "answers_in_float64",
)


@in_either_dtype
@pytest.mark.parametrize("name", GROSS)
def test_gross_faults_are_seen_in_16_bits_too(name: str, dtype: str) -> None:
    fault = FAULTS[name]
    how: Any = {"maxfail": 1, "diagnose": False, "shrink": False}
    report = check(fault.backend(), dtypes=(dtype,), clauses=(fault.clause,), **how)
    assert [v.outcome for v in report.failures] == [Outcome.REFUTED]


# ---------------------------------------------------------------- torch


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
@in_either_dtype
def test_torch_rounds_every_operation(dtype: str) -> None:
    """What is beyond the core is asked in test_backends_network.py."""
    from backends.torch import backend

    asked, how = backend(), Options(profile="quick", examples=6)
    core = [prop for prop in PROPERTIES if not prop.beyond_core and (not prop.at or dtype in prop.at)]
    verdicts = [judge_pair((prop, dtype), asked, how) for prop in core]
    against = [v for v in verdicts if v.outcome not in (Outcome.HOLDS, Outcome.NOT_CLAIMED)]
    assert [(v.property.name, v.outcome, v.detail) for v in against] == []
    assert asked.description.grade(dtype) == "op-by-op"
