"""Everything that is claimed at once, and nothing of it ignored."""

from conformance.assertions.forward import assert_conforms_freely, require_conclusive
from conformance.assertions.network import (
    assert_network_conforms,
    assert_network_gradients_conform,
    assert_network_gradients_conform_freely,
)
from conformance.assertions.shapes import ask_with_narrow_weights, assert_nothing_done, assert_state_kept
from conformance.assertions.switches import assert_not_ignored
from conformance.problems.covering import every_row, list_network_rows
from conformance.problems.derived import if_more_than_the_core_is_claimed, with_seed
from conformance.problems.form import ANYTHING, BOTH, FORWARD, REVERSE
from conformance.problems.narrow_weights import list_narrow_rows, of_narrow_weights
from conformance.problems.network_rows import list_free_rows, list_trainable_rows
from conformance.problems.question import Question, redraw_numbers
from conformance.problems.recipes import networks, questions
from conformance.problems.switches import Switched, switches
from conformance.property import verifies_beyond_core
from lstm_spec import Backend, Feature, Problem

ANY = if_more_than_the_core_is_claimed(networks(**ANYTHING))
NO_STEPS = if_more_than_the_core_is_claimed(networks(**{**ANYTHING, "lengths": ("", "", "nothing")}, T=0))
NO_SAMPLES = if_more_than_the_core_is_claimed(networks(**ANYTHING, B=0))
ROWS = if_more_than_the_core_is_claimed(every_row(list_network_rows))
ROWS_WITH_LOSS = if_more_than_the_core_is_claimed(every_row(list_trainable_rows, loss=True))
WHOLE = if_more_than_the_core_is_claimed(every_row(list_free_rows))
WHOLE_WITH_LOSS = if_more_than_the_core_is_claimed(every_row(list_free_rows, loss=True))
STACKS = networks(**{**ANYTHING, "layers": (2, 3)})
FORMS = {**ANYTHING, "directions": (FORWARD, FORWARD, FORWARD, REVERSE, BOTH), "lengths": ("", "", "", "any", "zeros")}
STORED = of_narrow_weights(networks(**FORMS, T=(1, 2, 3, 5), B=(1, 2, 3), I=(1, 2, 3, 5), H=(1, 2, 3, 5, 8)))
STORED_ROWS, STORED_ROWS_WITH_LOSS = (
    of_narrow_weights(every_row(list_narrow_rows, loss=loss)) for loss in (False, True)
)
MIXED = Feature.BFLOAT16_WEIGHTS
TWO = networks(**{**ANYTHING, "directions": BOTH})


@verifies_beyond_core("NET-6", on=switches())
def a_feature_that_is_claimed_is_not_ignored(backend: Backend, switched: Switched) -> None:
    """What is asked with the feature and without it has different answers, and the backend gives different ones."""
    assert_not_ignored(backend, switched)


@verifies_beyond_core("NET-3", "LEN-1", "DIR-4", on=ANY)
def what_is_claimed_may_be_asked_together(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("CONTRACT-2", "NET-3", on=with_seed(ANY))
def a_second_problem_of_the_same_form_gets_an_answer_of_its_own(backend: Backend, drawn: tuple[Problem, int]) -> None:
    """What was kept of the first call would show."""
    backend.forward(drawn[0])
    assert_network_conforms(backend, redraw_numbers(*drawn))


@verifies_beyond_core("NET-5", "LEN-5", on=questions(ANY), needs=(Feature.GRADIENTS,))
def what_is_claimed_may_be_differentiated_together(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("NET-3", "LEN-1", "DIR-4", "VAR-1", on=ROWS, exhaustive=True)
def forms_of_every_size_are_read_alike(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("NET-5", "LEN-5", on=ROWS_WITH_LOSS, needs=(Feature.GRADIENTS,), exhaustive=True)
def forms_of_every_size_have_their_gradients(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("NET-3", "LEN-1", "DIR-4", "VAR-1", on=WHOLE, exhaustive=True)
def forms_that_are_large_in_several_sizes_are_read_alike(backend: Backend, problem: Problem) -> None:
    require_conclusive(assert_conforms_freely(backend, problem))


@verifies_beyond_core("NET-5", "LEN-5", on=WHOLE_WITH_LOSS, needs=(Feature.GRADIENTS,), exhaustive=True)
def forms_that_are_large_in_several_sizes_have_their_gradients(backend: Backend, question: Question) -> None:
    require_conclusive(assert_network_gradients_conform_freely(backend, *question))


@verifies_beyond_core("NET-3", "NET-4", on=STACKS, needs=(Feature.LAYERS,))
def layers_of_any_kind_may_be_stacked(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("NET-5", on=questions(STACKS), needs=(Feature.LAYERS, Feature.GRADIENTS))
def the_gradient_goes_down_through_layers_of_any_kind(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("DIR-4", on=TWO, needs=(Feature.BIDIRECTIONAL,))
def layers_of_any_kind_may_read_in_both_directions(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(backend, problem)


@verifies_beyond_core("NET-5", on=questions(TWO), needs=(Feature.BIDIRECTIONAL, Feature.GRADIENTS))
def the_gradients_of_both_directions_meet_whatever_the_kind(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(backend, *question)


@verifies_beyond_core("SHAPE-5", "LEN-3", on=NO_STEPS, needs=(Feature.EMPTY_SEQUENCE,))
def without_steps_every_state_of_what_is_claimed_stays(backend: Backend, problem: Problem) -> None:
    assert_state_kept(backend.forward(problem), problem)


@verifies_beyond_core("SHAPE-5", "LEN-6", on=questions(NO_STEPS), needs=(Feature.EMPTY_SEQUENCE, Feature.GRADIENTS))
def without_steps_every_cotangent_of_a_state_is_handed_on(backend: Backend, question: Question) -> None:
    answer, gradients = backend.differentiate(*question)
    assert_state_kept(answer, question.problem)
    assert_nothing_done(gradients, question.problem, question.d.state)


@verifies_beyond_core("SHAPE-6", on=NO_SAMPLES, needs=(Feature.EMPTY_BATCH,))
def without_samples_the_answer_is_empty_whatever_is_claimed(backend: Backend, problem: Problem) -> None:
    assert_state_kept(backend.forward(problem), problem)


@verifies_beyond_core("SHAPE-6", on=questions(NO_SAMPLES), needs=(Feature.EMPTY_BATCH, Feature.GRADIENTS))
def without_samples_no_parameter_has_a_gradient_whatever_is_claimed(backend: Backend, question: Question) -> None:
    answer, gradients = backend.differentiate(*question)
    assert_state_kept(answer, question.problem)
    assert_nothing_done(gradients, question.problem, question.d.state)


@verifies_beyond_core("ACC-5", "SHAPE-2", on=STORED, needs=(MIXED,), at=("float32",))
def weights_of_bfloat16_meet_states_of_float32(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(ask_with_narrow_weights(backend), problem)


@verifies_beyond_core("ACC-5", "SHAPE-3", on=questions(STORED), needs=(MIXED, Feature.GRADIENTS), at=("float32",))
def weights_of_bfloat16_have_gradients_that_are_rounded_once(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(ask_with_narrow_weights(backend), *question)


@verifies_beyond_core("ACC-5", on=STORED_ROWS, needs=(MIXED,), at=("float32",), exhaustive=True)
def weights_of_bfloat16_of_every_size_are_read_alike(backend: Backend, problem: Problem) -> None:
    assert_network_conforms(ask_with_narrow_weights(backend), problem)


@verifies_beyond_core(
    "ACC-5", on=STORED_ROWS_WITH_LOSS, needs=(MIXED, Feature.GRADIENTS), at=("float32",), exhaustive=True
)
def weights_of_bfloat16_of_every_size_have_their_gradients(backend: Backend, question: Question) -> None:
    assert_network_gradients_conform(ask_with_narrow_weights(backend), *question)
