"""The comparison with the LSTM tests of ONNX is fair, and says what it found."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx.backend.test.case.node.lstm import LSTMHelper

from backends.numpy.backend import BACKEND
from benchmarks.other_suites import CHOSEN, CONTRACT, ONLY_AT_FLOAT64, PROFILES, Case, cases, main, passes, used
from conformance.faults.catalogue import FAULTS
from conformance.faults.lstm import build_backend
from lstm_spec import REFERENCE, Backend

DIRECTED = {"test_lstm_reverse", "test_lstm_bidirectional"}
RIGHT = build_backend("right", networks=False)
ORDERS = [name for name in CHOSEN if FAULTS[name].family == "gate order"]


def noticing(name: str) -> set[str]:
    faulty = FAULTS[name].backend()
    return {case.name for case in used() if not passes(faulty, case)}


@pytest.mark.parametrize("right", [REFERENCE, BACKEND, RIGHT], ids=lambda right: right.name)
@pytest.mark.parametrize("case", used(), ids=lambda case: case.name)
def test_a_right_lstm_passes_every_onnx_test_that_is_used(right: Backend, case: Case) -> None:
    assert passes(right, case)


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_the_operator_around_a_right_lstm_is_that_of_onnx_where_gates_differ_too(direction: str, layout: int) -> None:
    D = 1 + (direction == "bidirectional")
    shapes = {"X": (4, 2, 3), "W": (D, 20, 3), "R": (D, 20, 5), "B": (D, 40)}
    rng = np.random.default_rng(1)
    inputs = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    Y, Y_h, Y_c = LSTMHelper(**inputs, direction=direction, layout=layout).step()
    attributes = {"direction": direction.encode(), "layout": layout}
    assert passes(BACKEND, Case("drawn", inputs, attributes, {"Y": Y, "Y_h": Y_h, "Y_c": Y_c}, 1e-3, 1e-6))


def test_only_the_peepholes_are_left_out() -> None:
    assert {case.name for case in cases()} - {case.name for case in used()} == {"test_lstm_with_peepholes"}


def test_the_tolerances_are_those_of_onnx() -> None:
    assert {(case.rtol, case.atol) for case in used()} == {(1e-3, 1e-7)}


@pytest.mark.parametrize("case", used(), ids=lambda case: case.name)
def test_in_the_onnx_tests_all_gates_are_equal(case: Case) -> None:
    for letter in {"W", "R"} & set(case.inputs):
        i, *others = np.split(case.inputs[letter], 4, axis=1)
        assert all(np.array_equal(i, other) for other in others)


def test_no_wrong_gate_order_is_noticed_by_the_onnx_tests() -> None:
    assert len(ORDERS) == 23
    assert [name for name in ORDERS if noticing(name)] == []


@pytest.mark.parametrize(
    ("fault", "tests"),
    [
        ("reads_the_sequence_backwards", DIRECTED),
        ("drops_the_bias", {"test_lstm_with_initial_bias"}),
        ("outputs_the_state_before_the_step", {"test_lstm_batchwise"}),  # the only one that asks for Y
        ("ignores_the_last_input", {case.name for case in used()}),
    ],
)
def test_a_fault_is_noticed_by_the_onnx_tests_that_can_see_it(fault: str, tests: set[str]) -> None:
    assert noticing(fault) == tests


def test_every_fault_that_is_named_is_in_the_catalogue() -> None:
    assert {*CONTRACT, *ONLY_AT_FLOAT64} <= set(FAULTS)
    assert {FAULTS[name].kind for name in CHOSEN} == {"forward", "contract"}


def test_the_table_says_who_noticed_and_sums_it_up(tmp_path: Path) -> None:
    written = tmp_path / "found.json"
    faults = ("swaps_input_and_forget_gates", "does_not_squash_the_candidate")
    result = CliRunner().invoke(main, [*faults, "--profile", "quick", "--json", str(written)])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines()]
    assert ["gate", "order", faults[0], "no", "yes"] in rows
    assert ["cell", faults[1], "yes", "yes"] in rows
    assert ["all", "mean", "over", "families", "50%", "100%"] in rows
    assert ["all", "raw", "1/2", "2/2"] in rows
    found = json.loads(written.read_text(encoding="utf-8"))
    assert found["raw"] == {"ONNX": {"noticed": 1, "of": 2}, "quick": {"noticed": 2, "of": 2}}
    assert found["faults"][faults[0]]["cases"] == []


def test_a_fault_that_cannot_be_compared_is_refused() -> None:
    result = CliRunner().invoke(main, ["clips_the_gradient", "--profile", PROFILES[0]])
    assert result.exit_code == 2
    assert "'clips_the_gradient' is no fault that a forward pass in float32 can show" in result.output
