"""That the networks are what the conventions say: in 50 digits, and to the last bit where no rounding can enter."""

from dataclasses import replace
from itertools import combinations, product
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest

from conformance.problems.build import build_loss, build_problem, poison_padding
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form
from lstm_spec import Answer, Array, Cotangents, Gradients, Parameters, Problem, State, network
from lstm_spec.variants import KINDS
from tests.helpers import network_oracle
from tests.helpers.oracle import distance, exactly

ROUNDOFFS = 100  # of the largest number; up to 4 are seen, and what is wrong is off by 1e10 and more
ALLOWED = ROUNDOFFS * 2.0**-53
DENSE = ("dense", "by-width", "by-width", "dense", "within-1", "dense")  # x, W, U, b, h, c
LOSS = ("dense", "dense", "dense")


class Case(NamedTuple):
    """What one problem is made of, option by option."""

    steps_and_lengths: tuple[int, str]
    directions: tuple[str, ...]
    layers: int
    kind: str
    projection: str
    clip: float | None

    @property
    def form(self) -> Form:
        (_, lengths), directions, *rest = self
        layers, kind, projection, clip = rest
        return Form(layers, directions, kind, projection, clip, lengths)


OPTIONS = (
    ((4, ""), (4, "any"), (4, "zeros"), (3, "nothing"), (0, "")),
    (FORWARD, REVERSE, BOTH),
    (1, 2, 3),
    tuple(KINDS),
    ("", "narrow", "full"),
    (None, 0.75),
)
SAMPLE = [Case(*options) for options in Random(6270).sample(list(product(*OPTIONS)), 72)]
FORMS = [replace(case.form, lengths="") for case in SAMPLE[:24]]
CELLS = [Form(kind=kind, projection=p, clip=clip) for kind in KINDS for p, clip in (("", None), ("narrow", 0.75))]
LENGTHS = np.array([3, 0, 4, 1])  # of ragged problems, whose T is 4
STEPS = np.arange(4)
BEYOND = STEPS[:, None] >= LENGTHS  # (T, B)


def of_cell(form: Form) -> str:
    """The id of a test: which equations."""
    return " ".join([form.kind, *["projected"] * bool(form.projection), *["clipped"] * bool(form.clip)])


def of_form(form: Form) -> str:
    return f"{form.layers} {' and '.join(form.directions)} {of_cell(form)}"


def of_case(k: int) -> str:
    (steps, lengths), form = SAMPLE[k].steps_and_lengths, SAMPLE[k].form
    return f"{steps} steps {lengths and f'of {lengths} '}{of_form(form)}"


in_every_case = pytest.mark.parametrize("k", range(len(SAMPLE)), ids=of_case)
in_every_form = pytest.mark.parametrize("form", FORMS, ids=of_form)
of_every_cell = pytest.mark.parametrize("form", CELLS, ids=of_cell)


def problem_of(k: int) -> Problem:
    """The problem of a case; of any batch, inputs and cells up to 3."""
    rng = np.random.default_rng(k)
    B, I, H = (int(n) for n in rng.integers(1, 4, 3))
    return build_problem(np.dtype("float64"), SAMPLE[k].form, (SAMPLE[k].steps_and_lengths[0], B, I, H), DENSE, k)


def whole(form: Form, dtype: str = "float64") -> Problem:
    """A problem of that form, without lengths: T, B, I, H = 4, 4, 2, 3."""
    return build_problem(np.dtype(dtype), replace(form, lengths=""), (4, 4, 2, 3), DENSE, 5)


def ragged(form: Form) -> Problem:
    return replace(whole(form), lengths=LENGTHS)


def loss_on(problem: Problem) -> Cotangents:
    return build_loss(problem, LOSS, 6)


def gradients_of(problem: Problem) -> Gradients:
    return network.gradients(problem, loss_on(problem))[1]


def assert_same_bits(got: Any, expected: Any) -> None:
    """The arrays of two answers, or of two gradients, are the same, but for the signs of zeros."""
    arrays, others = (
        {"y": a.y, **a.state._asdict()} if isinstance(a, Answer) else network_oracle.named(a) for a in (got, expected)
    )
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name, strict=True)


def test_every_two_options_meet_in_the_sample() -> None:
    for one, other in combinations(range(len(OPTIONS)), 2):
        assert {(case[one], case[other]) for case in SAMPLE} == set(product(OPTIONS[one], OPTIONS[other]))
    for option in range(1, len(OPTIONS)):
        assert {case[option] for case in SAMPLE[: len(FORMS)]} == set(OPTIONS[option])


# ---------------------------------------------------------------- in 50 digits


@in_every_case
def test_an_answer_is_that_of_exact_arithmetic(k: int) -> None:
    problem = problem_of(k)
    answer = network.forward(problem)
    numbers = {name: exactly(a) for name, a in network_oracle.named(problem).items()}
    expected = network_oracle.forward(network_oracle.network_of(problem), numbers)
    for got, exact in zip((answer.y, *answer.state), expected, strict=True):
        assert got.shape == exact.shape
        assert (distance(got, exact) <= ALLOWED * np.abs(exact.astype(float)).max(initial=1)).all()


@in_every_case
def test_the_gradients_are_the_derivative_in_any_direction(k: int) -> None:
    """Every number moves at once, each by its own amount, so that no gradient can be wrong unseen."""
    problem = problem_of(k)
    d, rng = loss_on(problem), np.random.default_rng(k)
    numbers = {name: exactly(a) for name, a in network_oracle.named(problem).items()}
    way = {name: exactly(rng.standard_normal(a.shape)) for name, a in numbers.items()}
    gradients = network_oracle.named(network.gradients(problem, d)[1])
    assert gradients.keys() == numbers.keys()
    terms = np.concatenate([(exactly(gradients[name]) * way[name]).ravel() for name in way])
    cotangents = [exactly(a) for a in (d.y, *d.state)]
    slope = network_oracle.slope(network_oracle.network_of(problem), numbers, way, cotangents)
    assert abs(terms.sum() - slope) <= ALLOWED * np.abs(terms).sum()


@in_every_case
def test_the_answer_beside_the_gradients_is_that_of_the_forward_pass(k: int) -> None:
    problem = problem_of(k)
    answer, _ = network.gradients(problem, loss_on(problem))
    assert_same_bits(answer, network.forward(problem))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@in_every_form
def test_everything_has_the_shape_and_the_dtype_of_what_it_belongs_to(form: Form, dtype: str) -> None:
    problem = whole(form, dtype)
    answer, gradients = network.gradients(problem, loss_on(problem))
    assert answer.y.shape == (4, 4, len(problem.directions) * problem.P) and answer.y.dtype == dtype
    assert [(a.shape, a.dtype) for a in answer.state] == [(a.shape, a.dtype) for a in problem.state]
    arrays, expected = network_oracle.named(gradients), network_oracle.named(problem)
    assert {k: (a.shape, a.dtype) for k, a in arrays.items()} == {k: (a.shape, a.dtype) for k, a in expected.items()}


@in_every_form
def test_an_empty_batch_has_an_empty_answer_and_zero_gradients(form: Form) -> None:
    problem = whole(form)
    state = State(*(a[:, :0] for a in problem.state))
    empty = replace(problem, x=problem.x[:, :0], state=state, lengths=LENGTHS[:0])
    answer, gradients = network.gradients(empty, loss_on(empty))
    assert answer.y.shape == (4, 0, len(problem.directions) * problem.P)
    assert [a.shape for a in answer.state] == [a.shape for a in state]
    assert network_oracle.named(gradients).keys() == network_oracle.named(problem).keys()
    assert not any(a.any() for a in network_oracle.named(gradients).values())


# ---------------------------------------------------------------- lengths


@in_every_form
def test_outputs_beyond_a_length_are_exactly_zero(form: Form) -> None:
    y = network.forward(ragged(form)).y
    assert not y[BEYOND].any() and y[~BEYOND].all()


@in_every_form
def test_a_finished_sequence_is_left_as_it_was_at_its_own_last_step(form: Form) -> None:
    problem = ragged(form)
    answer = network.forward(problem)
    for b, length in enumerate(LENGTHS):
        alone = State(*(a[:, [b]] for a in problem.state))
        cut = network.forward(replace(problem, x=problem.x[:length, [b]], state=alone, lengths=None))
        assert_same_bits(Answer(answer.y[:length, [b]], State(*(a[:, [b]] for a in answer.state))), cut)


@in_every_form
def test_a_sequence_of_length_0_is_left_in_its_initial_state(form: Form) -> None:
    problem = ragged(form)
    answer, d = network.forward(problem), loss_on(problem)
    gradients = network.gradients(problem, d)[1]
    (b,) = np.flatnonzero(LENGTHS == 0)
    for got, expected in ((answer.state, problem.state), (gradients.state, d.state)):
        for memory, same in zip(got, expected, strict=True):
            np.testing.assert_array_equal(memory[:, b], same[:, b], strict=True)


@in_every_form
def test_the_final_h_of_the_last_layer_is_the_output_of_the_last_step_that_is_read(form: Form) -> None:
    problem = ragged(form)
    answer = network.forward(problem)
    (samples,) = np.nonzero(LENGTHS)
    last = {"forward": LENGTHS[samples] - 1, "reverse": 0}
    outputs = np.split(answer.y, len(form.directions), axis=2)
    for h, direction, y in zip(answer.state.h[-len(form.directions) :], form.directions, outputs, strict=True):
        np.testing.assert_array_equal(h[samples], y[last[direction], samples], strict=True)


@in_every_form
def test_nan_and_infinity_in_the_padding_change_no_bit(form: Form) -> None:
    problem = ragged(form)
    spoilt = poison_padding(problem, 7)
    assert not np.isfinite(spoilt.x[BEYOND]).any()
    assert_same_bits(network.forward(spoilt), network.forward(problem))
    assert_same_bits(gradients_of(spoilt), gradients_of(problem))


@pytest.mark.parametrize("other", [0.0, 1e9, np.nan, np.inf])
@in_every_form
def test_cotangents_beyond_a_length_change_no_bit(form: Form, other: float) -> None:
    problem = ragged(form)
    d = loss_on(problem)
    spoilt = replace(d, y=np.where(BEYOND[..., None], other, d.y))
    assert_same_bits(network.gradients(problem, spoilt)[1], network.gradients(problem, d)[1])


@in_every_form
def test_gradients_at_padded_inputs_are_exactly_zero(form: Form) -> None:
    dx = gradients_of(ragged(form)).x
    assert not dx[BEYOND].any() and dx[~BEYOND].all()


@in_every_form
def test_lengths_of_all_steps_are_as_good_as_none(form: Form) -> None:
    problem = whole(form)
    full = replace(problem, lengths=np.full(4, 4, np.uint8))
    assert_same_bits(network.forward(full), network.forward(problem))
    assert_same_bits(gradients_of(full), gradients_of(problem))


# ---------------------------------------------------------------- directions and layers


@of_every_cell
def test_reverse_is_forward_on_the_flipped_input_and_flipped(form: Form) -> None:
    reverse = whole(replace(form, layers=2, directions=REVERSE))
    forward = replace(reverse, directions=FORWARD, x=reverse.x[::-1])
    d = loss_on(reverse)
    answer, gradients = network.gradients(forward, replace(d, y=d.y[::-1]))
    got, got_gradients = network.gradients(reverse, d)
    assert_same_bits(got, replace(answer, y=answer.y[::-1]))
    assert_same_bits(got_gradients, replace(gradients, x=gradients.x[::-1]))


def one_direction(problem: Problem, d: int) -> Problem:
    """That of a single layer."""
    parameters, state = ((problem.parameters[0][d],),), State(*(a[[d]] for a in problem.state))
    return replace(problem, parameters=parameters, state=state, directions=(problem.directions[d],))


@of_every_cell
def test_two_directions_are_each_by_itself_side_by_side(form: Form) -> None:
    problem = ragged(replace(form, layers=1, directions=BOTH))
    loss = loss_on(problem)
    answers, parts = [], []
    for d, dy in enumerate(np.split(loss.y, 2, axis=2)):
        answer, part = network.gradients(
            one_direction(problem, d), Cotangents(dy, State(*(a[[d]] for a in loss.state)))
        )
        answers.append(answer)
        parts.append(part)
    got, gradients = network.gradients(problem, loss)
    assert_same_bits(got, Answer(np.concatenate([a.y for a in answers], axis=2), joined(a.state for a in answers)))
    row = tuple(part.parameters[0][0] for part in parts)
    assert_same_bits(gradients, Gradients((row,), parts[0].x + parts[1].x, joined(part.state for part in parts)))


def joined(states: Any) -> State:
    return State(*(np.concatenate(memories) for memories in zip(*states, strict=True)))


def layer_of(problem: Problem, layer: int, x: Array) -> Problem:
    """One layer, as a problem of its own."""
    return replace(problem, parameters=problem.parameters[layer : layer + 1], x=x, state=part(problem, layer))


def part(whole: Problem | Cotangents, layer: int) -> State:
    """The states of one layer of `in_a_stack`, which has three."""
    return State(*(np.split(a, 3)[layer] for a in whole.state))


def in_a_stack(form: Form, directions: Any) -> Problem:
    return ragged(replace(form, layers=3, directions=directions))


either_or_both = pytest.mark.parametrize("directions", [FORWARD, REVERSE, BOTH], ids=" and ".join)


@either_or_both
@of_every_cell
def test_a_stack_is_its_layers_one_after_the_other(form: Form, directions: Any) -> None:
    problem, states = in_a_stack(form, directions), []
    x = problem.x
    for layer in range(3):
        answer = network.forward(layer_of(problem, layer, x))
        x = answer.y
        states.append(answer.state)
    assert_same_bits(network.forward(problem), Answer(x, joined(states)))


@either_or_both
@of_every_cell
def test_the_gradients_of_a_stack_are_those_of_its_layers_from_the_last_to_the_first(
    form: Form, directions: Any
) -> None:
    problem = in_a_stack(form, directions)
    d, inputs = loss_on(problem), [problem.x]
    for layer in range(2):
        inputs.append(network.forward(layer_of(problem, layer, inputs[-1])).y)
    dy, rows, states = d.y, list[tuple[Parameters, ...]](), list[State]()
    for layer in (2, 1, 0):
        _, of_layer = network.gradients(layer_of(problem, layer, inputs[layer]), Cotangents(dy, part(d, layer)))
        dy, rows, states = of_layer.x, [*of_layer.parameters, *rows], [of_layer.state, *states]
    assert_same_bits(network.gradients(problem, d)[1], Gradients(tuple(rows), dy, joined(states)))


# ---------------------------------------------------------------- samples


def samples(whole: Any, which: list[int]) -> list[Array]:
    """Some samples of a problem, an answer or gradients: of x or y, h and c."""
    return [a[:, which] for a in (whole.y if isinstance(whole, Answer) else whole.x, *whole.state)]


def assert_same_samples(got: Any, expected: Any, which: list[int], as_those: list[int] | None = None) -> None:
    for a, b in zip(samples(got, which), samples(expected, as_those or which), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def changed(problem: Problem, b: int) -> Problem:
    """Another sample b, of another length."""
    x, state, lengths = problem.x.copy(), State(*(a.copy() for a in problem.state)), LENGTHS.copy()
    x[:, b] *= 1e3
    lengths[b] -= 1
    for memory in state:
        memory[:, b] -= 0.5
    return replace(problem, x=x, state=state, lengths=lengths)


@pytest.mark.parametrize("b", [0, 2, 3])
@in_every_form
def test_a_sample_does_not_influence_the_others(form: Form, b: int) -> None:
    problem = ragged(form)
    others = [k for k in range(4) if k != b]
    other, loss = changed(problem, b), loss_on(problem)
    got, expected = network.gradients(other, loss), network.gradients(problem, loss)
    for a, same in zip(got, expected, strict=True):
        assert_same_samples(a, same, others)


@in_every_form
def test_the_order_of_the_samples_does_not_matter(form: Form) -> None:
    problem, order = ragged(form), [2, 0, 3, 1]
    x, *state = samples(problem, order)
    other, d = replace(problem, x=x, state=State(*state), lengths=LENGTHS[order]), loss_on(problem)
    loss = Cotangents(d.y[:, order], State(*(a[:, order] for a in d.state)))
    for got, expected in zip(network.gradients(other, loss), network.gradients(problem, d), strict=True):
        assert_same_samples(got, expected, [0, 1, 2, 3], as_those=order)


NAN_AT, SICK, HEALTHY = 2, 2, [0, 1, 3]  # within the length of that sample


def sick(form: Form) -> tuple[Problem, Problem]:
    """A problem, and the one with a NaN at one step of one sample."""
    problem = ragged(form)
    x = problem.x.copy()
    x[NAN_AT, SICK, 0] = np.nan
    return problem, replace(problem, x=x)


@pytest.mark.parametrize("directions", [FORWARD, REVERSE], ids=" ".join)
@of_every_cell
def test_nan_is_in_its_own_sample_from_its_step_on(form: Form, directions: Any) -> None:
    problem, ill = sick(replace(form, layers=2, directions=directions))
    answer, before = network.forward(ill), network.forward(problem)
    infected = STEPS >= NAN_AT if directions == FORWARD else STEPS <= NAN_AT
    assert np.isnan(answer.y[infected, SICK]).all()
    assert all(np.isnan(a[:, SICK]).all() for a in answer.state)
    np.testing.assert_array_equal(answer.y[~infected, SICK], before.y[~infected, SICK], strict=True)


@in_every_form
def test_nan_leaves_the_other_samples_and_their_gradients_as_they_were(form: Form) -> None:
    problem, ill = sick(form)
    d = loss_on(problem)
    for got, expected in zip(network.gradients(ill, d), network.gradients(problem, d), strict=True):
        assert_same_samples(got, expected, HEALTHY)
