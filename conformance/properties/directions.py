"""Directions: read from the end, and read both ways."""

from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.problems.form import BOTH, REVERSE
from conformance.problems.question import Question
from conformance.problems.recipes import networks, questions
from conformance.property import verifies_beyond_core
from lstm_spec import Backend, Feature, Problem

GRADIENTS = Feature.GRADIENTS
LENGTHS = ("", "any", "zeros")
REVERSED = networks(directions=REVERSE, lengths=LENGTHS)
TWO = networks(directions=BOTH, lengths=LENGTHS)


@verifies_beyond_core("DIR-1", "DIR-2", "DIR-3", on=REVERSED, needs=(Feature.REVERSE,))
def a_reverse_direction_reads_from_the_end(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("DIR-4", "DIR-2", "DIR-3", "DIR-1", on=TWO, needs=(Feature.BIDIRECTIONAL,))
def two_directions_read_side_by_side(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("DIR-4", on=networks(directions=BOTH, T=1), needs=(Feature.BIDIRECTIONAL,))
def two_directions_read_a_single_step(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("DIR-1", "DIR-2", on=questions(REVERSED), needs=(Feature.REVERSE, GRADIENTS))
def the_gradient_of_a_reverse_direction_goes_forward_in_time(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("DIR-4", "NET-5", on=questions(TWO), needs=(Feature.BIDIRECTIONAL, GRADIENTS))
def the_gradients_of_two_directions_meet_in_the_input(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)
