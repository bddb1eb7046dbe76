"""That the soak adds up and counts an alarm, and that each implementation it calls right holds in a few examples."""

import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from conformance.problems.build import build_problem
from conformance.problems.form import Form
from conformance.property import PROPERTIES, Property
from conformance.run.profiles import PROFILES
from tools.checks import soak
from tools.checks.right.backends import RIGHT
from tools.checks.right.restricted import AS_A_MODULE, RESTRICTIONS
from tools.checks.soaked import BINS, Ratios, Soaked, add_up, load_soaked

WRONG = "fault:swaps_input_and_forget_gates"
VALUES = "the_answer_is_that_of_the_equations"
GRADIENTS = "the_gate_gradients_are_the_derivatives_of_the_equations"
SUMS = "the_parameter_gradients_are_sums_over_steps_and_batch"
TOGETHER = "what_is_claimed_may_be_differentiated_together"
STACKS = ("a_layer_reads_what_the_one_below_returned", "layers_of_any_kind_may_be_stacked")
WRITTEN_OVER = "inputs_of_any_form_may_be_written_over"
AT_ANY_BATCH = "a_constant_input_may_be_folded_into_the_bias"
AVAILABLE = [name for name in RIGHT if name != "compiled" or shutil.which("gcc")]


def select(*names: str) -> list[Property]:
    return [prop for prop in PROPERTIES if prop.name in names]


@pytest.fixture(autouse=True)
def few_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "PROPERTIES", select(VALUES))


def run_command(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(soak.main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def sorted_runs(soaked: Soaked) -> Soaked:
    soaked.runs.sort()
    return soaked


# ---------------------------------------------------------------- pieces


def test_pieces_add_up_to_the_whole(tmp_path: Path) -> None:
    runs = soak.list_runs(3, 1, ("numpy",))
    for k in range(3):
        soak.soak_piece(runs[k::3], tmp_path / f"{k}.json")
    parts = [load_soaked(tmp_path / f"{k}.json") for k in range(3)]
    whole = add_up(map(soak.soak, runs))
    assert sorted_runs(add_up(parts)) == sorted_runs(whole)
    assert whole.examples >= 4 * 3, "four dtypes at least"
    assert {key.partition("|")[0] for key in whole.ratios} == {"y", "c_T"}


def test_a_run_counts_once() -> None:
    with pytest.raises(ValueError, match="numpy float32 seed 1 was added twice, expected each run once"):
        add_up([Soaked(["numpy float32 seed 1"]), Soaked(["numpy float32 seed 1"])])


def test_every_run_is_in_one_piece_and_no_two_are_the_same() -> None:
    runs = soak.list_runs(1, 1)
    assert len({run.name for run in runs}) == len(runs)
    assert {(run.target, run.restriction) for run in runs} == {
        (target, restriction) for target in (*soak.OURS, *RIGHT) for restriction in RESTRICTIONS
    }


def test_a_piece_is_saved_and_left_out_when_the_soak_is_resumed(tmp_path: Path) -> None:
    given = ("numpy", "--examples", "1", "--of", "2", "--jobs", "1", "--out", tmp_path)
    assert run_command(*given, "--piece", "2")[0] == 0
    (first,) = tmp_path.glob("*.json")
    before = first.stat().st_mtime_ns
    status, text = run_command(*given, "--resume")
    assert status == 1, "one trivial example of each property is not the mix that is wanted"
    assert "in 8 runs: 0 false alarms" in text
    assert first.stat().st_mtime_ns == before
    assert run_command("--add", *sorted(tmp_path.glob("*.json")), "--page", tmp_path / "page.md") == (status, text)
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "in 8 runs: 0 false alarms; T >= 200: " in page
    assert "| error / bound of | form | float32: max, median | " in page
    assert re.search(r"^\| y \| plain \| [\d.]+, ", page, re.MULTILINE)


def test_the_median_is_that_of_the_comparisons_and_the_largest_is_exact() -> None:
    ratios = Ratios()
    for ratio in (0.0, 0.001, 0.2, 0.7, 0.9):
        ratios.note(ratio)
    assert ratios.largest == 0.9
    assert ratios.median == pytest.approx(0.2, rel=2 ** (1 / BINS) - 1)
    ratios.note(math.nan)
    assert ratios.largest == math.inf


# ---------------------------------------------------------------- alarms


def test_an_alarm_is_counted_and_fails_the_piece(tmp_path: Path) -> None:
    given = (WRONG, "--examples", "4", "--piece", "1", "--of", "8", "--jobs", "1", "--out", tmp_path)
    status, text = run_command(*given)
    assert status == 1
    assert f"alarm: {WRONG} float32 seed 1 {VALUES}: refuted" in text.replace("\n", " ")
    assert "in 1 runs: 1 false alarms" in text


def test_what_cannot_be_used_here_is_left_out_with_the_reason() -> None:
    found = soak.soak(soak.Run("nowhere:BACKEND", "", "float32", 1, 1))
    assert (found.examples, len(found.left_out)) == (0, 1)
    assert "module 'nowhere' cannot be imported" in found.left_out[0]


# ---------------------------------------------------------------- right implementations


@pytest.mark.parametrize("name", AVAILABLE)
def test_a_right_implementation_holds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "PROPERTIES", select(VALUES, GRADIENTS, SUMS, TOGETHER))
    monkeypatch.setattr(soak, "PROFILES", {"soak": PROFILES["quick"]})
    runs = [run for run in soak.list_runs(8, 1, (name,)) if not run.restriction]
    total = add_up(map(soak.soak, runs[:2]))  # float32 and float64, or all of one with 16 bits only
    assert total.examples and not total.alarms, total.alarms


def test_a_stack_that_is_float64_inside_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "PROPERTIES", select(*STACKS))
    monkeypatch.setattr(soak, "PROFILES", {"soak": PROFILES["quick"]})
    found = soak.soak(soak.Run("wide", "", "float32", 80, 1))
    assert found.examples > 30 and not found.alarms, found.alarms


def test_a_stack_whose_outputs_are_read_again_as_inputs_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "PROPERTIES", [prop for prop in PROPERTIES if prop.name.startswith(WRITTEN_OVER)])
    found = soak.soak(soak.Run("numpy", "", "float32", 40, 3))
    assert found.examples > 10 and not found.alarms, found.alarms


@pytest.mark.parametrize(
    ("restriction", "sizes"), [("one sample", (2, 2, 3, 2)), ("nothing empty", (0, 2, 3, 2)), ("no gradients", ())]
)
def test_what_is_restricted_holds_and_refuses_the_rest(
    restriction: str, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "PROPERTIES", select(AT_ANY_BATCH))
    found = soak.soak(soak.Run("fused", restriction, "float32", 3, 1))
    assert found.examples == 3 and not found.alarms, found.alarms
    backend = RESTRICTIONS[restriction](RIGHT["fused"]())
    if not sizes:
        assert backend.gradients is None
        return
    problem = build_problem(np.dtype("float32"), Form(), sizes, ("dense",) * 6, 1)
    with pytest.raises(ValueError, match="which fused does not claim"):
        backend.forward(problem)


def test_each_is_judged_as_modules_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = select(VALUES, "tied_modules_stay_tied", "calls_leave_the_parameters_as_they_are")
    monkeypatch.setattr(soak, "PROPERTIES", asked)
    found = soak.soak(soak.Run("reversed", AS_A_MODULE, "float32", 4, 1))
    assert (found.examples, found.alarms, found.silent) == (8, [], [])
