"""Stacks: each layer from what the one below returned, made visible through the public interface."""

from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.problems.form import BOTH, FORWARD
from conformance.problems.question import Question
from conformance.problems.recipes import networks, questions
from conformance.property import verifies_beyond_core
from lstm_spec import Backend, Feature, Problem

NEEDS = (Feature.LAYERS,)
STACKS = networks(
    layers=(2, 2, 3), directions=(FORWARD, FORWARD, BOTH), lengths=("", "", "any"), projection=("", "", "narrow")
)


@verifies_beyond_core("NET-3", "NET-4", on=STACKS, needs=NEEDS)
def a_layer_reads_what_the_one_below_returned(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core(
    "NET-3",
    "VAR-4",
    on=networks(layers=3, projection="narrow", I=(4, 5), H=(3, 5)),
    needs=(Feature.LAYERS, Feature.PROJECTION),
)
def three_layers_of_three_different_widths_fit_together(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("NET-5", "NET-3", "NET-4", on=questions(STACKS), needs=(*NEEDS, Feature.GRADIENTS))
def the_gradient_goes_down_through_every_layer(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)
