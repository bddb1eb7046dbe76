"""What an answer owes to earlier calls, or to the layout of its question, is found by asking."""

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.before import find_history
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.problems.form import BOTH, Form
from lstm_spec import Backend
from tests.helpers import specimens
from tests.planted import conditional
from tests.planted.edits import CELL, textbook


@pytest.mark.parametrize(
    ("backend", "sentence"),
    [
        (
            conditional.uses_three_buffers,
            "answers from a buffer that it uses again: an answer is overwritten by the third call after it",
        ),
        (conditional.keeps_the_first_weights, "keeps the weights of the first call with the same shapes"),
        (conditional.keeps_the_first_matrices, "keeps W and U of the first call with the same shapes"),
        (
            conditional.keeps_the_first_matrices_of_a_gate,
            "keeps something of an earlier call with the same shapes",
        ),
        (conditional.keeps_the_last_state, "keeps the state of the call before with the same shapes"),
        (conditional.fails_every_sixtieth_call, "only in every 60th call"),
        (conditional.fails_every_second_call, "only in every second call"),
        (conditional.fails_after_other_shapes, "only after a question of other shapes"),
        (conditional.fails_at_first, "only in the first call with a new question"),
        (conditional.misreads_fortran_order, "only where W lies in Fortran order"),
        (conditional.fails_from_its_ninth_call, "only from the ninth call of these experiments on"),
        (conditional.fails_after_the_same_shapes, "only after a question of the same shapes"),
        (conditional.needs_to_write, "only where U is read-only"),
        (conditional.fails_at_first_of_all, "only in the first call"),
        (conditional.fails_at_new_shapes, "only in the first call with new shapes"),
        (conditional.fails_after_more_samples, "only after a question with a larger B"),
        (conditional.fails_after_gradients, "only after gradients were asked for: every later answer"),
        (conditional.overwrites_one_array, "only where h_0 and c_0 are one array"),
        (conditional.needs_to_write_two, "only where x or U is read-only"),
        (
            conditional.knows_arrays_by_address,
            "only where an array lies where one of an earlier question lay, as if arrays were known by their address",
        ),
        (conditional.knows_questions_by_input, "only after a question with the same x"),
        (conditional.returns_a_late_state, "returns the state of the call before with the same shapes"),
        (conditional.fails_after_as_many_units, "only after a question of the same H"),
        (conditional.misreads_strides, "only where x does not lie in one piece in C order"),
    ],
    ids=lambda value: value.name if isinstance(value, Backend) else "",
)
def test_what_an_answer_depends_on_is_named(backend: Backend, sentence: str) -> None:
    found = find_history(Laboratory(backend, "float32", seconds=60))
    assert found is not None and found.sentence == sentence
    assert {"right", "wrong"} <= {said for _, said in found.tried}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("form", [Form(), Form(2, BOTH, lengths="any")])
def test_a_right_backend_owes_nothing(form: Form, backward: bool) -> None:
    assert find_history(Laboratory(NUMPY, "float32", form, backward, seconds=60)) is None


@pytest.mark.parametrize("limit", [1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
def test_what_depends_on_numbers_only_owes_nothing(limit: float) -> None:
    """Some of many questions have such numbers, whatever was asked before."""
    for backend in (
        conditional.misread_above(limit),
        textbook((CELL, f"c = np.clip(f * c + i * g, -{limit}, {limit})")),
    ):
        assert find_history(Laboratory(backend, "float32", seconds=60)) is None


def test_what_is_always_wrong_does_not_depend_on_calls() -> None:
    assert find_history(Laboratory(specimens.swaps_input_and_forget_gates, "float32", seconds=60)) is None
