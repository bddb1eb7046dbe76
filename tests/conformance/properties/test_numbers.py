"""Where a NaN acts and where it is seen: who skips, selects or pads holds, who mixes or clears is refuted."""

from typing import Any

import numpy as np
import pytest

from conformance.outcome import Outcome
from conformance.problems.form import ANYTHING
from conformance.problems.recipes import networks, questions
from conformance.problems.strikes import strike_loss, strike_problem
from conformance.properties.numbers import DENSE, UNBOUNDED, assert_seen_in_gradients
from conformance.property import PROPERTIES
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from lstm_spec import REFERENCE, Backend, Feature
from tests.helpers.examples import draw_examples
from tests.helpers.judged import NAMED
from tests.planted.edits import CELL, LOOP, SUM, textbook

PLAIN = [prop for prop in PROPERTIES if prop.family == "numbers" and not prop.beyond_core]
SIGMOID = "return 1 / (1 + np.exp(-z))"
RIGHT = {
    "as it stands": textbook(),
    "skips columns of zeros": textbook(
        (LOOP, f"    some = (W != 0).any(axis=0)\n{LOOP}"),
        (SUM, SUM.replace("x[t] @ W.T", "x[t][:, some] @ W[:, some].T")),
    ),
    "selects where a gate is quite open or shut": textbook(
        (SIGMOID, "return np.where(z > 90, 1, np.where(z < -90, 0, 1 / (1 + np.exp(-z)))).astype(z.dtype)")
    ),
    "pads the batch to blocks of eight": textbook(
        (SUM, "z = (np.pad(x[t], ((0, -len(h) % 8), (0, 0))) @ W.T)[: len(h)] + h @ U.T + b")
    ),
}
WRONG = {
    "sums the cells with a mask": (
        (CELL, f"{CELL} + 0 * c.sum(axis=0)"),
        "what_is_no_number_in_one_sample_alters_no_other",
    ),
    "sums all steps with a mask": (
        (SUM, f"{SUM} + (0 * x.sum(axis=0)).sum(axis=1, keepdims=True)"),
        "what_is_no_number_alters_nothing_before_its_step",
    ),
    "sums the gradients of the batch with a mask": (
        ("dh = dz @ U", "dh = dz @ U + 0 * dh.sum(axis=0)"),
        "what_is_no_number_in_one_sample_alters_no_gradient_of_another",
    ),
    "sums the cotangents of all steps with a mask": (
        ("dh = dh + dy[t]", "dh = dh + dy[t] + 0 * dy.sum(axis=0)"),
        "a_cotangent_that_is_no_number_alters_nothing_after_its_step",
    ),
    "reads no NaN from a state": (
        (LOOP, f"    c = np.nan_to_num(c)\n{LOOP}"),
        "a_nan_in_a_state_or_a_parameter_is_seen_in_every_output_that_it_enters",
    ),
    "takes the larger of a NaN and a bound": (
        (CELL, "c = np.fmax(f * c + i * g, -3e38).astype(x.dtype)"),
        "a_nan_in_a_state_or_a_parameter_is_seen_in_every_output_that_it_enters",
    ),
    "clears the gate gradients": (
        ("dx[t] = dz @ W", "dz = np.nan_to_num(dz)\n        dx[t] = dz @ W"),
        "a_nan_is_seen_in_every_gradient_that_it_enters",
    ),
}


def list_refuting(backend: Backend) -> list[str]:
    how = PROFILES["standard"]
    verdicts = [judge_property(prop, backend, "float32", how, shrink=False) for prop in PLAIN]
    return [verdict.property.name for verdict in verdicts if verdict.outcome is not Outcome.HOLDS]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_lstm_holds_however_it_computes(name: str) -> None:
    assert list_refuting(RIGHT[name]) == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_is_refuted_for_it(name: str) -> None:
    edit, prop = WRONG[name]
    assert prop in list_refuting(textbook(edit, name=name))


def test_the_specification_shows_a_nan_wherever_it_is_looked_for() -> None:
    """And somewhere it does not: what is marked is not everything."""
    dense: dict[str, str] = dict.fromkeys("xWUbhc", "dense")
    form: dict[str, Any] = {**ANYTHING, "clip": None, "lengths": ""}
    asked = questions(networks(T=(1, 2, 4), B=(1, 2, 3), I=(1, 2, 3), H=(1, 2, 3), fillings=dense, **form), dy="dense")
    shares = []
    for question in draw_examples(asked, 60, features=frozenset(Feature)):
        for struck in strike_problem(question, 3):
            with np.errstate(all="ignore"):
                found = np.isnan(REFERENCE.forward(struck.question.problem).y)
            assert found[struck.mark_outputs()].all()
            shares.append(found.mean())
        assert [struck.name for struck in strike_loss(question, 5)] == ["dy", "dh_T", "dc_T"]
    assert min(shares) < 1


def test_a_nan_enters_every_gradient_of_the_specification_in_which_it_is_looked_for() -> None:
    """Also after a single step, where it enters a gradient through one product only."""
    asked = questions(networks(T=(1,), B=(1,), I=(1,), H=(1, 2), fillings=DENSE, **UNBOUNDED), dy="dense", dc="dense")
    for question in draw_examples(asked, 60, features=frozenset(Feature)):
        for struck in (*strike_problem(question, 3), *strike_loss(question, 5)):
            with np.errstate(all="ignore"):
                assert_seen_in_gradients(REFERENCE, struck)


def test_padding_of_the_reverse_direction_is_poisoned() -> None:
    prop = NAMED["nan_and_infinity_beyond_a_length_influence_nothing"]
    drawn = [problem for problem, _ in draw_examples(prop.on, 60, features=frozenset(Feature))]
    assert any("reverse" in problem.directions and (problem.lengths < len(problem.x)).any() for problem in drawn)
    assert len({len(problem.parameters) for problem in drawn}) > 1
