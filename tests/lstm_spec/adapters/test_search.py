"""Of the ways to call an LSTM the one is taken in which it answers like the equations, or else the nearest."""

from typing import Any

import numpy as np
import pytest

from lstm_spec import LAYOUTS, REFERENCE, Answer, Problem, State
from lstm_spec.adapters.forms import find_nearest_form
from lstm_spec.adapters.search import find_plan
from lstm_spec.layouts.table import Layout
from tests.helpers.problems import make_problem

PLACES = {(7, 5): [LAYOUTS["pytorch"]]}


def ask(problem: Problem, form: tuple[float, Layout]) -> Answer:
    """The answer of the equations, that far off."""
    answer, off = REFERENCE.forward(problem), np.float32(form[0])
    return Answer(answer.y + off, State(*(a + off for a in answer.state)))


@pytest.mark.parametrize("styles", [(3.0, 2.0, 1.0), (1.0, 2.0, 3.0), (2.0, 1.0, 3.0)])
def test_the_nearest_way_is_taken_if_none_is_right(styles: Any) -> None:
    assert find_plan(ask, styles, PLACES, "mine", "")[0] == 1.0


def test_a_way_in_which_the_last_states_are_right_is_taken_before_one_whose_outputs_are_nearer() -> None:
    def ask_wrongly(problem: Problem, form: tuple[float, Layout]) -> Answer:
        outputs, right = ask(problem, (1 / form[0], form[1])).y, ask(problem, (0.0, form[1])).state
        return Answer(outputs, right if form[0] == 2.0 else State(right.h, right.c + 1))

    assert find_plan(ask_wrongly, (1.0, 2.0, 4.0), PLACES, "mine", "")[0] == 2.0


def test_a_right_way_is_taken_and_none_after_it_is_asked() -> None:
    def ask_until_right(problem: Problem, form: tuple[float, Layout]) -> Answer:
        assert form[0] >= 0, "it was asked after a right one"
        return ask(problem, form)

    assert find_plan(ask_until_right, (2.0, 0.0, -1.0), PLACES, "mine", "")[0] == 0.0


@pytest.mark.parametrize("forms", [(3.0, 1.0, 2.0), (1.0, 3.0), (2.0, 3.0, 1.0)])
def test_the_nearest_form_is_found_wherever_it_stands(forms: Any) -> None:
    found, distance, *_ = find_nearest_form(
        lambda problem, form: ask(problem, (form, PLACES[7, 5][0])), forms, make_problem()
    )
    assert found == 1.0 and distance == pytest.approx(1.0)
