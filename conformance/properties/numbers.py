"""What is no number: where a NaN or an infinity acts, and where it does not."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.backward import GATE_ROWS, assert_gate_gradients_conform, assert_part_conforms, name_parts
from conformance.assertions.company import NUMBERS, join_company
from conformance.assertions.comparison import Comparison, assert_within, model_of
from conformance.assertions.forward import assert_conforms, assert_steps_conform
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.assertions.probes import leave_room, probe_gates
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.outcome import Refuted
from conformance.problems.derived import if_more_than_the_core_is_claimed, with_seed
from conformance.problems.form import ANYTHING
from conformance.problems.question import Question
from conformance.problems.recipes import networks, problems, questions
from conformance.problems.strikes import ALL, Struck, leave_a_seat, strike_loss, strike_problem
from conformance.property import verifies, verifies_beyond_core
from conformance.tolerance.backpropagation import observed_backpropagation
from lstm_spec import KINDS, Backend, Feature, Parameters, Problem, State
from lstm_spec.types import Array

NEEDS = (Feature.GRADIENTS,)
DENSE: dict[str, Any] = dict.fromkeys("xWUb", "dense") | {
    "h": "within-1",
    "c": "dense wide",
}  # a weight of 0 may be skipped
SMALL: dict[str, Any] = {
    "T": (1, 2, 3, 4, 5),
    "B": (1, 2, 3, 4),
    "I": (1, 2, 3, 5),
    "H": (1, 2, 3, 5),
}  # no gate is quite 0 or 1
SEVERAL = problems(T=(2, 3, 4, 5), B=(2, 3, 4), x="dense", W="dense", c="dense wide")
BESIDE = leave_a_seat(problems(T=SMALL["T"], B=SMALL["B"], **DENSE))
LATER = questions(problems(T=(2, 3, 4, 5), several="T", B=SMALL["B"], **DENSE), dy="dense", dh="dense", dc="dense")
FORMS = if_more_than_the_core_is_claimed(networks(**ANYTHING))
ENTERED = questions(problems(**SMALL, **DENSE), dy="dense", dh="dense", dc="dense")
UNBOUNDED: dict[str, Any] = {
    **ANYTHING,
    "kind": tuple(kind for kind in ANYTHING["kind"] if not KINDS[kind].is_configured),
    "clip": None,
    "projection_clip": None,
    "lengths": "",
}  # a bound may end a NaN, as may a function of lines: min and max may return the other, and a slope is 0 or constant
ENTERED_FORMS = questions(
    if_more_than_the_core_is_claimed(networks(**SMALL, fillings=DENSE, **UNBOUNDED)), dy="dense", dh="dense", dc="dense"
)
Seeded = tuple[Problem, int]
SeededQuestion = tuple[Question, int]

# ---------------------------------------------------------------- where it does not act


@verifies("NUM-1", "NET-1", on=with_seed(BESIDE))
def what_is_no_number_in_one_sample_alters_no_other(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    beside = join_company(backend, seed, 3)
    assert_conforms(beside, beside.forward(problem), problem)


@verifies("NUM-1", "NET-1", "GRAD-3", on=with_seed(questions(BESIDE)), needs=NEEDS)
def what_is_no_number_in_one_sample_alters_no_gradient_of_another(backend: Backend, drawn: SeededQuestion) -> None:
    (problem, d), seed = drawn
    beside = join_company(backend, seed)
    problem = leave_room(beside, problem)
    found = probe_gates(beside, problem, d)
    expected = assert_gate_gradients_conform(beside, problem, d, found.answer, found.dz)
    named = name_parts(found.gradients, expected)
    for name in ("dx", "dh_0", "dc_0"):
        assert_part_conforms(named[name], problem, found.dz)


@verifies_beyond_core("NUM-1", "NET-1", on=with_seed(leave_a_seat(FORMS)))
def of_any_form_what_is_no_number_in_one_sample_alters_no_other(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    assert_network_conforms(join_company(backend, seed, 3), problem)


@verifies_beyond_core("NUM-1", "NET-1", "NET-5", on=with_seed(questions(leave_a_seat(FORMS))), needs=NEEDS)
def of_any_form_what_is_no_number_alters_no_gradient_of_another(backend: Backend, drawn: SeededQuestion) -> None:
    (problem, d), seed = drawn
    assert_network_gradients_conform(join_company(backend, seed), problem, d, summed=False)


def choose_place(problem: Problem, seed: int) -> tuple[int, int, float]:
    """A step that is not the first, a sample, and a number that is none."""
    T, B, _, _ = problem.sizes
    return 1 + seed % (T - 1), seed // T % B, NUMBERS[seed // T // B % 3]


@verifies("NUM-1", "SEQ-5", on=with_seed(LATER))
def what_is_no_number_alters_nothing_before_its_step(backend: Backend, drawn: SeededQuestion) -> None:
    (problem, _), seed = drawn
    t, b, number = choose_place(problem, seed)
    x = problem.x.copy()
    x[t, b, seed % x.shape[2]] = number
    answer = backend.forward(replace(problem, x=frozen(x)))
    assert_answer_shaped(answer, problem)
    before = replace(problem, x=x[:t, b : b + 1], state=State(*(a[:, b : b + 1] for a in problem.state)))
    assert_steps_conform(backend, answer.y[:t, b : b + 1], before)


@verifies("NUM-1", "GRAD-3", on=with_seed(LATER), needs=NEEDS)
def a_cotangent_that_is_no_number_alters_nothing_after_its_step(backend: Backend, drawn: SeededQuestion) -> None:
    """Gradients go back in time: what the loss says of a step enters that step and those before it."""
    (problem, d), seed = drawn
    problem = leave_room(backend, problem)
    t, b, number = choose_place(problem, seed)
    dy = d.y.copy()
    dy[t - 1, b, seed % dy.shape[2]] = number
    found = probe_gates(backend, problem, replace(d, y=frozen(dy)))
    forward = assert_conforms(backend, found.answer, problem)
    assert forward is not None, "there are two steps at least"
    later = np.where(np.arange(len(dy))[:, None, None] < t, 0, found.dz)
    expected = observed_backpropagation(problem, forward, d, np.nan_to_num(later), model_of(backend, problem)).dz
    assert_within(Comparison("dz", GATE_ROWS, later[t:], expected.value[t:], expected.error[t:], backwards=True))


# ---------------------------------------------------------------- where it is seen


def assert_seen_in_outputs(backend: Backend, struck: Struck) -> None:
    """Refuted unless the NaN is seen in every output that it enters."""
    problem = struck.question.problem
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    assert_all_nan("y", answer.y[struck.mark_outputs()], struck)
    if struck.samples != ALL:
        assert_all_nan("c_T", answer.state.c[struck.reader, struck.samples, struck.units], struck)


def assert_seen_in_gradients(backend: Backend, struck: Struck) -> None:
    """Refuted unless the NaN is seen in every gradient that it surely enters."""
    problem, reader, samples = struck.question.problem, struck.reader, struck.samples
    _, gradients = backend.differentiate(*struck.question)
    assert_gradients_shaped(gradients, problem)
    assert_all_nan("dx", gradients.x[struck.steps, samples], struck)
    assert_all_nan("dh_0", gradients.state.h[reader, samples], struck)
    assert_all_nan("dc_0", gradients.state.c[reader, samples, struck.units], struck)
    for name, a in list_gate_gradients(struck, gradients.parameters):
        assert_all_nan(name, a, struck)


def list_gate_gradients(struck: Struck, rows: tuple[tuple[Parameters, ...], ...]) -> Iterator[tuple[str, Array]]:
    """The gradients of the weights of what is struck, of those units and gates."""
    layer, d = divmod(struck.reader, len(rows[0]))
    p = rows[layer][d]
    for letter, gate in p.gates.items():
        if letter in struck.gates:
            yield from ((f"d{letter}.{part}", getattr(gate, part)[struck.units]) for part in "WUb")


def assert_all_nan(what: str, a: Array, struck: Struck) -> None:
    if not np.isnan(a).all():
        raise Refuted(f"a NaN in {struck.name} is not seen in all of {what} that it enters")


@verifies("NUM-2", on=with_seed(SEVERAL))
def a_nan_is_seen_in_every_output_of_its_sample_from_its_step_on(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    T, B, I, _ = problem.sizes
    t, b, x = seed % T, seed // T % B, problem.x.copy()
    x[t, b, seed // (T * B) % I] = np.nan
    answer = backend.forward(replace(problem, x=frozen(x)))
    assert_answer_shaped(answer, problem)
    if not np.isnan(answer.y[t:, b]).all():
        raise Refuted(f"after a NaN in the input of step {t} of sample {b}, some of the sample's outputs are numbers")


@verifies("NUM-2", on=with_seed(ENTERED))
def a_nan_in_a_state_or_a_parameter_is_seen_in_every_output_that_it_enters(
    backend: Backend, drawn: SeededQuestion
) -> None:
    for struck in strike_problem(*drawn):
        if struck.name != "x":
            assert_seen_in_outputs(backend, struck)


@verifies("NUM-2", on=with_seed(ENTERED), needs=NEEDS)
def a_nan_is_seen_in_every_gradient_that_it_enters(backend: Backend, drawn: SeededQuestion) -> None:
    for struck in (*strike_problem(*drawn), *strike_loss(*drawn)):
        assert_seen_in_gradients(backend, struck)


@verifies_beyond_core("NUM-2", on=with_seed(ENTERED_FORMS))
def of_any_form_a_nan_is_seen_in_every_output_that_it_enters(backend: Backend, drawn: SeededQuestion) -> None:
    for struck in strike_problem(*drawn):
        assert_seen_in_outputs(backend, struck)


@verifies_beyond_core("NUM-2", on=with_seed(ENTERED_FORMS), needs=NEEDS)
def of_any_form_a_nan_is_seen_in_every_gradient_that_it_enters(backend: Backend, drawn: SeededQuestion) -> None:
    for struck in (*strike_problem(*drawn), *strike_loss(*drawn)):
        assert_seen_in_gradients(backend, struck)
