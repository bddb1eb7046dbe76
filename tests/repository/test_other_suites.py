"""The comparison with other people's checks is fair, and the README's table says what it found."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx.backend.test.case.node.lstm import LSTMHelper

from backends.numpy.backend import BACKEND
from benchmarks.other_suites import kernelbench, onnx_tests, webnn_tests
from benchmarks.other_suites.__main__ import main
from benchmarks.other_suites.found import BACKWARD, CHOSEN, CONTRACT, FORWARD, ONLY_AT_FLOAT64, try_fault
from benchmarks.other_suites.onnx_tests import Case, list_cases, list_used
from benchmarks.other_suites.table import FIRST, group_found, replace_table, write_table
from conformance.faults.catalogue import FAULTS
from conformance.faults.lstm import build_backend
from lstm_spec import REFERENCE, Backend, Problem
from tests.helpers.environment import TORCH
from tests.helpers.root import ROOT

DIRECTED = {"test_lstm_reverse", "test_lstm_bidirectional"}
RIGHT = build_backend("right", networks=False)
ORDERS = [name for name in CHOSEN if FAULTS[name].family == "gate order"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
needs_torch = pytest.mark.skipif(not TORCH, reason="TORCH=none")


def noticing(name: str) -> set[str]:
    faulty = FAULTS[name].backend()
    return {case.name for case in list_used() if not onnx_tests.is_passed(faulty, case)}


# ---------------------------------------------------------------- ONNX


@pytest.mark.parametrize("right", [REFERENCE, BACKEND, RIGHT], ids=lambda right: right.name)
@pytest.mark.parametrize("case", list_used(), ids=lambda case: case.name)
def test_a_right_lstm_passes_every_onnx_test_that_is_used(right: Backend, case: Case) -> None:
    assert onnx_tests.is_passed(right, case)


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_the_operator_around_a_right_lstm_is_that_of_onnx_where_gates_differ_too(direction: str, layout: int) -> None:
    D = 1 + (direction == "bidirectional")
    shapes = {"X": (4, 2, 3), "W": (D, 20, 3), "R": (D, 20, 5), "B": (D, 40)}
    rng = np.random.default_rng(1)
    inputs = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    Y, Y_h, Y_c = LSTMHelper(**inputs, direction=direction, layout=layout).step()
    attributes = {"direction": direction.encode(), "layout": layout}
    case = Case("drawn", inputs, attributes, {"Y": Y, "Y_h": Y_h, "Y_c": Y_c}, 1e-3, 1e-6)
    assert onnx_tests.is_passed(BACKEND, case)


def test_only_the_peepholes_are_left_out() -> None:
    assert {case.name for case in list_cases()} - {case.name for case in list_used()} == {"test_lstm_with_peepholes"}


def test_the_tolerances_are_those_of_onnx() -> None:
    assert {(case.rtol, case.atol) for case in list_used()} == {(1e-3, 1e-7)}


@pytest.mark.parametrize("case", [*list_used(), *webnn_tests.CASES], ids=lambda case: case.name)
def test_in_the_onnx_and_webnn_tests_all_gates_are_equal(case: Case) -> None:
    for letter in {"W", "R"} & set(case.inputs):
        i, *others = np.split(case.inputs[letter], 4, axis=1)
        assert all(np.array_equal(i, other) for other in others)


def test_no_wrong_gate_order_is_noticed_by_the_onnx_and_webnn_tests() -> None:
    assert len(ORDERS) == 23
    assert [name for name in ORDERS if noticing(name) or webnn_tests.notices_fault(FAULTS[name])] == []


@pytest.mark.parametrize(
    ("fault", "tests"),
    [
        ("reads_the_sequence_backwards", DIRECTED),
        ("drops_the_bias", {"test_lstm_with_initial_bias"}),
        ("outputs_the_state_before_the_step", {"test_lstm_batchwise"}),  # the only one that asks for Y
        ("ignores_the_last_input", {case.name for case in list_used()}),
    ],
)
def test_a_fault_is_noticed_by_the_onnx_tests_that_can_see_it(fault: str, tests: set[str]) -> None:
    assert noticing(fault) == tests


# ---------------------------------------------------------------- WebNN


@pytest.mark.parametrize("case", webnn_tests.CASES, ids=lambda case: case.name)
def test_a_right_lstm_with_relu_passes_the_webnn_tests_and_one_with_tanh_does_not(case: Case) -> None:
    assert webnn_tests.is_passed(webnn_tests.build_with_relu(None), case)
    assert not webnn_tests.is_passed(BACKEND, case)


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        ("drops_the_bias", True),
        ("reads_the_sequence_backwards", True),
        ("uses_a_hard_sigmoid_of_slope_one_fifth", False),  # no test computes σ
        ("rectifies_the_candidate", False),  # that is what the tests ask for
    ],
)
def test_a_fault_is_noticed_by_the_webnn_tests_if_they_run_it(fault: str, noticed: bool) -> None:
    assert webnn_tests.notices_fault(FAULTS[fault]) == noticed


@pytest.mark.parametrize(("ulps", "near"), [(1, True), (-1, True), (2, False), (np.nan, False)])
def test_the_tolerance_of_webnn_is_one_ulp(ulps: float, near: bool) -> None:
    case = webnn_tests.CASES[0]
    bits = case.expected["Y_c"].view(np.int32)
    moved = np.full_like(case.expected["Y_c"], np.nan) if np.isnan(ulps) else (bits + int(ulps)).view(np.float32)
    wanted = case._replace(expected={**case.expected, "Y_c": moved})
    assert webnn_tests.is_passed(webnn_tests.build_with_relu(None), wanted) == near


# ---------------------------------------------------------------- KernelBench and torch


@needs_torch
@pytest.mark.parametrize("D", [1, 2])
def test_the_layers_of_a_stack_are_run_as_torch_runs_them(D: int) -> None:
    from benchmarks.other_suites.torch_checks import TORCH as module

    given = kernelbench.draw_weights(np.random.default_rng(0), 3, D, 7, 2, 3, 4, "randn")
    y, state = kernelbench.run_layers(BACKEND, given)
    directions = ("forward", "reverse")[:D]
    expected = module.forward(Problem(given.rows, given.x, given.state, directions=directions))  # type: ignore[arg-type]
    for found, wanted in zip((y, *state), (expected.y, *expected.state), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_right_lstm_passes_the_cell_states_of_kernelbench_and_a_wrong_one_does_not() -> None:
    cells = kernelbench.OTHERS[0]
    assert cells.number == 37 and kernelbench.is_passed(RIGHT, cells)
    assert not kernelbench.is_passed(FAULTS["drops_the_bias"].backend(), cells)


def test_a_fault_that_writes_into_its_inputs_spoils_no_later_comparison() -> None:
    cells, writing = kernelbench.OTHERS[0], FAULTS["writes_where_it_may_only_read"].backend()
    kernelbench.is_passed(writing, cells)
    onnx_tests.notices_fault(writing)
    assert kernelbench.is_passed(RIGHT, cells)
    assert all(onnx_tests.is_passed(RIGHT, case) for case in list_used())


@needs_torch
def test_assert_close_and_gradcheck_accept_right_lstms_and_each_notices_faults() -> None:
    from benchmarks.other_suites import torch_checks

    for right in (RIGHT, BACKEND):
        assert torch_checks.is_close(right) and torch_checks.has_close_gradients(right)
    assert torch_checks.passes_gradcheck(RIGHT)
    forward, backward = (FAULTS[name].backend() for name in ("drops_the_bias", "takes_the_slope_of_sigmoid_as_itself"))
    assert not torch_checks.is_close(forward) and torch_checks.is_close(backward)
    assert not torch_checks.has_close_gradients(backward)
    assert torch_checks.passes_gradcheck(forward) and not torch_checks.passes_gradcheck(backward)


# ---------------------------------------------------------------- the table


def test_every_fault_that_is_named_is_in_the_catalogue() -> None:
    assert {*CONTRACT, *ONLY_AT_FLOAT64, *CHOSEN} <= set(FAULTS)
    assert {FAULTS[name].kind for name in FORWARD} == {"forward", "contract"}
    assert {FAULTS[name].kind for name in BACKWARD} == {"gradient", "contract"}


def test_the_table_says_who_noticed_and_sums_it_up(tmp_path: Path) -> None:
    written, page = tmp_path / "found.json", tmp_path / "page.md"
    page.write_text(f"before\n\n{FIRST}\n\n| an old row |\n|---|\n\nafter\n", encoding="utf-8")
    faults = ("swaps_input_and_forget_gates", "does_not_squash_the_candidate")
    judges = ("--by", "ONNX node tests", "--by", "quick")
    result = CliRunner().invoke(main, [*faults, *judges, "--each", "--json", str(written), "--page", str(page)])
    assert result.exit_code == 0, result.output
    assert f"{faults[0]}: not noticed by ONNX node tests\n{faults[1]}: noticed by all\n" in result.output
    rows = ["| gate order (1) | 0 | 1 |", "| cell (1) | 1 | 1 |", "| all of the forward pass (2) | 1 | 2 |"]
    assert all(row in result.output.splitlines() for row in rows)
    found = json.loads(written.read_text(encoding="utf-8"))
    assert found[faults[0]] == {"ONNX node tests": False, "quick": True}
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n\n{FIRST}\n\n| family |") and text.endswith(f"{rows[-1]}\n\nafter\n")


def test_a_page_without_the_table_and_a_fault_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="holds no table"):
        replace_table("# README\n", FIRST)
    result = CliRunner().invoke(main, ["ignores_the_lengths"])
    assert result.exit_code == 2
    assert "'ignores_the_lengths' is no fault that one layer in float32 can show" in result.output


def test_the_readme_counts_these_faults_and_its_quick_columns_are_what_the_tests_notice() -> None:
    judges = ("ONNX node tests", "WebNN")
    fresh = write_table([try_fault(name, judges) for name in CHOSEN]).splitlines()[4:]
    shown = re.findall(r"^\| .*\(\d+\) \|.*$", README[README.index(FIRST) :], re.MULTILINE)
    columns = [[cell.strip() for cell in row.strip("|").split("|")] for row in shown]
    assert [f"| {' | '.join(row[:3])} |" for row in columns] == fresh


@pytest.mark.soak
def test_the_whole_table_of_the_readme_is_what_the_command_prints() -> None:
    found = [try_fault(name) for name in CHOSEN]
    assert write_table(found) in README
    assert list(group_found(found))[-1] == "all of the gradients"
