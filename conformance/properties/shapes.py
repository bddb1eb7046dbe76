"""Shapes, dtypes and strides: what comes back has the form of what was asked."""

from conformance.assertions.comparison import assert_same
from conformance.assertions.shapes import (
    assert_answer_shaped,
    assert_gradients_shaped,
    assert_nothing_done,
    assert_state_kept,
)
from conformance.problems.derived import of_few_sizes
from conformance.problems.question import Question
from conformance.problems.recipes import problems, questions
from conformance.problems.sizes import QUICK
from conformance.property import verifies
from lstm_spec import Backend, Feature, Problem

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


@verifies("SHAPE-4", "SHAPE-3", on=of_few_sizes(questions(ONES), QUICK[:1]), needs=(Feature.GRADIENTS,))
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
