"""The variants of the cell, alone and with everything else that is claimed."""

from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.problems.form import ACTIVATIONS, BOUNDS
from conformance.problems.question import Question
from conformance.problems.recipes import networks, questions
from conformance.property import verifies_beyond_core
from lstm_spec import Backend, Feature, Problem

GRADIENTS = Feature.GRADIENTS
PEEPHOLES = networks(kind=("peephole", "peephole", "configured peephole"), activations=ACTIVATIONS)
PROJECTED = networks(projection=("narrow", "narrow", "full"))
UNFORGETTING = networks(kind="no forget gate")
OF_1997 = networks(kind="1997 simplified")
CLIPPED = networks(clip=BOUNDS)
CONFIGURED = networks(kind=("configured", "configured peephole"), activations=ACTIVATIONS)
LINES = networks(kind="configured", activations=tuple(a for a in ACTIVATIONS if a.gate == "hard sigmoid"))
BOUNDED_PROJECTION = networks(projection=("narrow", "full"), projection_clip=BOUNDS)
TOGETHER = networks(kind=("standard", "peephole"), projection=("", "narrow", "full"), clip=(*(None,) * 20, *BOUNDS))


@verifies_beyond_core("VAR-1", "VAR-2", on=PEEPHOLES, needs=(Feature.PEEPHOLES,))
def with_peepholes_the_gates_see_the_cell_state(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-3", on=networks(kind="coupled"), needs=(Feature.COUPLED,))
def coupled_what_is_let_in_takes_the_place_of_what_is_forgotten(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-4", on=PROJECTED, needs=(Feature.PROJECTION,))
def projected_the_hidden_state_is_a_linear_map_of_what_is_shown(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-5", on=CLIPPED, needs=(Feature.CELL_CLIP,))
def clipped_the_cell_state_stays_within_its_bound(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-7", on=UNFORGETTING, needs=(Feature.NO_FORGET_GATE,))
def without_a_forget_gate_nothing_is_forgotten(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-8", on=OF_1997, needs=(Feature.SIMPLIFIED_1997,))
def the_cell_of_1997_squashes_as_it_did(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-10", on=LINES, needs=(Feature.ACTIVATIONS,))
def a_hard_sigmoid_is_the_line_that_is_configured(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-11", "VAR-10", on=CONFIGURED, needs=(Feature.ACTIVATIONS,))
def candidate_and_cell_state_pass_the_functions_that_are_configured(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-13", on=BOUNDED_PROJECTION, needs=(Feature.PROJECTION_CLIP,))
def clipped_the_projection_stays_within_its_bound(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("VAR-12", "VAR-11", on=questions(CONFIGURED), needs=(Feature.ACTIVATIONS, GRADIENTS))
def a_function_of_lines_has_the_gradient_of_its_line(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("VAR-14", "VAR-13", on=questions(BOUNDED_PROJECTION), needs=(Feature.PROJECTION_CLIP, GRADIENTS))
def no_gradient_passes_a_bound_of_the_projection_that_is_met(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("VAR-1", "VAR-2", on=questions(PEEPHOLES), needs=(Feature.PEEPHOLES, GRADIENTS))
def the_gradient_goes_through_the_peepholes(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("VAR-3", on=questions(networks(kind="coupled")), needs=(Feature.COUPLED, GRADIENTS))
def the_gradient_of_a_coupled_gate_goes_both_ways(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("VAR-4", on=questions(PROJECTED), needs=(Feature.PROJECTION, GRADIENTS))
def the_gradient_goes_through_the_projection(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("VAR-6", "VAR-5", on=questions(CLIPPED), needs=(Feature.CELL_CLIP, GRADIENTS))
def no_gradient_passes_a_bound_that_is_met(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("VAR-7", on=questions(UNFORGETTING), needs=(Feature.NO_FORGET_GATE, GRADIENTS))
def without_a_forget_gate_the_gradient_is_carried_unchanged(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("VAR-8", on=questions(OF_1997), needs=(Feature.SIMPLIFIED_1997, GRADIENTS))
def the_cell_of_1997_has_its_full_gradient(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("VAR-2", "VAR-4", "VAR-5", on=TOGETHER, needs=(Feature.PROJECTION, Feature.CELL_CLIP))
def peepholes_projection_and_bound_go_together(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core(
    "VAR-2", "VAR-4", "VAR-6", on=questions(TOGETHER), needs=(Feature.PROJECTION, Feature.CELL_CLIP, GRADIENTS)
)
def peepholes_projection_and_bound_are_differentiated_together(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)
