"""A failure as the user reads it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.outcome import Difference, Outcome, Refuted
from conformance.property import PROPERTIES
from conformance.report.failures import failure_lines
from conformance.report.findings import Findings, Request
from conformance.report.report import Report
from conformance.report.roots import Cause
from conformance.report.status import PASSED
from conformance.targets.origin import Origin
from conformance.verdict import Verdict
from lstm_spec import Description
from lstm_spec.contract import DTYPES
from tests.helpers.malformed import well_formed
from tests.helpers.messages import EQUATIONS
from tests.helpers.specimens import said, target

pytestmark = pytest.mark.usefixtures("elsewhere")


def refuted(clause: str, name: str, found: Difference | None = None, dtype: str = "float32") -> Verdict:
    """A verdict made by hand."""
    (prop,) = (prop for prop in PROPERTIES if prop.name == name)
    error = Refuted("y is off", clause=clause, difference=found)
    error.problem = error.asked = well_formed()
    return Verdict(prop, dtype, Outcome.REFUTED, "y is off", refutation=error)


FIRST = Difference("y", {"t": 0, "batch": 0, "unit": 0}, 0.43774210, 1.6e-6, 0.37694758)
CAUSE = "equals the spec with gates i and f SWAPPED (3 dense probes; 1 of 96 known faults fits)"
CASE = Path(".lstm-conform/values-a1b2.safetensors")
ONE, MANY = "numbers_of_any_size_are_read_as_they_are", "the_answer_is_that_of_the_equations"
GATES = "open_gates_count_the_steps"
KNOWN = {(name, dtype): True for name in (ONE, MANY, GATES) for dtype in DTYPES}
SWAPPED = Cause(CAUSE, is_known=True, reproduced=KNOWN)


def shown(
    found: Difference | None = FIRST,
    clause: str = "CELL-1",
    dtype: str = "float32",
    which: int = 0,
    cause: Cause = SWAPPED,
    **about: Any,
) -> str:
    """What is printed of the failure that the design shows, or of another; of the first, or which."""
    step, whole = refuted(clause, ONE, found, dtype), refuted("SEQ-1", MANY, dtype=dtype)
    verdicts = [step, refuted("CELL-5", GATES, dtype=dtype), whole]
    cases = {(name, dtype): CASE for name in (ONE, GATES, MANY)}
    description = Description(version="0.3", device="cuda:0")
    findings = Findings("triton_lstm", description, False, Request("quick", 0, ("float32",)), verdicts)
    report = Report(findings, cause, **{"origin": Origin("triton_lstm", 0), "cases": cases, **about})
    return "\n".join(failure_lines(report, report.roots[which]))


def test_a_failure_reads_like_the_designs_example() -> None:
    assert shown() == (
        "REFUTED  CELL-1  The input gate decides, from the input and the short-term memory, how much of the candidate "
        "is added to the long-term memory: i = σ(W_i x + U_i h + b_i)      "
        "triton_lstm 0.3 (cuda:0, float32, relative)\n"
        "  by                numbers of any size are read as they are\n"
        "  first difference  t=0, batch 0, unit 0, output y\n"
        "    expected 0.4377421   allowed ±1.6e-6 (derived)   got 0.37694758   38 000 × allowed\n"
        "  smallest found    T = 2, B = 3, I = 4, H = 5, non-zero numbers: 254\n"
        "  likely cause      equals the spec with gates i and f SWAPPED (3 dense probes; 1 of 96 known faults fits)\n"
        "  also refuted, because of this: CELL-5, SEQ-1\n"
        "  reproduce         lstm-conform reproduce .lstm-conform/values-a1b2.safetensors triton_lstm\n"
        "                    and 2 more cases in .lstm-conform/"
    )


PLACES = {
    "y": ({"t": 3, "batch": 1, "unit": 2}, "t=3, batch 1, unit 2, output y"),
    "dz": ({"t": 0, "batch": 1, "gate row": 7}, "t=0, batch 1, gate f, unit 2, output dz"),
    "<J^T d, v>": ({}, "output <J^T d, v>"),
}


@pytest.mark.parametrize("quantity", PLACES)
def test_the_place_is_told_in_the_words_of_the_specification(quantity: str) -> None:
    where, said = PLACES[quantity]
    assert f"  first difference  {said}\n" in shown(replace(FIRST, quantity=quantity, where=where))


NUMBERS = {
    "in units of what is allowed": (FIRST, "float32", "allowed ±1.6e-6 (derived)   got 0.37694758   38 000 × allowed"),
    "few of them": (Difference("y", {}, 1, 0.25, 2), "float32", "allowed ±0.25 (derived)   got 2   4 × allowed"),
    "very many": (Difference("y", {}, 0, 1e-38, 1), "float32", "allowed ±1e-38 (derived)   got 1   1e38 × allowed"),
    "not a number": (Difference("y", {}, 1, 0.1, np.nan), "float32", "got nan   ∞ × allowed"),
    "infinite": (Difference("y", {}, 1, 0.1, -np.inf), "float32", "got -inf   ∞ × allowed"),
    "nothing allowed": (Difference("y", {}, 1, 0, 2), "float32", "allowed no difference   got 2\n"),
    "the digits of float64": (
        Difference("y", {}, 1 / 3, 1e-16, 1 / 3 + 2e-16),
        "float64",
        "expected 0.33333333333333331   allowed ±1e-16 (derived)   got 0.33333333333333354",
    ),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_numbers_are_told_with_the_digits_that_matter(what: str) -> None:
    found, dtype, said = NUMBERS[what]
    assert said in shown(found, dtype=dtype)


CONDITIONS = {
    "float32": (0.03, "rounding alone may move it by 3 %, more than half of its digits"),
    "float64": (1e-7, "rounding alone may move it by 1e-5 %, more than half of its digits"),
    "bfloat16": (0.1, "rounding alone may move it by 10 %, more than half of its digits"),
    "float16": (50.0, "rounding alone may move it by 50 times its size, more than half of its digits"),
}


@pytest.mark.parametrize("dtype", CONDITIONS)
def test_an_ill_conditioned_value_is_said_to_be_one(dtype: str) -> None:
    allowed, said = CONDITIONS[dtype]
    assert f"\n  ill-conditioned   {said}\n" in shown(Difference("y", {}, -1, allowed, 1e3), dtype=dtype)


@pytest.mark.parametrize(
    "dtype, allowed", [("float32", 1e-4), ("float64", 1e-9), ("bfloat16", 0.06), ("float16", 0.02)]
)
def test_what_keeps_half_of_its_digits_is_not(dtype: str, allowed: float) -> None:
    assert "ill-conditioned" not in shown(Difference("y", {}, 1, allowed, 1e3), dtype=dtype)
    assert "ill-conditioned" not in shown(Difference("y", {}, 0, allowed, 1e3), dtype=dtype)


def test_a_reason_is_told_where_no_difference_says_it() -> None:
    assert "\n  because           y is off\n" in shown(None) and "because" not in shown(FIRST).replace("because of", "")


def test_a_clause_is_named_where_one_is_known_to_be_broken_else_the_property() -> None:
    several = "REFUTED  CELL-1 … ACC-1  numbers of any size are read as they are      triton_lstm 0.3 (cuda:0"
    assert shown(clause="").startswith(several)
    assert shown(clause="", cause=SWAPPED._replace(clause="CELL-2")).startswith(
        "REFUTED  CELL-2  The forget gate decides, "
    )
    assert shown(clause="", cause=SWAPPED._replace(clause="GRAD-4")).startswith(several)


def test_where_nothing_known_fits_that_is_said_and_the_next_is_told_too() -> None:
    nothing = "none of 96 known faults fits"
    text = shown(cause=Cause(nothing))
    assert f"  likely cause      {nothing}\n  also refuted, perhaps because of this: SEQ-1\n" in text


def test_the_smallest_question_of_the_cause_stands_under_it() -> None:
    example = "T = 1, B = 1, I = 1, H = 1: y[0, 0, 0] is 1, expected 0.5"
    text = shown(cause=Cause("cause unknown", example=example))
    assert f"  likely cause      cause unknown\n  shown by          {example}\n" in text


def test_without_a_diagnosis_there_is_no_likely_cause() -> None:
    assert "likely cause" not in shown(cause=Cause())


def test_the_likely_cause_is_that_of_the_first_failure_alone() -> None:
    assert [CAUSE in shown(cause=Cause(CAUSE), which=k) for k in range(2)] == [True, False]


def test_the_command_is_one_that_a_shell_takes() -> None:
    cases = {(ONE, "float32"): Path("my cases/values-a1b2.safetensors")}
    text = shown(cases=cases, origin=Origin("mine:BACKEND", 0, "cuda:1"))
    assert text.endswith("reproduce 'my cases/values-a1b2.safetensors' mine:BACKEND --device cuda:1")
    assert "reproduce" not in shown(cases={})


def masked(text: str) -> str:
    """The text without the figures, which depend on how far shrinking came in its time."""
    text = re.sub(r"-[0-9a-f]{8}\.", "-#.", text)
    return re.sub(r"(?<![\w.-])-?\d+(\.\d+)*(e-?\d+)?( \d{3})*(?![\w.])", "#", text)


def test_the_whole_text_of_a_refutation(tmp_path: Path) -> None:
    asked = ("--profile", "quick", "-k", "read_alone", "--no-table", "--out", str(tmp_path))
    _, text = said("run", "fault:swaps_input_and_forget_gates", *asked)
    assert masked(text[text.index("fault:") :]).replace(str(tmp_path), "OUT") == WHOLE


WHOLE = """\
fault:swaps_input_and_forget_gates (deliberately wrong) (cpu) does not conform: # of # verdicts are against it
  # refuted; # examples in # s; profile quick, seed #

REFUTED  CELL-1  The input gate decides, from the input and the short-term memory, how much of the candidate is added \
to the long-term memory: i = σ(W_i x + U_i h + b_i)      fault:swaps_input_and_forget_gates (deliberately wrong) \
(cpu, float32, relative)
  by                the input gate read alone is the logistic function
  first difference  batch #, unit #, output i
    expected #   allowed ±# (derived)   got #   # × allowed
  smallest found    T = #, B = #, I = #, H = #, non-zero numbers: #
  likely cause      The weights of f, i, g, o are used for i, f, g, o (# dense probes; # of # known faults fits: \
swaps_input_and_forget_gates)
  also refuted, because of this: CELL-2, CELL-3, CELL-4
  reproduce         lstm-conform reproduce OUT/gate-ranges-#.safetensors fault:swaps_input_and_forget_gates
                    and # more cases in OUT/

  largest asked forward: T #, B #, I #, H #, L #, T·B #, B·H #, I·H #, T·B·H #
"""


def test_brackets_in_a_name_and_a_version_are_printed_as_they_are() -> None:
    status, text = said("run", target("has_brackets_in_its_name"), *EQUATIONS)
    assert status == PASSED
    assert "lstm[/bold] 1.0 [cuda] (cpu)" in text


def test_a_packed_implementation_that_returns_too_little_is_told_what_to_return() -> None:
    _, text = said("run", target("returns_pairs_like_torch"), *EQUATIONS)
    assert "(y, h, c)" in text
    assert "_Packing" not in text
