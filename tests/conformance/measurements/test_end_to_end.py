"""Chaos and length: what is read to its end at T = 10,000, and the free runs that are shown and decide nothing."""

from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.assertions.forward import assert_conforms
from conformance.measurements import end_to_end as module
from conformance.measurements.end_to_end import Row, draw_scaled_problem, format_rows, measure_end_to_end
from conformance.problems.question import problem_of
from conformance.properties import gradients, values
from conformance.report.status import PASSED
from conformance.run.check import check
from lstm_spec import Problem, Shapes, at_most
from tests.helpers import specimens
from tests.helpers.examples import draw_examples


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LENGTHS", (5, 40))


# ---------------------------------------------------------------- how long, how wild

LONG = {"values": values.AT_ANY_LENGTH, "gradients": gradients.AT_ANY_LENGTH}


def long_problems(family: str, reach: str, **shapes: range) -> list[Problem]:
    return [problem_of(example) for example in draw_examples(LONG[family], 60, reach, Shapes(**shapes))]


def largest_weight(problem: Problem) -> float:
    return max(float(np.abs(gate.U).max()) for gate in problem.layer[:4] if gate)


@pytest.mark.parametrize("family", LONG)
def test_full_asks_for_ten_thousand_steps_at_any_weight_scale(family: str) -> None:
    longest = [problem for problem in long_problems(family, "full") if len(problem.x) >= 10_000]
    assert len(longest) >= 5
    assert min(map(largest_weight, longest)) < 0.1 and max(map(largest_weight, longest)) > 12


@pytest.mark.parametrize("family", LONG)
@pytest.mark.parametrize("reach", ["quick", "standard", "soak"])
def test_other_profiles_stay_shorter(family: str, reach: str) -> None:
    assert max(len(problem.x) for problem in long_problems(family, reach)) <= 4100


@pytest.mark.parametrize("family", LONG)
def test_shapes_are_honoured_at_full_length_too(family: str) -> None:
    assert {len(problem.x) for problem in long_problems(family, "full", T=at_most(64))} == {64}


def test_ten_thousand_steps_conform_in_chaos() -> None:
    problem = draw_scaled_problem(12.0, 10_000, "float32", Shapes())
    assert assert_conforms(NUMPY, NUMPY.forward(problem), problem) is not None


# ---------------------------------------------------------------- the table


def rows_at(scale: float) -> list[Row]:
    with np.errstate(all="ignore"):
        return module.measure_scale(NUMPY, "float32", scale)


def test_in_chaos_a_free_run_says_nothing_and_each_step_still_conforms() -> None:
    *_, last = rows_at(5.0)
    assert last.T == 10_000 and last.off > 0.5
    assert last.inconclusive_from is not None and last.inconclusive_from < 100
    assert 0 < last.ratio < 1


@pytest.mark.usefixtures("short")
def test_where_weights_are_small_a_free_run_stays_within_its_bound() -> None:
    for row in rows_at(0.1):
        assert row.inconclusive_from is None and 0 < row.off < 1e-6 < row.bound < 1e-5


@pytest.mark.usefixtures("short")
def test_each_length_is_told_of_its_own_steps() -> None:
    few, many = rows_at(5.0)
    assert few.inconclusive_from is None and few.bound < 1e-2
    assert many.inconclusive_from is not None and 5 <= many.inconclusive_from < 40
    assert few.off < many.off


@pytest.mark.usefixtures("short")
def test_every_weight_scale_has_its_rows() -> None:
    rows = measure_end_to_end(NUMPY, "float32")
    assert [(row.scale, row.T) for row in rows] == [(scale, T) for scale in (0.1, 1, 5) for T in (5, 40)]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("dtype", NUMPY.description.dtypes)
def test_every_dtype_has_its_table(dtype: str) -> None:
    assert all(row.ratio < 1 for row in measure_end_to_end(NUMPY, dtype))


@pytest.mark.usefixtures("short")
def test_a_wrong_backend_is_shown_wrong_and_its_status_is_left_to_the_properties() -> None:
    wrong = specimens.swaps_input_and_forget_gates
    assert max(row.ratio for row in measure_end_to_end(wrong, "float32")) > 1e3
    report = check(wrong, profile="full", dtypes=("float32",), name="the_final_hidden_state_is_the_last", examples=1)
    assert report.verdicts and report.status == PASSED


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", ["raises", "exits", "returns_a_tuple", "returns_tensors", "claims_nothing"])
def test_no_answer_gives_no_rows(name: str) -> None:
    assert measure_end_to_end(getattr(specimens, name), "float32") == []


def test_lengths_are_those_that_the_shapes_allow() -> None:
    assert {row.T for row in measure_end_to_end(specimens.in_blocks_of_8, "float32")} == {64}


def test_the_table_says_where_a_run_stops_saying_something() -> None:
    rows = [Row(0.1, 100, 1e-7, 2e-6, None, 0.1), Row(5.0, 10_000, 2.0, 7.5, 21, 0.14)]
    head, tame, wild = format_rows(rows)
    assert head.split("  ")[0] == "weights" and head.endswith("step by step")
    assert "conclusive" in tame and "inconclusive" not in tame and tame.endswith("0.1 × allowed")
    assert "10,000" in wild and "2.0e+00" in wild and "inconclusive from t = 21" in wild


def test_no_rows_make_no_lines() -> None:
    assert format_rows([]) == []


def test_what_is_not_finite_is_shown(short: Any) -> None:
    assert "nan" in "\n".join(format_rows(measure_end_to_end(specimens.returns_nan, "float32")))
