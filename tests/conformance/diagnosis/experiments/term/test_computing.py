"""The formula that was found, computed: that of the equations is right in every network that it claims."""

import pytest

from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.term.computing import make_backend_of
from conformance.diagnosis.experiments.term.formula import write_formula
from conformance.diagnosis.experiments.term.gradients.pairing import RIGHT
from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("found", [RIGHT, None])
def test_the_gradients_of_the_equations_are_right_in_every_network(found: Explanation | None, form: Form) -> None:
    """Those of the explanation, and those that follow from the formula."""
    computed = make_backend_of(write_formula("standard"), REFERENCE, found, has_own_gradients=True)
    laboratory = Laboratory(REFERENCE, "float32", form, backward=True, seconds=60)
    assert laboratory.judge(laboratory.make_question((4, 3, 5, 6)), guard_backend(computed)).said == "right"
