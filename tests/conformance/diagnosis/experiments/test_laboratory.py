"""A backend is asked questions of one form, judged by a free run, until the time is spent."""

from dataclasses import replace

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.laboratory import Laboratory, OutOfTime
from conformance.problems.form import BOTH, Form
from lstm_spec import Answer, Problem, State
from tests.helpers import specimens

SIZES = (4, 3, 5, 6)
FORMS = (Form(), Form(2, BOTH, "peephole", "narrow", lengths="any"), Form(1, kind="coupled", clip=0.7))


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("form", FORMS)
def test_a_right_backend_is_right_at_any_size(form: Form, dtype: str, backward: bool) -> None:
    laboratory = Laboratory(NUMPY, dtype, form, backward, seconds=60)
    said = [laboratory.ask_at(sizes).said for sizes in (SIZES, (1, 1, 1, 2), (70, 2, 3, 4), (2, 3, 40, 70))]
    assert said.count("right") >= (4 if dtype in ("float32", "float64") else 3) and "wrong" not in said


def test_a_mistake_is_wrong_and_shown() -> None:
    judged = Laboratory(specimens.swaps_input_and_forget_gates, "float32").ask_at(SIZES)
    assert judged.is_wrong and [part.quantity for part in judged.wrong] == ["y", "h_T", "c_T"]


def test_what_is_wrong_alone_is_shown_alone() -> None:
    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return replace(answer, state=State(answer.state.h, answer.state.c * 2))

    judged = Laboratory(replace(NUMPY, forward=forward), "float32", Form(2, BOTH)).ask_at(SIZES)
    assert len(judged.compared) == 9 and {part.quantity.split()[0] for part in judged.wrong} == {"c_T"}


def test_a_question_is_the_same_each_time_and_the_time_ends() -> None:
    ticks = iter([0.0, 1.0, 9.0])
    laboratory = Laboratory(NUMPY, "float32", clock=lambda: next(ticks))
    one, again = (laboratory.make_question(SIZES).problem.x for _ in range(2))
    assert (one == again).all() and laboratory.ask_at(SIZES).said == "right"
    with pytest.raises(OutOfTime):
        laboratory.ask_at(SIZES)
