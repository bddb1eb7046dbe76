"""The formula that was found, computed: that of the equations is right in every network that it claims."""

from dataclasses import replace

import pytest

from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.term.computing import make_backend_of
from conformance.diagnosis.experiments.term.formula import write_formula
from conformance.diagnosis.experiments.term.gradient_search import RIGHT
from conformance.outcome import NotClaimed
from conformance.problems.form import BOTH, REVERSE, Form
from conformance.targets.border import guard_backend
from lstm_spec import REFERENCE

FORMS = [Form(), Form(directions=REVERSE, lengths="zeros"), Form(3), Form(2, BOTH, lengths="any"), Form(1, BOTH)]


@pytest.mark.parametrize("form", FORMS)
def test_the_equations_are_right_in_every_network(form: Form) -> None:
    laboratory = Laboratory(REFERENCE, "float32", form, seconds=60)
    computed = guard_backend(make_backend_of(write_formula("standard"), REFERENCE))
    assert laboratory.judge(laboratory.make_question((5, 4, 3, 6)), computed).said == "right"


@pytest.mark.parametrize("kind", ["standard", "peephole", "coupled"])
def test_a_formula_is_that_of_its_kind_of_cell_only(kind: str) -> None:
    computed = make_backend_of(write_formula(kind), REFERENCE, kind=kind)
    for form in (Form(kind="standard"), Form(kind="peephole"), Form(kind="coupled"), Form(projection="full")):
        laboratory = Laboratory(REFERENCE, "float32", form, seconds=60)
        question = laboratory.make_question((3, 2, 3, 4))
        if form == Form(kind=kind):
            assert laboratory.judge(question, computed).said == "right"
        else:
            with pytest.raises(NotClaimed, match=f"a formula of the cell '{kind}'"):
                computed.forward(question.problem)


def test_the_gradients_of_the_equations_are_right_and_are_of_one_plain_layer() -> None:
    computed = make_backend_of(write_formula("standard"), REFERENCE, RIGHT)
    laboratory = Laboratory(REFERENCE, "float32", backward=True, seconds=60)
    question = laboratory.make_question((4, 3, 5, 6))
    assert laboratory.judge(question, computed).said == "right"
    with pytest.raises(NotClaimed, match="gradients of one layer"):
        computed.differentiate(*replace(laboratory, form=Form(2)).make_question((4, 3, 5, 6)))
