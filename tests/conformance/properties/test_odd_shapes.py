"""An answer of another shape or dtype is refuted, also where a property takes answers apart or compares them first."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Outcome
from conformance.property import find_property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from lstm_spec import Answer, Array, Problem

FEW = replace(PROFILES["quick"], examples=1, long_examples=1, beyond_core_examples=1)
PAIRS = np.dtype([("a", "f4"), ("b", "f4")])
ODD: dict[str, Callable[[Array], Array]] = {
    "a number": lambda y: np.array(1.0),
    "one axis": lambda y: y.ravel(),
    "all memory": lambda y: np.broadcast_to(np.float32(1), (10**6, 10**6)),
    "pairs of numbers": lambda y: np.zeros(y.shape, PAIRS),
    "dates": lambda y: np.zeros(y.shape, "M8[s]"),
}
TAKEN_APART = (
    "a_sequence_may_be_continued_from_the_state_it_left",
    "a_sequence_may_be_read_one_step_at_a_time",
    "halves_chained_and_the_whole_have_the_same_gradient",
    "a_layer_reads_what_the_one_below_returned",
)


@pytest.mark.parametrize("name", TAKEN_APART)
@pytest.mark.parametrize("what", ODD)
def test_an_answer_of_another_kind_is_refuted_and_no_error_of_the_suite(what: str, name: str) -> None:
    def answer(problem: Problem) -> Answer:
        found = NUMPY.forward(problem)
        y = ODD[what](found.y)
        return replace(found, y=y)

    verdict = judge_property(find_property(name), replace(NUMPY, forward=answer), "float32", FEW, shrink=False)
    assert verdict.outcome is Outcome.REFUTED and verdict.refutation is not None
    assert verdict.refutation.clause in ("SHAPE-1", "SHAPE-2")
