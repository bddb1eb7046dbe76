"""Sequences that end early: nothing beyond a length influences anything, or is anything but zero."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.forward import assert_conforms
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.assertions.order import mark_valid_steps
from conformance.assertions.refusals import ask_for_refusal, assert_all_refused
from conformance.problems.build import poison_padding
from conformance.problems.derived import first_that_fits, with_seed
from conformance.problems.form import ANYTHING
from conformance.problems.question import Question
from conformance.problems.recipes import networks, questions
from conformance.property import verifies_beyond_core
from lstm_spec import Backend, Feature, Problem
from lstm_spec.types import Array

NEEDS = (Feature.LENGTHS,)
EMPTY = (Feature.LENGTHS, Feature.ZERO_LENGTHS)
GRADIENTS = (Feature.LENGTHS, Feature.GRADIENTS)
ANY = networks(lengths=("any", "short", "any", "full", "zeros"))
UNEQUAL = networks(lengths=("any", "short", "zeros"), T=(2, 3, 4, 5, 9), B=(2, 2, 3, 4), several="TB")
GIVEN = networks(**{**ANYTHING, "lengths": "any"}, T=(1, 2, 3), H=(1, 2, 3, 5, 8))
PADDED = first_that_fits(
    networks(**{**ANYTHING, "lengths": ("any", "short", "zeros")}, T=(2, 3, 4, 5, 9), several="T"),
    networks(**{**ANYTHING, "lengths": "zeros"}, T=1),
)


@verifies_beyond_core("LEN-1", "LEN-2", "LEN-3", "LEN-4", on=ANY, needs=NEEDS)
def sequences_of_any_lengths_are_read_to_their_ends(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("LEN-1", "LEN-3", "DIR-1", on=with_seed(PADDED), needs=NEEDS)
def nan_and_infinity_beyond_a_length_influence_nothing(backend: Backend, drawn: tuple[Problem, int]) -> None:
    assert_network_conforms(backend, poison_padding(*drawn))


@verifies_beyond_core("LEN-3", "LEN-1", on=networks(lengths=("nothing", "zeros")), needs=EMPTY)
def a_sequence_of_length_0_keeps_its_initial_state(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("LEN-3", "SHAPE-5", on=networks(lengths="nothing", T=0), needs=(*EMPTY, Feature.EMPTY_SEQUENCE))
def lengths_may_be_given_where_there_are_no_steps(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("LEN-4", "NET-1", on=with_seed(UNEQUAL), needs=NEEDS)
def lengths_may_stand_in_any_order(backend: Backend, drawn: tuple[Problem, int]) -> None:
    """Ascending, descending and as drawn."""
    problem, seed = drawn
    assert problem.lengths is not None
    ascending = np.sort(problem.lengths)
    order = (ascending, ascending[::-1], np.random.default_rng(seed).permutation(ascending))[seed % 3]
    assert_network_conforms(backend, replace(problem, lengths=frozen(order.copy())))


@verifies_beyond_core("LEN-5", "LEN-6", on=questions(ANY), needs=GRADIENTS)
def the_gradient_stops_where_a_sequence_ends(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("LEN-5", "LEN-1", "DIR-1", on=with_seed(questions(PADDED)), needs=GRADIENTS)
def no_gradient_comes_from_beyond_a_length(backend: Backend, drawn: tuple[Question, int]) -> None:
    """With NaN and infinity in the inputs there, and in the cotangents of the outputs."""
    (problem, d), seed = drawn
    dy = np.where(mark_valid_steps(problem), d.y, np.asarray(np.nan, d.y.dtype))
    assert_network_gradients_conform(backend, poison_padding(problem, seed), replace(d, y=frozen(dy)))


@verifies_beyond_core(
    "LEN-6",
    on=questions(networks(lengths=("nothing", "zeros"), T=(1, 2, 3)), dh="dense", dc="dense"),
    needs=(*EMPTY, Feature.GRADIENTS),
)
def the_final_state_of_length_0_hands_its_gradient_to_the_initial_one(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


Malform = Callable[[Array, int, int], Array]  # the lengths, T, and which of them is changed
MALFORMED: dict[str, Malform] = {
    "one length too few": lambda lengths, T, b: np.delete(lengths, b),
    "one length too many": lambda lengths, T, b: np.append(lengths, lengths[b]),
    "a length of -1": lambda lengths, T, b: replace_length(lengths, b, -1),
    "a length above T": lambda lengths, T, b: replace_length(lengths, b, T + 1),
    "a length far above T": lambda lengths, T, b: replace_length(lengths, b, 2**40),
    "a length that is not whole": lambda lengths, T, b: replace_length(lengths.astype(np.float64), b, lengths[b] - 0.5),
    "a length that is no number": lambda lengths, T, b: replace_length(lengths.astype(np.float64), b, np.nan),
}


def malform_lengths(question: Question, seed: int) -> Iterator[tuple[str, Question]]:
    """The question with lengths that do not fit, in every way; and in which."""
    T, B, _, _ = question.problem.sizes
    assert question.problem.lengths is not None
    for what, malform in MALFORMED.items():
        lengths = frozen(malform(question.problem.lengths, T, seed % B))
        named = f"{what}, lengths {lengths.tolist()} of {B} x {T} steps,"
        yield named, question._replace(problem=replace(question.problem, lengths=lengths))


def replace_length(lengths: Array, b: int, length: float) -> Array:
    """The lengths with another one for sample b."""
    return np.where(np.arange(len(lengths)) == b, np.asarray(length, lengths.dtype), lengths)


@verifies_beyond_core("LEN-7", on=with_seed(questions(GIVEN)), needs=NEEDS)
def lengths_that_do_not_fit_are_refused(backend: Backend, drawn: tuple[Question, int]) -> None:
    assert_all_refused(backend, malform_lengths(*drawn), differentiate=False)


@verifies_beyond_core("LEN-7", on=with_seed(questions(GIVEN)), needs=GRADIENTS)
def lengths_that_do_not_fit_get_no_gradients(backend: Backend, drawn: tuple[Question, int]) -> None:
    assert_all_refused(backend, malform_lengths(*drawn), differentiate=True)


@verifies_beyond_core("LEN-7", on=with_seed(networks(lengths="any")), needs=NEEDS)
def lengths_of_another_dtype_are_refused_or_read_as_they_are(backend: Backend, drawn: tuple[Problem, int]) -> None:
    problem, seed = drawn
    assert problem.lengths is not None
    dtype = (np.float64, np.int32, np.uint16, np.float32)[seed % 4]  # all hold T
    answer = ask_for_refusal(backend, replace(problem, lengths=frozen(problem.lengths.astype(dtype))))
    if answer:
        assert_conforms(backend, answer, problem)
