"""That the gradients are derivatives: of every parameter, input and initial state, against 50-digit differences."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from conformance.assertions.backward import name_parts
from conformance.problems.question import Context, Question
from conformance.problems.recipes import problems, questions
from conformance.tolerance.backpropagation import free_backpropagation
from conformance.tolerance.trajectories import ORDER, free_trajectory
from lstm_spec import REFERENCE, Array, Cotangents, Gradients, Problem, State, error_model, network, pack
from lstm_spec.gradients import run_gradient
from tests.helpers import oracle

MODEL = error_model("relative", "float64")
CONTEXT = Context(np.dtype("float64"), REFERENCE.description)
DENSE = dict(x="dense", W="by-width", U="by-width dense", b="dense", h="within-1", c="dense")
SIZES = dict(T=(1, 3, 5), I=(1, 4), H=(2, 3))
LOSS = dict(dy="dense", dh="dense", dc="dense")
OF_ONE = questions(problems(B=1, **SIZES, **DENSE), **LOSS)(CONTEXT)
OF_TWO = questions(problems(B=2, **SIZES, **DENSE), **LOSS)(CONTEXT)
FEW = settings(max_examples=5, derandomize=True, database=None, deadline=None)


def numerical_gradients(problem: Problem, d: Cotangents) -> dict[str, Array]:
    """The derivatives of the oracle's loss, under the names of `bounds.parts`."""
    weights = {k: tuple(oracle.exactly(a) for a in getattr(problem.layer, k)[:3]) for k in ORDER}
    x, h, c = oracle.exactly(problem.x), *(oracle.exactly(a[0]) for a in problem.state)
    dy, dh, dc = oracle.exactly(d.y), *(oracle.exactly(a[0]) for a in d.state)

    def loss() -> oracle.Number:
        of_samples = (oracle.loss(weights, x[:, b], h[b], c[b], dy[:, b], dh[b], dc[b]) for b in range(len(h)))
        return sum(of_samples)

    of_gates = (np.concatenate([oracle.gradient(loss, weights[k][part]) for k in ORDER]) for part in range(3))
    of_inputs = (oracle.gradient(loss, a) for a in (x, h, c))
    return dict(zip(("dW", "dU", "db", "dx", "dh_0", "dc_0"), (*of_gates, *of_inputs), strict=True))


def assert_derivatives(gradients: Gradients, problem: Problem, d: Cotangents) -> None:
    """Every gradient lies as near to the exact derivative as a free run of the equations is sure of it."""
    expected = numerical_gradients(problem, d)
    sure = free_backpropagation(problem, free_trajectory(problem, MODEL), d, MODEL)
    found = name_parts(gradients, sure)
    assert found.keys() == expected.keys()
    for name, part in found.items():
        assert part.got.shape == expected[name].shape, name
        assert (oracle.distance(part.got, expected[name]) <= part.expected.error).all(), name


@FEW
@given(OF_ONE)
def test_the_gradients_of_a_sequence_are_its_derivatives(question: Question) -> None:
    problem, d = question
    before, after = (State(*(a[0, 0] for a in s)) for s in (problem.state, d.state))
    dp, dx, ds = run_gradient(problem.layer, problem.x[:, 0], before, d.y[:, 0], after)
    gradients = Gradients(((dp,),), dx[:, None], State(*(a[None, None] for a in ds)))
    assert_derivatives(gradients, problem, d)


@FEW
@given(OF_TWO)
def test_the_gradients_of_a_batch_are_the_derivatives_of_the_summed_loss(question: Question) -> None:
    _, gradients = network.gradients(*question)
    assert_derivatives(gradients, *question)


@FEW
@given(OF_TWO)
def test_the_answer_beside_the_gradients_is_that_of_the_forward_pass(question: Question) -> None:
    answer, _ = network.gradients(*question)
    forward = network.forward(question.problem)
    for got, expected in zip((answer.y, *answer.state), (forward.y, *forward.state), strict=True):
        np.testing.assert_array_equal(got, expected, strict=True)


@FEW
@given(OF_TWO)
def test_an_empty_sequence_hands_the_cotangents_of_its_state_back(question: Question) -> None:
    problem, d = replace(question.problem, x=question.problem.x[:0]), replace(question.d, y=question.d.y[:0])
    _, gradients = network.gradients(problem, d)
    np.testing.assert_array_equal(gradients.state.h, d.state.h, strict=True)
    np.testing.assert_array_equal(gradients.state.c, d.state.c, strict=True)
    assert gradients.x.shape == problem.x.shape
    assert not any(part.any() for part in pack(gradients.parameters[0][0]))


@FEW
@given(OF_TWO)
def test_an_empty_batch_has_parameter_gradients_that_are_zero(question: Question) -> None:
    problem, d = question
    none = [State(*(a[:, :0] for a in s)) for s in (problem.state, d.state)]
    empty = replace(problem, x=problem.x[:, :0], state=none[0])
    _, gradients = network.gradients(empty, Cotangents(d.y[:, :0], none[1]))
    for got, like in zip(pack(gradients.parameters[0][0]), pack(problem.layer), strict=True):
        np.testing.assert_array_equal(got, np.zeros_like(like), strict=True)
    assert gradients.x.shape == empty.x.shape
