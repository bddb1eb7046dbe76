"""The NumPy backend takes its steps in chunks and lies in memory as it likes; neither may be seen."""

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from backends.numpy import backend as numpy_backend
from backends.numpy import backwards as numpy_backwards
from backends.numpy import layer as numpy_layer
from backends.numpy.memory import CHUNK, ROWS, Memory, chunks_of
from benchmarks.speed import memory
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import BOTH, Form
from lstm_spec import REFERENCE, Answer, Gradients, Problem

DRAWN = ("dense", "by-width", "by-width", "dense", "within-1", "dense")
FORMS = [
    Form(2, BOTH, lengths=lengths, kind=kind, projection=projection, clip=clip)
    for kind, lengths, projection, clip in product(
        ("standard", "peephole", "coupled", "no forget gate", "1997 simplified"),
        ("", "any", "zeros"),
        ("", "narrow"),
        (None, 0.75),
    )
]


def leaves(found: Any) -> list[np.ndarray]:
    """Every array of an answer or of gradients."""
    if isinstance(found, np.ndarray):
        return [found]
    parts = vars(found).values() if hasattr(found, "__dataclass_fields__") else found
    return [a for part in parts if part is not None for a in leaves(part)]


def built(B: int, number: int) -> Problem:
    return build_problem(np.dtype("float64"), FORMS[number], (7, B, 2, 4), DRAWN, number)


@cache
def by_the_reference(B: int, number: int) -> tuple[Answer, Gradients]:
    problem = built(B, number)
    return REFERENCE.differentiate(problem, build_loss(problem, ("dense",) * 3, number))


@pytest.mark.parametrize("steps", [1, 2, 3, 100])
@pytest.mark.parametrize("B", [1, 3])
@pytest.mark.parametrize("apart", [False, True], ids=["features together", "samples apart"])
def test_chunks_and_memory_cannot_be_seen(steps: int, B: int, apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def chunks(T: int, B: int, H: int, dtype: Any, rows: int = 0) -> list[slice]:
        return [slice(a, min(a + steps, T)) for a in range(0, T, steps)]

    for module in (numpy_layer, numpy_backwards):
        monkeypatch.setattr(module, "chunks_of", chunks)
    monkeypatch.setattr(numpy_layer, "memory_of", lambda B, H, dtype: Memory(B, apart or B == 1))
    for number, form in enumerate(FORMS):
        problem = built(B, number)
        d = build_loss(problem, ("dense",) * 3, number)
        right, gradients = by_the_reference(B, number)
        answer, found = numpy_backend.gradients(problem, d)
        for one, other in ((answer, right), (found, gradients), (numpy_backend.forward(problem), right)):
            for a, b in zip(leaves(one), leaves(other), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10, err_msg=f"{form}")


def test_long_sequences_are_taken_in_several_chunks() -> None:
    dtype = np.dtype("float32")
    chunks = chunks_of(10_000, 4, 32, dtype)
    assert len(chunks) > 1 and chunks[0].start == 0 and chunks[-1].stop == 10_000
    assert all(one.stop == other.start for one, other in zip(chunks, chunks[1:], strict=False))
    most = max(chunk.stop - chunk.start for chunk in chunks)
    assert most * 4 * 32 * dtype.itemsize <= CHUNK or most * 4 <= ROWS


def test_no_steps_are_no_chunks() -> None:
    assert chunks_of(0, 4, 32, np.dtype("float32")) == []


def test_an_answer_shares_no_memory_with_another() -> None:
    problem = build_problem(np.dtype("float32"), Form(), (5, 2, 3, 4), DRAWN, 0)
    d = build_loss(problem, ("dense",) * 3, 0)
    first = leaves(numpy_backend.gradients(problem, d))
    kept = [a.copy() for a in first]
    for a in leaves(numpy_backend.gradients(problem, d)):
        a[...] = 7
    assert all((a == b).all() for a, b in zip(first, kept, strict=True))
    assert all(a.base is None or a.base.size == a.size for a in first)


def test_a_long_sequence_needs_a_chunk_beside_its_answer_and_few_numbers_a_step_to_be_differentiated() -> None:
    needed = memory((10_000, 4, 16, 32))
    assert 0 < needed["forward"] < 0.5  # of T B H numbers: those of a chunk
    assert 6 < needed["forward + backward"] <= 12  # it keeps six
