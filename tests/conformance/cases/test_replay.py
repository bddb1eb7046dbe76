"""A case is asked again, of any backend."""

from pathlib import Path

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.load import load_case
from conformance.cases.replay import Replayed, Step, format_steps, list_steps, replay_case
from conformance.outcome import Outcome
from conformance.targets.resolve import resolve
from lstm_spec import REFERENCE, Backend, Shapes
from tests.helpers import specimens
from tests.helpers.cases import ANSWER, CUT, GATE_GRADIENTS, PARTS, TRANSPOSED, write_case
from tests.helpers.specimens import describing, said

FORMS = {
    "problem": (TRANSPOSED, ANSWER),
    "problem and seed": ("fault:swaps_input_and_forget_gates", "the_input_gate_read_alone_is_the_logistic_function"),
    "question": (CUT, GATE_GRADIENTS),
    "question and seed": (CUT, "the_gradient_is_the_adjoint_of_the_tangent"),
    "split": (CUT, "the_gradient_of_a_sequence_is_that_of_its_halves_chained"),
    "malformed": ("fault:answers_problems_that_do_not_fit", "a_problem_whose_shapes_do_not_fit_is_refused"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_example_is_put_together_again(form: str, tmp_path: Path) -> None:
    target, name = FORMS[form]
    found = load_case(write_case(tmp_path, target, name))
    assert replay_case(found, resolve(target)).outcome is Outcome.REFUTED
    assert replay_case(found, REFERENCE) == Replayed(Outcome.HOLDS)


def test_reproduce_says_that_it_is_refuted_still(case: Path) -> None:
    status, text = said("reproduce", str(case))
    assert status == 1
    assert text.startswith("CELL-1 … ACC-1  the answer is that of the equations  (float32, written with seed 0)\n")
    assert "largest error of y" in text and "× allowed" in text
    assert text.splitlines()[-1].startswith("still refuted: y is further from the equations")


def test_reproduce_says_that_it_holds_on_a_backend_that_is_right(case: Path) -> None:
    status, text = said("reproduce", str(case), "numpy")
    assert status == 0 and text.endswith("holds: it is not refuted by this case any more\n")


NOT_ASKED: dict[str, tuple[Backend, str]] = {
    "another dtype": (describing("narrow", dtypes=("float64",)), "it does not claim float32"),
    "no gradients": (specimens.forward_only, "it does not claim gradients"),
    "other shapes": (describing("large", shapes=Shapes(H=range(5000, 5001))), "its shapes exclude H = "),
}


@pytest.mark.parametrize("what", NOT_ASKED)
def test_a_backend_is_not_asked_what_it_does_not_claim(what: str, gradient_case: Path) -> None:
    backend, reason = NOT_ASKED[what]
    found = load_case(gradient_case)
    said = replay_case(found, backend)
    assert said.outcome is Outcome.NOT_CLAIMED and said.detail.startswith(reason) and list_steps(found, backend) == []


def test_reproduce_is_neither_green_nor_red_where_nothing_was_asked(gradient_case: Path) -> None:
    status, text = said("reproduce", str(gradient_case), "tests.helpers.specimens:forward_only")
    assert status == 5 and text.endswith("not claimed: it does not claim gradients\n")


def test_the_steps_of_a_gradient_go_backwards(gradient_case: Path) -> None:
    told = list_steps(load_case(gradient_case), resolve(CUT))
    T = len(load_case(gradient_case).asked.problem.x)
    assert [step.t for step in told if step.quantity == "dz"] == list(range(T))[::-1]
    assert [step.t for step in told if step.quantity == "y"] == list(range(T))
    assert {step.quantity for step in told if step.t is None} == {"c_T"} | PARTS
    assert max(step.ratio for step in told if step.quantity == "dz") > 1
    assert all(step.ratio <= 1 for step in told if step.quantity == "y")


def test_many_steps_are_told_in_few_lines() -> None:
    within = [Step("y", t, 1e-9, 0.01 * t) for t in range(50)]
    beyond = [Step("y", t, 1e-3, 1e3) for t in range(50, 4000)]
    lines = format_steps([*within, *beyond])
    assert lines[0] == "  t=0…49  largest error of y     1e-9, 0.49 × allowed"
    assert lines[1] == "  t=50    largest error of y     0.001, 1 000 × allowed"
    assert lines[-1] == "  and 3930 more steps beyond what is allowed" and len(lines) == 22
