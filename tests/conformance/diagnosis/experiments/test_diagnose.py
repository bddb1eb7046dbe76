"""All experiments together name the condition of a mistake, and say what they do not know."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.before import find_history
from conformance.diagnosis.experiments.diagnose import inquire
from conformance.diagnosis.experiments.example import describe_smallest
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory
from conformance.diagnosis.experiments.on_what import find_dependence, find_numbers
from conformance.diagnosis.experiments.term import find_term
from conformance.diagnosis.experiments.term.computing import make_backend_of
from conformance.diagnosis.experiments.term.formula import write_formula
from conformance.diagnosis.experiments.when import find_condition
from conformance.diagnosis.experiments.where import find_place
from conformance.diagnosis.probes import OTHER_FORMS
from conformance.faults.catalogue import FAULTS
from conformance.problems.form import BOTH, Form
from conformance.targets.border import guard_backend
from lstm_spec import Answer, Backend, Cotangents, Problem, State
from tests.helpers import specimens
from tests.planted import conditional
from tests.planted.conditional import add_one, at_places, at_sizes, in_gradients_at_sizes, in_gradients_where
from tests.planted.edits import CELL, HIDDEN, SUM, Edit, textbook

ALL = slice(None)
SIZES = "sizes tried, the smallest T = 1, B = 1, I = 1, H = "
PLENTY = 90.0


@pytest.mark.parametrize(
    ("backend", "form", "beginning", "end"),
    [
        (at_sizes(lambda T, B, I, H: H > 128), Form(), "its answers are wrong only where H > 128 (", "; cause unknown"),
        (
            at_places(add_one(ALL, slice(128, None))),
            Form(),
            "its answers are wrong only where H > 128 (",
            "): units from 128 on; cause unknown",
        ),
        (
            at_places(add_one(slice(-1, None))),
            Form(),
            "its answers are wrong at all ",
            f"{SIZES}1: the last sample; cause unknown",
        ),
        (
            at_places(add_one(), direction=1),
            Form(1, BOTH),
            "its answers are wrong at all ",
            ": direction reverse; cause unknown",
        ),
        (
            in_gradients_at_sizes(lambda T, B, I, H: T > 40),
            Form(),
            "its gradients are wrong only where T > 40 (",
            "; cause unknown",
        ),
        (
            conditional.keeps_the_first_weights,
            Form(),
            "it keeps the weights of the first call with the same shapes",
            "",
        ),
        (
            conditional.fails_after_other_shapes,
            Form(),
            "its answers are wrong only after a question of other shapes; cause unknown",
            "",
        ),
        (conditional.ignores_large_gates, Form(), "its answers are wrong only where |z_g| > 8; cause unknown", ""),
    ],
    ids=lambda value: value.name if isinstance(value, Backend) else "",
)
def test_the_condition_is_named(backend: Backend, form: Form, beginning: str, end: str) -> None:
    sentence = inquire(guard_backend(backend), "float32", form, seconds=PLENTY).sentence
    assert sentence.startswith(beginning) and sentence.endswith(end)


@pytest.mark.parametrize(
    ("edit", "formula"),
    [
        (
            ("f = sigmoid(f)", "f = sigmoid(f + 0.75)"),
            "the forget gate adds up W_f x + U_f h + b_f + 0.75, expected",
        ),
        (("g = np.tanh(g)", "g = 1.7 * np.tanh(2 * g / 3)"), "the candidate is 1.7 tanh(0.6667 z), expected"),
        ((CELL, "c = (1 - 0.3 * f) * c + i * g"), "(the forget gate acts as 1 − 0.3 f)"),
        (
            ("f = sigmoid(f)", "f = sigmoid(np.clip(f, -5, 5))"),
            "the forget gate is σ(z), clipped to [0.006693, 0.9933]",
        ),
        ((CELL, "c = np.clip(f * c + i * g, -3, 3)"), "the cell state is c′ = (f c + i g), clipped to [−3, 3]"),
        ((HIDDEN, "h = o * np.tanh(c + h)"), "the hidden state is not that of the equations; its formula is unknown"),
    ],
)
def test_the_formula_of_a_step_is_named_where_there_is_one(edit: Edit, formula: str) -> None:
    sentence = inquire(guard_backend(textbook(edit)), "float32", seconds=PLENTY).sentence
    assert formula in sentence and "cause unknown" not in sentence


def test_nothing_is_said_of_a_right_backend() -> None:
    inquiry = inquire(guard_backend(NUMPY), "float64", seconds=PLENTY)
    assert not inquiry.sentence and {row.about for row in inquiry.rows} == {"answers", "gradients"}


MALFORMED = (
    "returns_tensors",
    "puts_the_batch_first",
    "drops_the_layer_axis",
    "returns_packed_gradients",
    "returns_nan",
)
OF_SHAPES = ("drops_the_layer_axis_of_the_state", "returns_the_input_gradient_batch_first")


@pytest.mark.parametrize("name", [*MALFORMED, *OF_SHAPES])
@pytest.mark.parametrize("experiment", [find_term, find_history, find_condition, find_dependence, find_place])
def test_a_malformed_answer_breaks_no_experiment(experiment: Callable[..., Finding | None], name: str) -> None:
    backend = guard_backend(FAULTS[name].backend() if name in FAULTS else getattr(specimens, name))
    for backward in (False, True) if backend.gradients else (False,):
        laboratory = Laboratory(backend, "float32", backward=backward, seconds=PLENTY)
        if experiment in (find_dependence, find_place):
            experiment(laboratory, (3, 2, 4, 5))
        else:
            experiment(laboratory)


def test_the_units_of_a_projection_do_not_depend_on_the_seed() -> None:
    """Questions of one size are mixed, to see what is kept of the first one."""
    laboratory = Laboratory(guard_backend(NUMPY), "float32", Form(projection="narrow"))
    assert {laboratory.make_question((3, 2, 4, 7), seed).problem.P for seed in range(9)} == {3}


@pytest.mark.parametrize("form", [Form(projection="narrow"), Form(2, BOTH, projection="narrow"), *OTHER_FORMS[1::6]])
def test_no_form_breaks_an_experiment(form: Form) -> None:
    """Every answer is wrong, so that each experiment has something to say."""
    wrong = at_places(add_one(ALL), form.layers - 1, len(form.directions) - 1)
    assert inquire(guard_backend(wrong), "float32", form, seconds=1).rows


def test_numbers_that_are_always_the_same_are_one_term() -> None:
    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return Answer(0 * answer.y + 7, State(0 * answer.state.h + 7, 0 * answer.state.c + 7))

    sentence = inquire(
        guard_backend(replace(NUMPY, forward=forward, gradients=None)), "float32", seconds=PLENTY
    ).sentence
    in_cell = "the cell state is c′ = 7, expected f c + i g; the hidden state is h′ = 7, expected o tanh(c′)"
    assert sentence == f"{in_cell}; and the output y has outputs that are not zero beyond the lengths"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("drops_the_layer_axis_of_the_state", "has shape (2, 5), expected (1, 2, 5)"),
        ("returns_the_input_gradient_batch_first", "has shape (2, 3, 4), expected (3, 2, 4)"),
    ],
)
def test_of_a_malformed_answer_its_shape_is_said(name: str, words: str) -> None:
    inquiry = inquire(guard_backend(FAULTS[name].backend()), "float32", seconds=PLENTY)
    assert words in inquiry.sentence and "cause unknown" not in inquiry.sentence


def test_what_had_no_time_says_so() -> None:
    inquiry = inquire(guard_backend(NUMPY), "float32", seconds=1e-9)
    assert not inquiry.sentence and "no time was left" in {row.note for row in inquiry.rows}


@pytest.mark.parametrize(
    ("backend", "sentence"),
    [
        (conditional.needs_a_cell_state, "only where c_0 is not zero"),
        (conditional.ignores_large_gates, "only where |z_g| > 8"),
        (conditional.needs_both_states, "only where h_0 and c_0 are not zero"),
        (conditional.equal_samples, "only where samples of h_0 are the same"),
        (conditional.zero_input, "only where x is zero"),
        (conditional.zero_row, "only where a row of x is zero"),
        (conditional.zero_number, "only where a number of x is zero"),
        (conditional.one_hot_input, "only where each row of x is one-hot"),
        (conditional.negative_cells, "only where some number of c_0 is negative"),
        (conditional.positive_gates, "only where z_f > 8"),
        (conditional.small_cells, "only where |c_0| < 0.1"),
        (textbook((SUM, SUM.replace("U.T", "np.clip(U, -3, 3).T"))), "only where |U| > 3"),
        (textbook((SUM, SUM.replace("W.T", "np.maximum(W, -3).T"))), "only where W < −3"),
        (specimens.swaps_input_and_forget_gates, None),
        (NUMPY, None),
    ],
)
def test_what_a_mistake_depends_on_is_named(backend: Backend, sentence: str | None) -> None:
    laboratory = Laboratory(backend, "float32", seconds=PLENTY)
    found = find_numbers(laboratory) or find_dependence(laboratory, (3, 2, 4, 5))
    assert (found and found.sentence) == sentence


def test_the_formula_is_found_at_the_sizes_at_which_answers_are_wrong() -> None:
    wide = (CELL, "c = f * c + (i if x.shape[2] < 12 else 1 - f) * g")
    inquiry = inquire(guard_backend(textbook(wide)), "float32", seconds=PLENTY)
    assert inquiry.has_formula and inquiry.sentence.startswith("the cell state is c′ = −f g + f c + g, expected")
    assert "(the input gate acts as 1 − f); its answers are wrong only where I ≥ 12 (" in inquiry.sentence


@pytest.mark.parametrize(
    ("holds", "sentence"),
    [
        (lambda d: bool(np.abs(d.y).max() > 20), "only where |dy| > 20"),
        (lambda d: bool(np.abs(d.state.h).max() > 0.5), "only where |dh_T| > 0.5"),
        (lambda d: not d.state.c.any(), "only where dc_T is zero"),
        (lambda d: bool(d.state.h.any()), "only where dh_T is not zero"),
    ],
)
def test_what_a_mistake_in_gradients_depends_on_is_named(holds: Callable[[Cotangents], bool], sentence: str) -> None:
    laboratory = Laboratory(in_gradients_where(holds), "float32", backward=True, seconds=PLENTY)
    found = find_numbers(laboratory) or find_dependence(laboratory, (3, 2, 4, 5))
    assert (found and found.sentence) == sentence


@pytest.mark.parametrize(
    ("backend", "example"),
    [
        (at_sizes(lambda T, B, I, H: B > 2), "T = 1, B = 3, I = 1, H = 1: "),
        (textbook(("f = sigmoid(f)", "f = sigmoid(f + 0.75)")), "T = 1, B = 1, I = 1, H = 1: c_T[0, 0] is "),
        (conditional.keeps_the_first_weights, ""),
        (NUMPY, ""),
    ],
    ids=["a size", "a formula", "of earlier calls", "right"],
)
def test_the_smallest_question_that_shows_it_is_the_example(backend: Backend, example: str) -> None:
    found = inquire(guard_backend(replace(backend, gradients=None)), "float32", seconds=PLENTY).example
    assert found.startswith(example) and bool(found) == bool(example) and (", expected " in found) == bool(example)


def test_the_example_shows_the_formula_that_was_found() -> None:
    """The smallest wrong answer that the formula does not give is left out."""
    laboratory = Laboratory(guard_backend(textbook((HIDDEN, "h = np.tanh(c)"))), "float32", seconds=PLENTY)
    assert laboratory.ask_at((1, 1, 1, 1)).is_wrong and laboratory.ask_at((2, 1, 1, 3)).is_wrong
    right = make_backend_of(write_formula("standard"), laboratory.backend)
    assert describe_smallest(laboratory) and not describe_smallest(laboratory, right)


def test_a_formula_that_holds_for_some_numbers_only_is_named_with_them() -> None:
    sentence = inquire(guard_backend(conditional.drops_the_bias_of_negative_inputs), "float32", seconds=PLENTY).sentence
    assert sentence.startswith("the forget gate adds up W_f x + U_f h, expected W_f x + U_f h + b_f; ")
    assert sentence.endswith("only where some number of x is negative")


@pytest.mark.parametrize(
    ("backend", "known", "about"),
    [
        (in_gradients_where(lambda d: True), None, "gradients"),
        (in_gradients_at_sizes(lambda T, B, I, H: T > 9), None, "gradients"),
        (in_gradients_at_sizes(lambda T, B, I, H: T > 900), True, "gradients"),
        (at_sizes(lambda T, B, I, H: T > 9), None, "answers"),
        (NUMPY, None, "answers"),
    ],
)
def test_gradients_are_examined_first_if_they_alone_are_wrong(backend: Backend, known: bool | None, about: str) -> None:
    """Little time is left for what is examined last."""
    inquiry = inquire(guard_backend(backend), "float32", seconds=0.5, gradients_first=known)
    assert inquiry.rows[0].about == about


def test_a_gradient_that_ends_early_points_to_the_flow() -> None:
    end = "        dc = dc * f\n        if t == len(x) - 10: dh, dc = dh * 0, dc * 0\n"
    wrong = textbook(("        dc = dc * f\n", end))
    sentence = inquire(guard_backend(wrong), "float32", Form(), seconds=PLENTY).sentence
    assert sentence.startswith("the gradient is truncated: that of the last output reaches the last 10 steps only; ")
    assert "only where T ≥ 10" in sentence and sentence.endswith("; lstm-conform flow TARGET draws how far it flows")
