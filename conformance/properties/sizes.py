"""Sizes: every one is read alike, and several large ones together, forward and backward."""

from conformance.assertions.forward import assert_conforms
from conformance.assertions.probes import assert_all_conform
from conformance.problems.covering import every_row, list_plain_rows, list_seen_rows
from conformance.problems.question import Question
from conformance.problems.recipes import large_problems, questions
from conformance.property import verifies
from lstm_spec import Backend, Feature, Problem

CELL = ("CELL-1", "CELL-2", "CELL-3", "CELL-4", "CELL-5", "CELL-6")
NEEDS = (Feature.GRADIENTS,)
DENSE = {"dy": "dense", "dh": "dense", "dc": "dense"}


@verifies(*CELL, "SEQ-1", "SEQ-2", "SEQ-4", "NET-1", "NET-2", on=every_row(list_plain_rows), exhaustive=True)
def sizes_of_every_kind_are_read_alike(backend: Backend, problem: Problem) -> None:
    assert_conforms(backend, backend.forward(problem), problem)


@verifies(*CELL, "NET-1", "NET-2", on=large_problems())
def large_sizes_are_read_as_small_ones_are(backend: Backend, problem: Problem) -> None:
    assert_conforms(backend, backend.forward(problem), problem)


@verifies("GRAD-2", "GRAD-3", "GRAD-4", "GRAD-5", on=every_row(list_seen_rows, loss=True), needs=NEEDS, exhaustive=True)
def sizes_of_every_kind_have_their_gradients(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question)


@verifies("GRAD-2", "GRAD-4", "GRAD-5", on=questions(large_problems(), **DENSE), needs=NEEDS, long=True)
def large_sizes_have_the_gradients_that_small_ones_have(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question)
