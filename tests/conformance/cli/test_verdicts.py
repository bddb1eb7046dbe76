"""What a run prints and returns: verdicts, and the worst of several targets."""

import re

import pytest

from conformance.report.status import FAILED, NOTHING, PASSED, SUITE_ERROR, UNUSABLE, worst_status
from lstm_spec import (
    CLAUSES,
)
from tests.helpers.messages import EQUATIONS, GATE_GRADIENTS
from tests.helpers.specimens import said, target

pytestmark = pytest.mark.usefixtures("elsewhere")

# ---------------------------------------------------------------- exit status 1: verdicts

VERDICTS = {
    "raises": ("ERRORED", "CELL-1", "it raised RuntimeError: the kernel crashed"),
    "exits": ("ERRORED", "CELL-1", "it raised SystemExit: goodbye"),
    "returns_a_tuple": ("REFUTED", "SHAPE-1", "forward returned a tuple, expected an lstm_spec.Answer; return Answer("),
    "returns_tensors": (
        "REFUTED",
        "SHAPE-1",
        "y is a tests.helpers.specimens.Tensor, expected a numpy.ndarray; convert it before returning it",
    ),
    "puts_the_batch_first": ("REFUTED", "SHAPE-1", "y has shape (2, 1, 1), expected (1, 2, 1)"),
    "drops_the_layer_axis": ("REFUTED", "SHAPE-1", "the final h has shape (1, 1), expected (1, 1, 1)"),
    "returns_float16": ("REFUTED", "SHAPE-2", "y is float16, expected float32 like the problem"),
    "returns_nan": ("REFUTED", "CELL-1", ""),
    "swaps_input_and_forget_gates": ("REFUTED", "CELL-1", ""),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_a_wrong_answer_is_called_by_its_word(name: str) -> None:
    word, clause, reason = VERDICTS[name]
    status, text = said("run", target(name), *EQUATIONS)
    assert status == FAILED
    assert f"\n{word}  {clause}" in text
    assert f"because           {reason}" in text if reason else "first difference  " in text
    assert "does not conform: 1 of 1 verdicts are against it" in text


@pytest.mark.parametrize("name", ["returns_only_gradients", "returns_packed_gradients"])
def test_a_wrong_gradient_is_called_by_its_word(name: str) -> None:
    status, text = said("run", target(name), *GATE_GRADIENTS)
    assert status == FAILED
    assert f"\nREFUTED  SHAPE-3  {CLAUSES['SHAPE-3'].sentence.rstrip('.')}      {name}" in text
    assert "expected" in text


def test_gradients_without_their_answer_are_refuted_with_the_remedy() -> None:
    _, text = said("run", target("returns_only_gradients"), *GATE_GRADIENTS)
    assert (
        "gradients returned a Gradients, expected (Answer, Gradients); also return the answer of the pass that" in text
    )


def test_a_refutation_says_where_by_how_much_and_in_what() -> None:
    _, text = said("run", target("returns_nan"), *EQUATIONS)
    assert "  first difference  t=0, batch 0, unit 0, output y\n" in text
    assert "(derived)   got nan   ∞ × allowed\n" in text
    assert "  smallest found    T = 1, B = 1, I = 1, H = 1" in text
    assert re.search(r"  the answer is that of the equations      returns_nan \S+ \(cpu, float32, relative\)\n", text)


# ---------------------------------------------------------------- several targets


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([PASSED, PASSED], PASSED),
        ([NOTHING, PASSED], NOTHING),
        ([NOTHING, UNUSABLE], UNUSABLE),
        ([UNUSABLE, NOTHING, SUITE_ERROR], SUITE_ERROR),
        ([SUITE_ERROR, UNUSABLE, NOTHING, FAILED], FAILED),
        ([], PASSED),
    ],
)
def test_the_worst_of_several_targets_counts(statuses: list[int], expected: int) -> None:
    assert worst_status(statuses) == expected
    assert worst_status(statuses[::-1]) == expected


def test_every_target_is_judged_though_one_cannot_be_used() -> None:
    status, text = said("run", "zzz", "numpy", target("raises"), *EQUATIONS)
    assert status == FAILED
    assert "target 'zzz' is not an installed backend" in text
    assert "holds on this selection; nothing is said about the rest" in text
    assert "ERRORED  CELL-1" in text


def test_an_unusable_target_beside_one_that_conforms_is_unusable() -> None:
    assert said("run", "numpy", "zzz", *EQUATIONS).status == UNUSABLE


def test_options_that_leave_nothing_to_test_are_not_green() -> None:
    status, text = said("run", "numpy", "-k", "no_such_property")
    assert status == NOTHING
    assert "no statement: the options left nothing to test" in text


def test_a_dtype_that_the_backend_does_not_claim_leaves_nothing_to_test() -> None:
    status, text = said("run", target("float64_only"), "--dtype", "float32")
    assert status == NOTHING
    assert "no statement: the options left nothing to test" in text


@pytest.mark.parametrize(
    "what, name", [("gradients", "forward_only"), ("SHAPE-3", "forward_only"), ("lengths", "plain")]
)
def test_what_is_required_has_to_be_claimed(what: str, name: str) -> None:
    status, text = said("run", target(name), *EQUATIONS, "--require", what)
    assert status == FAILED
    assert f"does not conform: not claimed, or never conclusive: {what}" in text


def test_a_required_dtype_has_to_be_judged() -> None:
    assert said("run", "numpy", *EQUATIONS, "--require", "float32").status == PASSED
    assert said("run", "numpy", *EQUATIONS, "--require", "float64").status == FAILED
