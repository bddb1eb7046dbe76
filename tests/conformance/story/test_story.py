"""The commands that show rather than judge: how far a gradient flows, and what the gates do."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from backends.numpy.backend import BACKEND
from conformance import palette
from conformance.problems.question import Question
from conformance.story import flow, gates
from conformance.targets.resolve import resolve
from lstm_spec import Answer, Backend, Parameters, Problem
from tests.helpers.specimens import differentiating, said, target

STEPS = 300
NAN = differentiating(lambda answer, g: (answer, replace(g, x=g.x * np.nan)), "nan")
ONE_NAN = differentiating(lambda answer, g: (answer, replace(g, x=np.where(g.x == g.x[9], np.nan, g.x))), "one NaN")
FLAT = differentiating(lambda answer, g: (answer, replace(g, x=g.x[:, 0])), "flat")


def doing(act: Callable[[], Any]) -> Backend:
    """NumPy's description; whatever it is asked, it does that."""
    return replace(BACKEND, forward=lambda problem: act(), gradients=lambda problem, d: act())


def spoil(problem: Problem, change: dict[str, float]) -> Answer:
    """NumPy's answer with one of its last states set to that number."""
    answer = BACKEND.forward(problem)
    ((letter, value),) = change.items()
    return replace(answer, state=answer.state._replace(**{letter: np.full_like(getattr(answer.state, letter), value)}))


def tell_process() -> None:
    raise LookupError(os.getpid())


STATE_H_NAN, STATE_C_INF, STATE_C_MINUS_INF = (
    replace(BACKEND, forward=lambda problem, change=change: spoil(problem, change))
    for change in ({"h": np.nan}, {"c": np.inf}, {"c": -np.inf})
)
CRASHES = doing(lambda: os.kill(os.getpid(), signal.SIGSEGV))
LEAVES = doing(lambda: os._exit(0))
HANGS = doing(lambda: time.sleep(1000))
TELLS = doing(tell_process)
TRUNCATED = "fault:truncates_the_gradient_after_50_steps"


# ---------------------------------------------------------------- flow


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_numpy_flows_as_the_equations_do(dtype: str, seed: int) -> None:
    question = flow.make_question(STEPS, seed, dtype)
    found, expected = flow.follow_backend(BACKEND, question), flow.follow_equations(question)
    np.testing.assert_allclose(found.norms, expected.norms, rtol=1e-3 if dtype == "float32" else 1e-9)
    assert flow.find_cliff(found, expected) is None


@pytest.mark.parametrize("steps", [50, 100])
def test_a_gradient_that_is_cut_off_has_a_cliff_at_that_lag(steps: int) -> None:
    question = flow.make_question(STEPS, 0, "float64")
    found = flow.follow_backend(resolve(f"fault:truncates_the_gradient_after_{steps}_steps"), question)
    expected = flow.follow_equations(question)
    assert flow.find_cliff(found, expected) == steps
    np.testing.assert_allclose(found.norms[:steps], expected.norms[:steps], rtol=1e-9)
    assert (found.norms[steps:] == 0).all()


def norms(*values: float) -> flow.Flow:
    return flow.Flow("", np.array(values))


def test_a_cliff_is_where_it_stays_low_from_then_on() -> None:
    expected = norms(4, 4, 4, 4)
    assert flow.find_cliff(norms(4, 1, 4, 4), expected) is None  # a dip is none
    assert flow.find_cliff(norms(4, 4, 1, 1), expected) == 2
    assert flow.find_cliff(norms(4, 1, 4, 0), expected) == 3
    assert flow.find_cliff(norms(0, 0, 0, 0), expected) == 0
    assert flow.find_cliff(norms(4, 4, np.nan, np.nan), expected) == 2
    assert flow.find_cliff(norms(9, 9, 9, 9), expected) is None


def test_along_the_cell_only_is_all_there_is_if_nothing_else_is_read() -> None:
    problem, d = flow.make_question(60, 0, "float64")
    blind = {
        letter: gate._replace(U=0 * gate.U, W=gate.W * (letter == "g")) for letter, gate in problem.layer.gates.items()
    }
    question = Question(replace(problem, parameters=((Parameters(**blind),),)), d)
    np.testing.assert_allclose(
        flow.follow_cell_state(question).norms, flow.follow_equations(question).norms, rtol=1e-9, atol=1e-300
    )


@pytest.mark.parametrize("seed", range(5))
def test_an_rnn_is_within_its_bound_and_gone_where_the_lstm_is_not(seed: int) -> None:
    question = flow.make_question(STEPS, seed, "float64")
    rnn, bound = flow.follow_elman(question)
    assert (rnn.norms <= bound.norms * (1 + 1e-9)).all()
    assert rnn.norms[200] < 1e-12 < 1e-6 < flow.follow_equations(question).norms[200]


def test_the_command_says_where_the_cliff_is() -> None:
    status, output = said("flow", "numpy", TRUNCATED, "--steps", str(STEPS))
    assert status == 1
    assert "numpy: no cliff" in output and f"{TRUNCATED}: the gradient is cut off at lag 50" in output
    assert "an RNN's bound" in output and "299" in output


def test_without_a_target_it_is_numpy() -> None:
    status, output = said("flow", "--steps", "20")
    assert status == 0 and "numpy: no cliff" in output


def test_a_backend_without_gradients_is_refused() -> None:
    status, output = said("flow", target("forward_only"), "--steps", "20")
    assert status == 3 and "claims no gradients, expected Feature.GRADIENTS" in output


@pytest.mark.parametrize("name", ["NAN", "ONE_NAN"])
def test_a_gradient_that_is_no_number_is_called_so_and_drawn(name: str, tmp_path: Path) -> None:
    status, output = said(
        "flow", f"tests.conformance.story.test_story:{name}", "--steps", "20", "--svg", str(tmp_path / "a.svg")
    )
    assert status == 1 and f"tests.conformance.story.test_story:{name}: some of the gradient is not finite" in output
    assert (tmp_path / "a.svg").exists()


def test_a_gradient_of_another_shape_is_one_sentence() -> None:
    status, output = said("flow", "tests.conformance.story.test_story:FLAT", "--steps", "20")
    assert status == 3 and "dx has shape (20, 2), expected (20, 1, 2)" in output and output.count("\n") == 1


def test_a_gradient_of_another_lstm_is_not_called_cut_off() -> None:
    status, output = said("flow", "fault:swaps_input_and_forget_gates", "--steps", "100")
    assert status == 1 and "on the gradient is less than half of that of the equations" in output


# ---------------------------------------------------------------- gates


def test_a_fact_is_let_in_kept_shown_and_forgotten() -> None:
    history = gates.follow_story(BACKEND, gates.make_story("float32"))
    fact, dead = 9, 44
    assert history.i[fact] > 0.99 and np.delete(history.i, fact).max() < 0.01
    assert history.f[dead] < 0.01 and np.delete(history.f, dead).min() > 0.99
    assert (history.c[:fact] < 0.01).all() and (history.c[fact:dead] > 0.85).all() and (history.c[dead:] < 0.01).all()
    assert history.h[20] > 0.7 and history.h[35] > 0.7 and history.h[54] < 0.01
    assert (np.delete(history.h, [20, 35]) < 0.01).all()


def test_the_memories_are_those_of_the_target() -> None:
    history = gates.follow_story(resolve("fault:swaps_input_and_forget_gates"), gates.make_story("float32"))
    assert (history.c[10:44] < 0.01).all()  # the hero is forgotten at once


def test_bars_grow_with_what_they_show() -> None:
    assert gates.draw_bars(np.array([0, 0.25, 0.5, 1.0, 7.0, -1.0, np.nan])) == " ▂▄██  "


def test_the_command_shows_the_story() -> None:
    status, output = said("gates")
    assert status == 0 and "the hero dies" in output and "forget gate f" in output
    (shown,) = (line for line in output.splitlines() if line.startswith("step 35"))
    assert "h 0.7" in shown


@pytest.mark.parametrize(("letter", "value"), [("h", np.nan), ("c", np.inf), ("c", -np.inf)])
def test_a_state_that_is_no_number_is_one_sentence(letter: str, value: float) -> None:
    name = f"STATE_{letter}_{value}".replace("-", "minus_").upper()
    status, output = said("gates", f"tests.conformance.story.test_story:{name}")
    assert status == 3 and output.count("\n") == 1
    assert f"gave no answer to follow (ValueError: {letter} is {value} after step 0, expected a number); " in output


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("command", [("flow", "numpy", TRUNCATED, "--steps", "100"), ("gates",)])
def test_a_picture_is_drawn_and_is_the_same_again(command: tuple[str, ...], tmp_path: Path) -> None:
    drawn = []
    for name in ("one.svg", "other.svg"):
        said(*command, "--svg", str(tmp_path / name))
        drawn.append((tmp_path / name).read_text(encoding="utf-8"))
        assert ElementTree.fromstring(drawn[-1]).tag.endswith("svg")
    assert drawn[0] == drawn[1]


def draw(tmp_path: Path, *command: str) -> str:
    said(*command, "--svg", str(tmp_path / "a.svg"))
    return (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_the_cliff_is_drawn_and_described_and_each_target_has_its_name(tmp_path: Path) -> None:
    drawn = draw(tmp_path, "flow", "numpy", TRUNCATED, "fault:swaps_input_and_forget_gates", "--steps", "100")
    shown = re.findall(r"<!-- (.*?) -->", drawn, re.DOTALL)  # matplotlib writes each line before its letters
    assert "numpy" in shown and "the equations" in shown and "an RNN" in shown
    assert {"fault:truncates_the_", "gradient_after_50_steps", "ends at lag 50"} <= set(shown)
    assert "fault:swaps_input_and_" in shown and any(re.fullmatch(r"falls at lag \d+", text) for text in shown)
    for colour in (*palette.TARGETS[:3], palette.HIDDEN_STATE, palette.CELL_STATE):
        assert f"stroke: {colour.light}" in drawn


def test_a_gradient_that_is_no_number_is_described_so(tmp_path: Path) -> None:
    drawn = draw(tmp_path, "flow", "tests.conformance.story.test_story:NAN", "--steps", "20")
    assert "is no number from lag 0 -->" in drawn


def test_a_picture_has_dark_colours_too_and_no_others_than_the_palettes(tmp_path: Path) -> None:
    for command in (("flow", "numpy", TRUNCATED, "--steps", "100"), ("gates",)):
        drawn = draw(tmp_path, *command)
        assert palette.write_dark_rules() in drawn
        used = set(re.findall(r"(?:fill|stroke): (#\w+)", drawn.replace(palette.write_dark_rules(), "")))
        assert used <= {colour.light for colour in palette.ALL}


def test_a_name_with_signs_of_mathematics_is_drawn_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a$\\b$.py").write_text("from lstm_spec import REFERENCE\n", encoding="utf-8")
    drawn = draw(tmp_path, "flow", f"{tmp_path}/a$\\b$.py:REFERENCE", "--steps", "20")
    assert "$\\b$.py" in drawn


@pytest.mark.parametrize("count", [1, 2, 6])
def test_labels_are_moved_apart_and_keep_their_order(count: int) -> None:
    from conformance.story.pictures import move_apart

    sizes = [0.05, 0.1, 0.05, 0.1, 0.05, 0.05][:count]
    places = move_apart([0.8] * count, sizes)
    assert places[0] - 0.8 == pytest.approx(0.8 - places[-1], abs=0.03) or count == 1
    for k in range(count - 1):
        assert places[k] - places[k + 1] >= 0.99 * (sizes[k] + sizes[k + 1]) / 2


def test_the_picture_says_how_it_was_made(tmp_path: Path) -> None:
    how = ("--no-isolate", "--timeout", "7")  # do not change it
    said("flow", "numpy", "--steps", "20", "--dtype", "float64", "--svg", str(tmp_path / "a.svg"), *how)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "<dc:title>lstm-conform flow numpy --steps 20 --dtype float64</dc:title>" in text


@pytest.mark.parametrize("name", ["a.png", "a"])
def test_a_picture_is_an_svg(name: str, tmp_path: Path) -> None:
    status, output = said("flow", "--steps", "20", "--svg", str(tmp_path / name))
    assert status == 2 and "is no SVG, expected a name that ends in .svg" in output


def test_without_matplotlib_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, output = said("gates", "--svg", str(tmp_path / "a.svg"))
    assert status == 3 and '--svg needs matplotlib; pip install "lstm-spec[plot]"' in output


def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    status, output = said("gates", "--svg", str(tmp_path / "nowhere" / "a.svg"))
    assert status == 6 and "cannot be written (No such file or directory); name another --svg" in output


@pytest.mark.parametrize("command", ["flow", "gates"])
def test_a_target_that_raises_is_one_sentence(command: str) -> None:
    status, output = said(command, target("raises"))
    assert status == 3 and "gave no answer to follow (" in output and output.count("\n") == 1


@pytest.mark.parametrize("command", ["flow", "gates"])
@pytest.mark.parametrize(
    "name, reason",
    [
        ("CRASHES", "it crashed (signal SIGSEGV)"),
        ("LEAVES", "it crashed (exit status 0)"),
        ("HANGS", "it did not answer within 0.2 s"),
    ],
)
def test_a_target_that_crashes_or_hangs_is_one_sentence(command: str, name: str, reason: str) -> None:
    status, output = said(command, f"tests.conformance.story.test_story:{name}", "--timeout", "0.2")
    assert status == 3 and f"gave no answer to follow ({reason}); " in output and output.count("\n") == 1


def test_a_target_is_asked_here_if_that_is_wanted() -> None:
    for isolate, is_here in (("--isolate", False), ("--no-isolate", True)):
        status, output = said("gates", "tests.conformance.story.test_story:TELLS", isolate)
        assert status == 3 and "it raised LookupError: " in output
        assert (f"LookupError: {os.getpid()})" in output) is is_here


@pytest.mark.parametrize("command", ["flow", "gates"])
def test_a_dtype_that_is_not_claimed_is_one_sentence(command: str) -> None:
    for name, claimed in (("claims_float16_only", "float16"), ("claims_no_dtype", "no dtype")):
        status, output = said(command, target(name))
        assert status == 3 and f"claims {claimed}, not float32; choose another --dtype" in output


def test_a_target_that_is_none_is_one_sentence() -> None:
    status, output = said("flow", target("exits"))
    assert status == 3 and "(ValueError: exits claims no gradients" in output
    status, output = said("gates", target("exits"))
    assert status == 3 and "gave no answer to follow (it raised SystemExit: goodbye)" in output
    for command in ("flow", "gates"):
        status, output = said(command, "nothing")
        assert status == 3 and output.startswith("lstm-conform: ") and output.count("\n") == 1
