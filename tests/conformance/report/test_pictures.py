"""The pictures of a failure show every number of its case: what was expected, allowed and got, and the gates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.cases.save import save_case
from conformance.outcome import Outcome
from conformance.property import Property
from conformance.report.page.pictures import HEIGHT, MOST_STEPS, Picture, choose_window, draw_failure
from conformance.targets.origin import Origin
from conformance.verdict import Verdict
from lstm_spec import Answer, Backend, Problem
from lstm_spec.equations import sigmoid
from tests.helpers.judged import NAMED, judged

LONG = NAMED["a_long_sequence_is_read_to_its_end"]


def wrong_from(step: int, by: float) -> Backend:
    """NumPy's, whose outputs are off from a step on."""

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        y = answer.y.copy()
        y[step:] += by
        return replace(answer, y=y)

    return replace(NUMPY, name="wrong", forward=forward)


def draw(backend: Backend, folder: Path, prop: Property = LONG, **difference: Any) -> tuple[Verdict, list[Picture]]:
    verdict = judged(backend, prop)
    path = save_case(folder, backend, verdict, Origin("wrong", 0))
    assert verdict.outcome is Outcome.REFUTED and verdict.refutation and verdict.refutation.difference and path
    return verdict, draw_failure(replace(verdict.refutation.difference, **difference), path)


def count_dots(picture: Picture, shows: str, strip: int = 0) -> int:
    return sum(mark.path.count("h0") for mark in picture.strips[strip].marks if mark.shows == shows)


def test_each_step_has_a_dot_and_those_that_are_off_are_marked(tmp_path: Path) -> None:
    verdict, (line, gates) = draw(wrong_from(350, 0.125), tmp_path)
    assert verdict.refutation and verdict.refutation.difference
    assert verdict.refutation.difference.where["t"] == 350 and line.first == "t = 280" and line.last == gates.last
    for strip in (0, 1):
        assert count_dots(line, "got", strip) + count_dots(line, "wrong", strip) == MOST_STEPS
        assert count_dots(line, "wrong", strip) >= 50
    wrong = count_dots(line, "wrong")
    assert line.caption == f"y, batch 0, unit 0, over t = 280 … 399: {wrong} of 120 further off than allowed"


@pytest.mark.parametrize("by", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_no_number_is_drawn_at_an_end(by: float, tmp_path: Path) -> None:
    _, pictures = draw(wrong_from(350, by), tmp_path)
    paths = [mark.path for picture in pictures for strip in picture.strips for mark in strip.marks]
    assert paths and not any(word in path for path in paths for word in ("nan", "inf"))
    assert count_dots(pictures[0], "wrong") == count_dots(pictures[0], "wrong", 1) > 0
    last = next(mark.path for mark in pictures[0].strips[0].marks if mark.shows == "wrong").split(" ")[-1]
    assert by == 3e38 or last == ("100.0h0" if by < 0 else "0.0h0")


def test_the_gates_are_those_of_the_equations(tmp_path: Path) -> None:
    verdict, (_, gates) = draw(wrong_from(399, 0.125), tmp_path)
    assert [strip.name for strip in gates.strips] == ["i", "f", "g", "o", "c", "h"]
    assert verdict.refutation
    problem = verdict.refutation.problem
    answer, p = NUMPY.forward(problem), problem.layer
    t = int(gates.first.split("= ")[1])
    z = p.f.W @ problem.x[t, 0].astype(float) + p.f.U @ answer.y[t - 1, 0].astype(float) + p.f.b
    height = float(gates.strips[1].marks[0].path.split("L")[0].split(" ")[1])
    unit = int(gates.caption.split("unit ")[1].split(":")[0])
    assert height == pytest.approx(HEIGHT * (1 - sigmoid(z)[unit]), abs=0.06)


def draw_step(by: float, folder: Path) -> tuple[Problem, Picture, Picture]:
    """The pictures of an answer of one step, one sample and one unit that is off by so much, and its problem."""
    verdict, (number, gates) = draw(wrong_from(0, by), folder, NAMED["the_answer_is_that_of_the_equations"])
    assert verdict.refutation and verdict.refutation.problem.sizes == (1, 1, 1, 1)
    return verdict.refutation.problem, number, gates


def read_bars(picture: Picture) -> dict[str, tuple[float, float]]:
    """For each bar where it begins and where it ends, from the bottom up."""
    (strip,) = picture.strips
    ends = [mark.path.split(" ")[1].split("V") for mark in strip.marks if mark.shows.endswith(" bar")]
    heights = [(HEIGHT - float(start), HEIGHT - float(end)) for start, end in ends]
    return dict(zip((name for name, _ in picture.ticks), heights, strict=True))


def test_one_number_that_is_off_stands_beside_what_was_expected(tmp_path: Path) -> None:
    problem, number, _ = draw_step(0.125, tmp_path)
    y = float(NUMPY.forward(problem).y[0, 0, 0])
    assert [float(value) for _, value in number.ticks] == pytest.approx([y, y + 0.125], rel=1e-5)
    (start, expected), (same, got) = read_bars(number).values()
    assert start == same == 0 and got == HEIGHT and expected == pytest.approx(HEIGHT * y / (y + 0.125), abs=0.06)
    assert number.caption.startswith("y, batch 0, unit 0, at t = 0: the error is ") and "allowed" in number.caption


def test_a_single_step_has_a_bar_for_each_gate_and_memory(tmp_path: Path) -> None:
    problem, _, gates = draw_step(0.125, tmp_path)
    bars, p = read_bars(gates), problem.layer
    assert [*bars] == ["c_0", "i", "f", "g", "o", "c", "h"] and gates.strips[0].high == "1"
    z = p.o.W @ problem.x[0, 0].astype(float) + p.o.U @ problem.state.h[0, 0].astype(float) + p.o.b
    assert bars["o"][1] - bars["o"][0] == pytest.approx(HEIGHT * sigmoid(z)[0], abs=0.1)


@pytest.mark.parametrize("by", [np.nan, np.inf, -np.inf])
def test_a_bar_of_what_is_no_number_stays_within_the_picture(by: float, tmp_path: Path) -> None:
    _, number, _ = draw_step(by, tmp_path)
    bars = read_bars(number)
    assert all(0 <= end <= HEIGHT for bar in bars.values() for end in bar) and bars["expected"][1] == HEIGHT


def test_a_place_that_the_case_does_not_have_is_not_drawn(tmp_path: Path) -> None:
    odd_ones: list[dict[str, Any]] = [{"where": {"t": 10**9, "batch": 0, "unit": 0}}, {"where": {"unit": 10**9}}]
    for odd in odd_ones:
        _, pictures = draw(wrong_from(350, 0.125), tmp_path, **odd)
        assert [picture.first[:1] for picture in pictures] == ["t"] and len(pictures[0].strips) == 6


def test_where_a_gate_differs_that_the_case_does_not_have_the_outputs_are_drawn(tmp_path: Path) -> None:
    _, (line, _) = draw(wrong_from(350, 0.125), tmp_path, quantity="o", where={"batch": 0, "unit": 0})
    assert line.strips[0].name == "y" and line.first == "t = 0"


def test_a_file_that_is_gone_or_damaged_has_no_picture(tmp_path: Path) -> None:
    verdict, _ = draw(wrong_from(350, 0.125), tmp_path)
    assert verdict.refutation and verdict.refutation.difference
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    assert draw_failure(verdict.refutation.difference, path) == []
    assert draw_failure(verdict.refutation.difference, tmp_path / "gone") == []


@pytest.mark.parametrize(("at", "size"), [(0, 1), (0, 400), (399, 400), (200, 400), (5, MOST_STEPS)])
def test_the_window_has_the_place_and_is_as_wide_as_it_may_be(at: int, size: int) -> None:
    shown = range(size)[choose_window(at, size)]
    assert at in shown and len(shown) == min(size, MOST_STEPS)
