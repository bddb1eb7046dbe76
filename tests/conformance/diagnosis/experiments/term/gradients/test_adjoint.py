"""The gradients that follow from a formula are those of its answers: each beside a difference along one direction."""

from dataclasses import replace

import numpy as np
import pytest

from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.term.formula import Formula, GateFormula, answer, write_formula
from conformance.diagnosis.experiments.term.gradients.adjoint import differentiate_formula
from conformance.problems.question import change_arrays
from lstm_spec import REFERENCE, Packed, State, unpack
from lstm_spec.types import Array

CELL = write_formula("standard")
STEP = 1e-5


def read(letter: str, **terms: float) -> Formula:
    """The cell with other terms in one gate; an underscore stands for a space."""
    gate = CELL.gates[letter]
    return CELL.change_gate(letter, GateFormula({name: a for name, a in terms.items()}, gate.shape))


FORMULAS = {
    "the equations": CELL,
    "other products": replace(CELL, c={"f tanh(c)": 1.0, "i g": 0.5, "h": 0.2}, h={"o s": 1.0, "i c": 0.3}),
    "a peek at c": read("f", **{"W_f x": 1.0, "U_f c": 1.0, "b_i": 2.0, "c": 0.1}),
    "matrices turned": read(
        "g", **{"W_gᵀ x": 1.0, "U_gᵀ h": -1.0, "W_o (x reversed)": 0.5, "W_g h": 0.5, "U_i x": 0.5}
    ),
    "other steps": read("o", **{"W_o x[t−1]": 1.0, "U_o h[t−2]": 1.0, "W_i x[T−1−t]": 1.0, "U_g h_0": 0.5, "b_o": 1.0}),
    "another first step": replace(CELL, c={"f c": 1.0, "i f g": 1.0}, first=CELL),
    "states of the other kind": replace(CELL, start=("c", "c")),
    "nothing to begin with": replace(CELL, start=("", "c"), shown={"c_T": {"c_0": 1.0, "c′": 1.0}}),
    "what is returned": replace(CELL, shown={"c_T": {"h′": 1.0}, "y": {"o c": 1.0}}, carries=True),
    "wrapped": replace(read("i", **{"W_i x[t+1]": 1.0, "U_i h[t−2]": 1.0}), wraps=True),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_gradients_are_those_of_the_answers(name: str) -> None:
    problem, d = Laboratory(REFERENCE, "float64", seconds=60).make_question((4, 3, 5, 5))
    swept = differentiate_formula(FORMULAS[name], problem, d)
    parameters = unpack(Packed(*swept.parameters))
    found = replace(problem, parameters=((parameters,),), x=swept.x, state=State(*(a[None] for a in swept.state)))
    gradients = list[Array]()
    change_arrays(found, lambda a: gradients.append(a) or a)

    def measure(place: int, step: Array) -> float:
        shifts = iter([step if k == place else 0.0 for k in range(len(gradients))])
        got = answer(FORMULAS[name], change_arrays(problem, lambda a: a + next(shifts)))
        return float((got.y * d.y).sum() + (got.state.h * d.state.h).sum() + (got.state.c * d.state.c).sum())

    for k, a in enumerate(gradients):
        along = np.random.default_rng(k).standard_normal(a.shape)
        slope = (measure(k, STEP * along) - measure(k, -STEP * along)) / (2 * STEP)
        assert abs(slope - (a * along).sum()) <= 1e-7 * max(1.0, np.abs(slope))
