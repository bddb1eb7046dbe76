"""Every bit, stride and permission survives the way to the child and back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.faults.catalogue import FAULTS
from conformance.outcome import Outcome
from conformance.targets.border import guard_backend
from conformance.targets.wire import pack_tensors, unpack_tensors
from lstm_spec import Backend, Problem, State
from lstm_spec.types import Array
from tests.helpers import fragile
from tests.helpers.isolation import (
    SHORT,
    alone,
    bits,
    odd_problems,
    random_bits,
    report_of,
    strided,
    whole,
)

DTYPES = ["float64", "float32", "float16", "bfloat16", "longdouble", "int8", "int64", "bool", ">f4", "complex64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 2, 5), (0, 2, 5), (2, 0, 1), (), (1,)])
def test_every_bit_survives_there_and_back(echo: Backend, dtype: str, shape: tuple[int, ...]) -> None:
    x = random_bits(np.dtype(dtype), shape)
    answer = echo.forward(replace(SHORT, x=x, state=State(x[..., ::-1] if x.ndim else x, np.asarray(x, order="F"))))
    assert bits(answer.y) == bits(x)
    assert bits(answer.state.h) == bits(x[..., ::-1] if x.ndim else x)
    assert bits(answer.state.c) == bits(x)


@pytest.fixture(scope="module")
def echo() -> Any:
    with alone("echoes") as it:
        yield it.backend


@pytest.fixture(scope="module")
def tells_layouts() -> Any:
    with alone("tells_layouts") as it:
        yield it.backend


@pytest.fixture(scope="module")
def tells_all() -> Any:
    with alone("tells_all") as it:
        yield it.backend


@pytest.mark.parametrize(
    ("dtype", "payloads"),
    [
        ("float16", np.array([0x7C01, 0xFE2A, 0x7FFF, 1], np.uint16)),
        ("bfloat16", np.array([0x7F81, 0xFFAA, 0x7FFF, 1], np.uint16)),
        ("float32", np.array([0x7F800001, 0xFFC0BEEF, 1], np.uint32)),
        ("float64", np.array([0x7FF0000000000001, 0xFFF8DEADBEEF0000, 1], np.uint64)),
    ],
)
def test_the_payload_of_a_nan_survives(echo: Backend, dtype: str, payloads: Array) -> None:
    nan = payloads.view(dtype)
    answer = echo.forward(replace(SHORT, x=nan, state=State(nan[::-1], nan[::2])))
    for got, sent in ((answer.y, nan), (answer.state.h, nan[::-1]), (answer.state.c, nan[::2])):
        assert got.dtype == sent.dtype and got.tobytes() == sent.tobytes()


def test_a_large_question_and_a_large_answer_arrive(echo: Backend) -> None:
    x = np.random.default_rng(0).standard_normal((600, 33, 129))
    assert np.array_equal(echo.forward(replace(SHORT, x=x)).y, x)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int16"])
@pytest.mark.parametrize("way", range(8))
def test_strides_memory_and_permission_to_write_are_those_of_this_process(
    tells_layouts: Backend, dtype: str, way: int
) -> None:
    numbers = (np.arange(24).reshape(3, 2, 4) + 1).astype(dtype)
    problem = replace(SHORT, x=strided(numbers)[way], state=State(*(strided(numbers[:1])[way] for _ in "hc")))
    assert whole(tells_layouts.forward, problem) == whole(guard_backend(fragile.tells_layouts).forward, problem)


def test_strides_that_split_numbers_are_kept() -> None:
    fields = np.zeros((3, 4), [("odd", "i1"), ("number", "f4")])
    fields["number"] = np.arange(12).reshape(3, 4)
    a = fields["number"][::-1]
    found = unpack_tensors(pack_tensors({"a": a}, {}))[0]["a"]
    assert found.strides == a.strides == (-20, 5) and np.array_equal(found, a)


def test_memory_read_in_a_row_is_refuted_alike() -> None:
    here = report_of(FAULTS["reads_memory_in_a_row"].backend(), "CONTRACT-4")
    with alone("fault:reads_memory_in_a_row") as it:
        assert report_of(it.backend, "CONTRACT-4") == here
    assert [outcome for _, outcome, _ in here].count(Outcome.REFUTED) == 1


@pytest.mark.parametrize("problem", odd_problems(), ids=range(11))
def test_whatever_a_problem_is_made_of_arrives(tells_all: Backend, problem: Problem) -> None:
    assert whole(tells_all.forward, problem) == whole(guard_backend(fragile.tells_all).forward, problem)
