"""Shapes, dtypes and strides: what comes back has the form of what was asked."""

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.assertions.backward import free_gradients, name_parts
from conformance.assertions.comparison import Comparison, assert_same, assert_within
from conformance.assertions.forward import assert_answers_agree
from conformance.assertions.shapes import (
    assert_answer_shaped,
    assert_gradients_shaped,
    assert_nothing_done,
    assert_state_kept,
)
from conformance.problems.question import Question, with_gates
from conformance.problems.recipes import problems, questions, tame_problems, tame_questions, with_seed
from conformance.property import verifies
from lstm_spec import Backend, Cotangents, Feature, Gate, Problem, State
from lstm_spec.types import Array

ONES = problems(T=(1, 1, 1, 3), B=(1, 1, 1, 3), I=(1, 1, 1, 4), H=(1, 1, 1, 5))


@verifies("SHAPE-1", "SHAPE-2", on=problems())
def every_output_has_its_shape_and_the_dtype_of_the_problem(backend: Backend, problem: Problem) -> None:
    assert_answer_shaped(backend.forward(problem), problem)


@verifies("SHAPE-3", "SHAPE-2", on=questions(problems()), needs=(Feature.GRADIENTS,))
def every_gradient_has_the_shape_and_dtype_of_what_it_belongs_to(backend: Backend, question: Question) -> None:
    answer, gradients = backend.differentiate(*question)
    assert_answer_shaped(answer, question.problem)
    assert_gradients_shaped(gradients, question.problem)


@verifies("SHAPE-4", "SHAPE-1", on=ONES)
def one_step_one_sample_one_input_or_one_unit_is_enough(backend: Backend, problem: Problem) -> None:
    assert_answer_shaped(backend.forward(problem), problem)


@verifies("SHAPE-4", "SHAPE-3", on=questions(ONES), needs=(Feature.GRADIENTS,))
def one_of_anything_is_enough_for_its_gradient(backend: Backend, question: Question) -> None:
    _, gradients = backend.differentiate(*question)
    assert_gradients_shaped(gradients, question.problem)


@verifies("SHAPE-5", on=problems(T=0), needs=(Feature.EMPTY_SEQUENCE,))
def an_empty_sequence_leaves_the_state_as_it_was(backend: Backend, problem: Problem) -> None:
    assert_state_kept(backend.forward(problem), problem)


@verifies("SHAPE-5", on=questions(problems(T=0)), needs=(Feature.EMPTY_SEQUENCE, Feature.GRADIENTS))
def an_empty_sequence_hands_its_cotangents_on(backend: Backend, question: Question) -> None:
    _, gradients = backend.differentiate(*question)
    assert_nothing_done(gradients, question.problem, question.d.state)


@verifies("SHAPE-6", on=problems(B=0), needs=(Feature.EMPTY_BATCH,))
def an_empty_batch_has_an_empty_answer(backend: Backend, problem: Problem) -> None:
    assert_state_kept(backend.forward(problem), problem)


@verifies("SHAPE-6", on=questions(problems(B=0)), needs=(Feature.EMPTY_BATCH, Feature.GRADIENTS))
def an_empty_batch_has_zero_parameter_gradients(backend: Backend, question: Question) -> None:
    _, gradients = backend.differentiate(*question)
    assert_nothing_done(gradients, question.problem, question.d.state)


@verifies("SEQ-3", on=problems())
def the_final_hidden_state_is_the_last_output(backend: Backend, problem: Problem) -> None:
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    assert_same("the final h", answer.state.h[0], answer.y[-1], ("batch", "unit"))


@verifies("CONTRACT-4", on=with_seed(tame_problems()))
def inputs_of_odd_strides_are_read_as_they_are(backend: Backend, drawn: tuple[Problem, int]) -> None:
    problem, seed = drawn
    strided = _map_arrays(problem, lambda a, k: _restride(a, (seed + k) % 4))
    straight, odd = backend.forward(problem), backend.forward(strided)
    assert_answers_agree(backend, (problem, straight), (problem, odd))


@verifies("CONTRACT-4", on=with_seed(tame_questions()), needs=(Feature.GRADIENTS,))
def a_gradient_reads_inputs_of_odd_strides_as_they_are(backend: Backend, drawn: tuple[Question, int]) -> None:
    (problem, d), seed = drawn
    strided = _map_arrays(problem, lambda a, k: _restride(a, (seed + k) % 4))
    loss = Cotangents(_restride(d.y, seed % 4), State(*(_restride(a, (seed + 1) % 4) for a in d.state)))
    _, straight = backend.differentiate(problem, d)
    _, odd = backend.differentiate(strided, loss)
    assert_gradients_shaped(straight, problem)
    assert_gradients_shaped(odd, problem)
    expected = free_gradients(backend, problem, d)
    for one, two in zip(name_parts(straight, expected).values(), name_parts(odd, expected).values(), strict=True):
        assert_within(Comparison(one.quantity, one.axes, two.got, one.got, 2 * one.expected.error))


@verifies("CONTRACT-4", on=tame_problems())
def it_does_not_matter_whether_inputs_may_be_written(backend: Backend, problem: Problem) -> None:
    writable = _map_arrays(problem, lambda a, k: a.copy())
    assert_answers_agree(backend, (problem, backend.forward(problem)), (problem, backend.forward(writable)))


def _map_arrays(problem: Problem, change: Any) -> Problem:
    def gate_changed(letter: str, gate: Gate) -> Gate:
        k = "ifgo".index(letter)
        return Gate(change(gate.W, k), change(gate.U, k + 1), change(gate.b, k + 2))

    state = State(change(problem.state.h, 3), change(problem.state.c, 0))
    return replace(with_gates(problem, gate_changed), x=change(problem.x, 1), state=state)


def _restride(a: Array, way: int) -> Array:
    """The same numbers: spread out among NaN, reversed in memory, column-major, or as they are."""
    spread = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan, a.dtype)
    spread[..., ::2] = a
    ways = (spread[..., ::2], a[..., ::-1].copy()[..., ::-1], np.asfortranarray(a), a)
    ways[way].flags.writeable = False
    return ways[way]
