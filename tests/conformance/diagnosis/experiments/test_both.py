"""Two mistakes, one in a cell and one in what joins cells: both are named."""

from itertools import count

import pytest

from conformance.diagnosis.experiments.diagnose import inquire
from conformance.problems.form import BOTH, Form
from conformance.targets.border import guard_backend
from lstm_spec import Backend
from tests.planted.edits import Edit
from tools.mutants.making import build_backend, find_textbook

STACKED = find_textbook("stacked")
NETWORK = Form(2, BOTH, lengths="any")
FORGET = ("f = sigmoid(z[:, H : 2 * H])", "f = sigmoid(z[:, H : 2 * H] + 1)")
SLOPE = ("df = dn * c * f * (1 - f)", "df = dn * c * f")
MASK = ("[:, None] < lengths)[..., None], x, 0)", "[:, None] <= lengths)[..., None], x, 0)")
ENDED = ("h = np.where(valid, o * s, h)", "h = np.where(valid, o * s, 0)")
CONSTANT = ("do = dm * s * o * (1 - o)", "do = o * (1 - o)")
ROW = ("reverses[d], dy_d, dh[k], dc[k])", "reverses[d], dy_d, dh[d], dc[k])")
STATE = ("dh0[k] = found[1]", "dh0[d] = found[1]")
PASSED = ("dh = np.where(valid, dz @ U, dh)", "dh = dz @ U")
STEPS = ("np.concatenate(ys, axis=2)", "np.concatenate(ys, axis=1)")
UNBOUNDED = ("return 1 / (1 + np.exp(-z))", "return np.exp(z)")
ADDS = "the forget gate adds up W_f x + U_f h + b_f + 1,"
LACKS = "the gradient of the forget gate lacks the factor 1−f"
ZERO = "beyond the lengths the hidden state becomes zero"


def build_stack(*edits: Edit) -> Backend:
    text = STACKED.text
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return guard_backend(build_backend(STACKED, text))


@pytest.mark.parametrize(
    ("edits", "sentences"),
    [
        ((FORGET, ENDED), (ADDS, f"; and {ZERO}")),
        ((SLOPE, MASK), (LACKS, "; and NaN in x beyond the lengths reaches the gradient of W")),
        ((SLOPE, ENDED), (ZERO, f"; in its gradients, {LACKS}")),
        ((CONSTANT, ROW), ("output gate is o · 1−o, whatever", "; and what comes from h_T is that of layer 0")),
        ((SLOPE, PASSED), (LACKS, "; and what comes from h_T into direction forward is zero where the length is")),
        ((FORGET, STATE), (ADDS, "; in its gradients, the gradient of h_0 is zero in layer 1 and layer 2")),
        ((SLOPE, STEPS), ("has shape (3, 4, 5)", f"; in its gradients, {LACKS}")),
    ],
)
def test_both_are_named(edits: tuple[Edit, ...], sentences: tuple[str, ...]) -> None:
    inquiry = inquire(build_stack(*edits), "float32", NETWORK, seconds=60)
    assert inquiry.has_formula and all(sentence in inquiry.sentence for sentence in sentences)


@pytest.mark.parametrize(("edit", "sentence"), [(FORGET, ADDS), (SLOPE, LACKS)])
def test_one_mistake_in_a_cell_is_no_second_one_in_what_joins_cells(edit: Edit, sentence: str) -> None:
    said = inquire(build_stack(edit), "float32", NETWORK, seconds=60).sentence
    assert sentence in said and "; and " not in said


def test_numbers_that_overflow_are_no_nan_that_leaks() -> None:
    said = inquire(build_stack(UNBOUNDED), "float32", NETWORK, seconds=60).sentence
    assert "each is exp(z), expected σ(z)" in said and "NaN" not in said


def test_what_is_wrong_is_never_passed_over_in_silence_for_want_of_time() -> None:
    ticks = count()
    inquiry = inquire(build_stack(FORGET), "float32", seconds=5, clock=lambda: float(next(ticks)))
    assert not inquiry.has_formula and "wrong" in inquiry.sentence and "cause unknown" in inquiry.sentence
    assert inquire(build_stack(), "float32", seconds=5, clock=lambda: float(next(ticks))).sentence == ""
