"""The LSTM tests of the Web Platform Tests for WebNN, from their published numbers.

Their files webnn/conformance_tests/lstm.https.any.js and lstm_cell.https.any.js hold 17 tests: 2 questions, asked with
and without options that change nothing. The tolerance is 1 ULP at float32. All activations are relu, so a fault gets
relu as well; what it does to σ and tanh themselves is not run.
"""

from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from benchmarks.other_suites.onnx_tests import Case, run_operator
from conformance.faults.fault import Fault
from conformance.faults.lstm import build_backend
from conformance.faults.parts import RIGHT_PARTS, Parts, open_by, squash_candidate_by, squash_cell_by
from conformance.faults.primitives import Value
from lstm_spec import Array, Backend

ULPS = 1
H0, C0, H1, C1 = (
    [[1, 8], [27, 216]],
    [[1, 4], [9, 36]],
    [[10.469000816345215, 58.02900695800781], [74.52900695800781, 518.948974609375]],
    [[5.510000228881836, 20.01000213623047], [19.110000610351564, 75.20999908447266]],
)


def relu(z: Value) -> Value:
    """The only activation of these tests."""
    return anp.maximum(z, 0)


RELU = replace(RIGHT_PARTS, open_gate=open_by(relu), candidate=squash_candidate_by(relu), squash=squash_cell_by(relu))


def _make_case(name: str, direction: bytes, x: list[list[list[int]]], **expected: object) -> Case:
    """A test as an ONNX operator would put it, which has the same layout; two biases of 1, 2, 1, 2…"""
    inputs = {
        "X": np.array(x, np.float32),
        "W": np.array([[[1, -1], [2, -2]] * 4], np.float32),
        "R": np.full((1, 8, 2), 0.1, np.float32),
        "B": np.array([[1, 2] * 8], np.float32),
    }
    wanted = {key: np.array(value, np.float32) for key, value in expected.items()}
    return Case(name, inputs, {"direction": direction}, wanted, 0.0, 0.0)


ONE = _make_case("one step", b"forward", [[[1, 2], [2, 1]]], Y=[[H0]], Y_h=[H0], Y_c=[C0])
TWO = [[[1, 2], [2, 1]], [[3, 4], [1, 2]]]
CASES = (ONE, _make_case("two steps backward", b"reverse", TWO, Y=[[H1], [[[1, 8], [1, 8]]]], Y_h=[H1], Y_c=[C1]))


def build_with_relu(fault: Fault | None) -> Backend:
    """The LSTM that these tests would run: with the fault, and relu for every activation."""
    if fault is None:
        return build_backend("right, with relu", RELU, networks=False)
    changed = fault.change(RELU) if fault.kind == "forward" else RELU
    return fault.wrap(build_backend(fault.name, _restore_relu(fault, changed), networks=False))


def _restore_relu(fault: Fault, parts: Parts) -> Parts:
    """A fault of an activation function is not run if that function is not."""
    if fault.family != "activation":
        return parts
    return replace(parts, open_gate=RELU.open_gate, candidate=RELU.candidate, squash=RELU.squash)


def is_passed(backend: Backend, case: Case) -> bool:
    """Whether every output is within the published tolerance."""
    try:
        with np.errstate(all="ignore"):
            given = run_operator(backend, case)
    except ValueError:  # arrays of wrong shape cannot be put together
        return False
    return all(_is_near(given[name], wanted) for name, wanted in case.expected.items())


def _is_near(found: Array, wanted: Array) -> bool:
    """Whether each float32 is at most so many representable numbers away."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape or not np.isfinite(found).all():
        return False
    bits = (np.ascontiguousarray(a).view(np.int32).astype(np.int64) for a in (found, wanted))
    ordered = [np.where(b < 0, -(b & 0x7FFFFFFF), b) for b in bits]
    return bool((np.abs(ordered[0] - ordered[1]) <= ULPS).all())


def notices_fault(fault: Fault) -> bool:
    """Whether one of the tests fails."""
    backend = build_with_relu(fault)
    return any(not is_passed(backend, case) for case in CASES)
