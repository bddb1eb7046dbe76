"""The LSTM tests of ONNX: the node tests in the onnx wheel, compared by its own runner at its own tolerances.

Directions and the layout are arranged around the cell, as an operator that calls it would. The test with peepholes is
left out, for the standard cell has none.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.runner import Runner

from conformance.problems.question import change_arrays
from lstm_spec import Answer, Array, Backend, Packed, Problem, State, unpack

ORDER = "iofg"  # ONNX writes iofc
EXPRESSIBLE = {"X", "W", "R", "B", "hidden_size", "direction", "layout"}


class Case(NamedTuple):
    """One node test, its arrays by ONNX's names."""

    name: str
    inputs: dict[str, Array]  # X (T, B, I), W (D, 4H, I), R (D, 4H, H), B (D, 8H)
    attributes: dict[str, Any]
    expected: dict[str, Array]  # some of Y (T, D, B, H), Y_h (D, B, H), Y_c (D, B, H)
    rtol: float
    atol: float

    @property
    def expressible(self) -> bool:
        return {*self.inputs, *self.attributes} <= EXPRESSIBLE

    @property
    def batch_first(self) -> bool:
        return self.attributes.get("layout", 0) == 1


@cache
def list_cases() -> tuple[Case, ...]:
    """Every LSTM test of the wheel, also those that cannot be expressed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those tests of other operators that overflow are made on the way
        found = [test for test in collect_testcases("LSTM") if _operator(test) == "LSTM"]
    return tuple(_case(test) for test in found)


def _operator(test: Any) -> str:
    return test.model.graph.node[0].op_type


def _case(test: Any) -> Case:
    node = test.model.graph.node[0]
    [(inputs, outputs)] = test.data_sets
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return Case(test.name, _named(node.input, inputs), attributes, _named(node.output, outputs), test.rtol, test.atol)


def _named(names: Sequence[str], arrays: Sequence[Array]) -> dict[str, Array]:
    return dict(zip(filter(None, names), arrays, strict=True))


def list_used() -> tuple[Case, ...]:
    """The tests that can be expressed."""
    return tuple(case for case in list_cases() if case.expressible)


def run_operator(backend: Backend, case: Case) -> dict[str, Array]:
    """What ONNX's operator would give if the backend computed each direction of it."""
    answers = [_answer(backend, case, d, reverse) for d, reverse in enumerate(_reversed(case))]
    y = np.stack([answer.y for answer in answers], axis=1)
    h, c = (np.concatenate(arrays) for arrays in zip(*(answer.state for answer in answers), strict=True))
    if case.batch_first:
        y, h, c = np.transpose(y, (2, 0, 1, 3)), np.swapaxes(h, 0, 1), np.swapaxes(c, 0, 1)
    return {"Y": y, "Y_h": h, "Y_c": c}


def _reversed(case: Case) -> tuple[bool, ...]:
    ways = {b"forward": (False,), b"reverse": (True,), b"bidirectional": (False, True)}
    return ways[case.attributes.get("direction", b"forward")]


def _answer(backend: Backend, case: Case, d: int, reverse: bool) -> Answer:
    problem = _problem(case, d)
    if not reverse:
        return backend.forward(problem)
    answer = backend.forward(replace(problem, x=problem.x[::-1].copy()))
    return replace(answer, y=answer.y[::-1])


def _problem(case: Case, d: int) -> Problem:
    x, W, U = case.inputs["X"], case.inputs["W"][d], case.inputs["R"][d]
    x = np.array(np.swapaxes(x, 0, 1) if case.batch_first else x, order="C")
    H = U.shape[1]
    b = case.inputs["B"][d].reshape(2, 4 * H).sum(axis=0) if "B" in case.inputs else np.zeros(4 * H, x.dtype)
    zeros = np.zeros((1, x.shape[1], H), x.dtype)
    problem = Problem(((unpack(Packed(W, U, b), ORDER),),), x, State(zeros, zeros.copy()))
    return change_arrays(problem, np.copy)  # a fault may write into what it is given


def is_passed(backend: Backend, case: Case) -> bool:
    """Whether ONNX's runner accepts the outputs."""
    try:
        with np.errstate(all="ignore"):
            given = run_operator(backend, case)
            wanted = list(case.expected.values())
            Runner.assert_similar_outputs(wanted, [given[name] for name in case.expected], case.rtol, case.atol)
    except (AssertionError, ValueError):  # ValueError: arrays of wrong shape cannot be put together
        return False
    return True


def notices_fault(backend: Backend) -> bool:
    """Whether one of the tests fails."""
    return any(not is_passed(backend, case) for case in list_used())
