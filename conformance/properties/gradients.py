"""Back-propagation through time: gate gradients read off probes, and everything that follows from them."""

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.backward import (
    assert_gate_gradients_conform,
    assert_gradients_conform_freely,
    assert_part_finite_enough,
    free_gradients,
    name_parts,
)
from conformance.assertions.comparison import Comparison, assert_within, model_of
from conformance.assertions.forward import assert_conforms
from conformance.assertions.probes import assert_all_conform, leave_room, probe_gates
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.outcome import Refuted
from conformance.problems.covering import every_row, list_plain_rows
from conformance.problems.derived import by_reach, with_seed
from conformance.problems.question import Question, Recipe, Split
from conformance.problems.recipes import ANY_SCALE, problems, questions, splits, tame_problems, tame_questions
from conformance.property import verifies
from conformance.tolerance import rounding
from conformance.tolerance.rounding import U64
from conformance.tolerance.tangents import push_tangent
from conformance.tolerance.trajectories import ORDER
from lstm_spec import Backend, Cotangents, Feature, Gradients, Problem, State, pack
from lstm_spec.types import Array

NEEDS = (Feature.GRADIENTS,)
ANY = questions(problems())
SEVERAL = tuple(range(2, 34))
LONG = range(129, 2050)
VERY_LONG = range(4_000, 20_001)


@verifies("GRAD-1", "GRAD-2", "GRAD-3", on=ANY, needs=NEEDS)
def the_gate_gradients_are_the_derivatives_of_the_equations(backend: Backend, question: Question) -> None:
    problem, d = leave_room(backend, question.problem), question.d
    found = probe_gates(backend, problem, d)
    assert_gate_gradients_conform(backend, problem, d, found.answer, found.dz)


@verifies("GRAD-4", on=ANY, needs=NEEDS)
def the_parameter_gradients_are_sums_over_steps_and_batch(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question, "dW", "dU", "db")


@verifies("GRAD-5", on=ANY, needs=NEEDS)
def the_gradient_of_an_input_is_what_its_gates_receive(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question, "dx")


@verifies("GRAD-6", on=ANY, needs=NEEDS)
def the_initial_state_has_its_gradient(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question, "dh_0", "dc_0")


@verifies("GRAD-7", "GRAD-3", on=questions(problems(), dh="zero", dc="zero", dy="dense"), needs=NEEDS)
def a_loss_on_the_outputs_alone_is_differentiated(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question)


@verifies("GRAD-7", "GRAD-3", on=questions(problems(), dh="dense", dc="zero", dy="zero"), needs=NEEDS)
def a_loss_on_the_final_hidden_state_alone_is_differentiated(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question)


@verifies("GRAD-7", "GRAD-1", on=questions(problems(), dh="zero", dc="dense", dy="zero"), needs=NEEDS)
def a_loss_on_the_final_cell_state_alone_is_differentiated(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question)


def of_length(T: range, **kinds: str) -> Recipe:
    return questions(problems(T=T, B=(1, 2), I=(1, 2), H=(1, 2, 3, 5), several="T", **kinds))


AT_ANY_LENGTH = by_reach(of_length(LONG), full=of_length(VERY_LONG, W=ANY_SCALE, U=ANY_SCALE))


@verifies("GRAD-3", "GRAD-4", on=AT_ANY_LENGTH, needs=NEEDS, long=True)
def the_gradient_of_a_long_sequence_is_never_cut_off(backend: Backend, question: Question) -> None:
    assert_all_conform(backend, question)


@verifies("GRAD-8", on=ANY, needs=NEEDS)
def the_pass_that_is_differentiated_is_the_same_lstm(backend: Backend, question: Question) -> None:
    answer, _ = backend.differentiate(*question)
    assert_conforms(backend, answer, question.problem)


def inner_product(a: Array, b: Array) -> Array:
    """The inner product of two arrays, in float64, as an array of one."""
    return np.reshape(np.sum(a.astype(np.float64) * b), 1)


def inner_product_error(a: Array, b: Array) -> Array:
    """How far that may be from the exact inner product."""
    return (a.size + 2) * U64 * inner_product(np.abs(a), np.abs(b))


TAME_ROWS = every_row(list_plain_rows, loss=True, tame=True)  # probes are inputs, so only here I is what it is


@verifies("GRAD-4", "GRAD-5", "GRAD-6", on=TAME_ROWS, needs=NEEDS, exhaustive=True)
def the_gradients_without_probes_are_those_of_the_equations(backend: Backend, question: Question) -> None:
    answer, gradients = backend.differentiate(*question)
    assert_conforms(backend, answer, question.problem)
    assert_gradients_conform_freely(backend, *question, gradients)


@verifies("GRAD-3", on=with_seed(tame_questions()), needs=NEEDS)
def the_gradient_is_the_adjoint_of_the_tangent(backend: Backend, drawn: tuple[Question, int]) -> None:
    """<d, J v> = <J^T d, v> for any direction v of inputs and initial state."""
    (problem, d), seed = drawn
    rng = np.random.default_rng(seed)
    v = [rng.standard_normal(a.shape) for a in (problem.x, *problem.state)]
    _, gradients = backend.differentiate(problem, d)
    assert_gradients_shaped(gradients, problem)
    allowed = free_gradients(backend, problem, d)
    errors = (allowed.dx.error, allowed.dh.error[None], allowed.dc.error[None])
    pushed = push_tangent(problem, v[0], State(v[1], v[2]))
    pulling = list(zip((gradients.x, *gradients.state), v, strict=True))
    pushing = list(zip((d.y, *d.state), (pushed.y, *pushed.state), strict=True))
    given = [inner_product(e, np.abs(a)) for e, a in zip(errors, v, strict=True)]
    summed = [inner_product_error(*pair) for pair in pulling + pushing]
    got, wanted = (np.sum([inner_product(*pair) for pair in pairs], axis=0) for pairs in (pulling, pushing))
    assert_within(Comparison("<J^T d, v>", ("sum",), got, wanted, np.sum(given + summed, axis=0)))


@verifies("GRAD-4", "GRAD-5", on=ANY, needs=NEEDS)
def the_input_weights_and_the_inputs_are_moved_alike(backend: Backend, question: Question) -> None:
    """<W, dW> = <x, dx>, for only their product enters the equations."""
    question = question._replace(problem=leave_room(backend, question.problem))
    problem, _ = question
    found = probe_gates(backend, *question)
    expected = assert_gate_gradients_conform(backend, *question, found.answer, found.dz)
    for part in (name_parts(found.gradients, expected)[name] for name in ("dW", "dx")):
        assert_part_finite_enough(part, problem, found.dz)
    W, x = pack(problem.layer, ORDER).W, problem.x
    dW, dx = pack(found.gradients.parameters[0][0], ORDER).W, found.gradients.x
    room = inner_product(np.abs(W), expected.dW.error) + inner_product(np.abs(x), expected.dx.error)
    room = room + inner_product_error(W, dW) + inner_product_error(x, dx)
    assert_within(Comparison("<W, dW>", ("sum",), inner_product(W, dW), inner_product(x, dx), room))


@verifies("GRAD-7", on=with_seed(tame_questions()), needs=NEEDS)
def the_gradient_is_linear_in_the_cotangents(backend: Backend, drawn: tuple[Question, int]) -> None:
    """The gradient of a sum of losses is the sum of theirs, and that of their difference the difference."""
    (problem, d), seed = drawn
    rng = np.random.default_rng(seed)
    e = _map_cotangents(d, lambda a: np.round(rng.standard_normal(a.shape) * 8) / 8)
    d = _map_cotangents(d, lambda a: np.round(a * 8) / 8)
    both = _map_cotangents(d, lambda a, b: a + b, e)
    runs = [backend.differentiate(problem, loss)[1] for loss in (d, e, both)]
    for gradients in runs:
        assert_gradients_shaped(gradients, problem)
    allowed = [
        name_parts(g, free_gradients(backend, problem, loss)) for g, loss in zip(runs, (d, e, both), strict=True)
    ]
    for name, whole in allowed[2].items():
        one, two = allowed[0][name], allowed[1][name]
        room = one.expected.error + two.expected.error + whole.expected.error
        total = one.got.astype(np.float64) + two.got
        assert_within(Comparison(name, whole.axes, whole.got, total, room, whole.backwards))


def _map_cotangents(d: Cotangents, change: object, *others: Cotangents) -> Cotangents:
    columns = zip((d.y, *d.state), *((o.y, *o.state) for o in others), strict=True)
    y, h, c = (frozen(np.asarray(change(*arrays), d.y.dtype)) for arrays in columns)  # type: ignore[operator]
    return Cotangents(y, State(h, c))


@verifies("GRAD-7", on=questions(problems(), dy="zero", dh="zero", dc="zero"), needs=NEEDS)
def no_loss_has_no_gradient(backend: Backend, question: Question) -> None:
    _, gradients = backend.differentiate(*question)
    assert_gradients_shaped(gradients, question.problem)
    found = (*pack(gradients.parameters[0][0]), gradients.x, *gradients.state)
    if any(part.any() for part in found):
        raise Refuted("a loss that depends on nothing has a gradient that is not zero")


@verifies("GRAD-3", "GRAD-6", "GRAD-7", on=splits(problems, T=SEVERAL, whole=False), needs=NEEDS)
def the_gradient_of_a_sequence_is_that_of_its_halves_chained(backend: Backend, split: Split) -> None:
    """What the tail hands back for its initial state is the head's cotangent; both conform."""
    head = backend.forward(split.head)
    assert_conforms(backend, head, split.head)
    tail = split.tail(head.state)
    later = assert_all_conform(backend, Question(tail, Cotangents(split.d.y[split.at :], split.d.state)))
    chained = Cotangents(split.d.y[: split.at], later.gradients.state)
    assert_all_conform(backend, Question(split.head, chained))


@verifies("GRAD-3", "GRAD-4", "GRAD-6", on=splits(tame_problems, T=(2, 3, 3, 4, 5, 8)), needs=NEEDS)
def halves_chained_and_the_whole_have_the_same_gradient(backend: Backend, split: Split) -> None:
    """Head and tail together are one more way of differentiating the whole."""
    whole, d = split.whole, split.d
    _, at_once = backend.differentiate(whole, d)
    head = backend.forward(split.head)
    assert_answer_shaped(head, split.head)
    tail = split.tail(head.state)
    _, later = backend.differentiate(tail, Cotangents(d.y[split.at :], d.state))
    assert_gradients_shaped(later, tail)
    _, earlier = backend.differentiate(split.head, Cotangents(d.y[: split.at], later.state))
    assert_gradients_shaped(earlier, split.head)
    assert_gradients_shaped(at_once, whole)
    expected = free_gradients(backend, whole, d, handed_on=True)
    together = Gradients(earlier.parameters, np.concatenate([earlier.x, later.x]), earlier.state)
    rest = dict(zip(("dW", "dU", "db"), pack(later.parameters[0][0]), strict=True))
    for (name, one), two in zip(
        name_parts(at_once, expected).items(), name_parts(together, expected).values(), strict=True
    ):
        other = np.asarray(rest.get(name, 0), np.float64)
        room = 2 * one.expected.error + returned_error(
            backend, whole, np.abs(two.got.astype(np.float64)) + np.abs(other)
        )
        assert_within(Comparison(name, one.axes, one.got, two.got.astype(np.float64) + other, room, one.backwards))


def returned_error(backend: Backend, problem: Problem, size: Array) -> Array:
    """What gradients of this size may lose by being returned in a narrower dtype."""
    model = model_of(backend, problem)
    return rounding.narrow(rounding.exact(size), model.wide_d, model).error
