"""That the equations are the LSTM: worked by hand, in 50 digits, and at the ends of the real line."""

from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings

from conformance.problems.question import Context
from conformance.problems.recipes import problems
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import REFERENCE, Array, Cotangents, Gate, Parameters, Problem, State, error_model, network
from lstm_spec.equations import run, sigmoid, tanh
from tests.helpers import oracle

MODEL = error_model("relative", "float64")
CONTEXT = Context(np.dtype("float64"), REFERENCE.description)
DENSE = dict(x="dense", W="by-width", U="by-width dense", b="dense", h="within-1", c="dense")
ASYMMETRIC = problems(T=(1, 4, 7, 10), B=(1, 3), I=(2, 5), H=(1, 3, 4), **DENSE)(CONTEXT)
SEVERAL = settings(max_examples=12, derandomize=True, database=None, deadline=None)


def sample(problem: Problem, b: int) -> tuple[Array, State]:
    return problem.x[:, b], State(*(a[0, b] for a in problem.state))


# ---------------------------------------------------------------- worked by hand


def gate_by_hand(w: float, a: float, b: float) -> Gate:
    """Receives ln(w b / a) where x = 1 and h = -2/5, and ln(a b / w) where x = -1 and h = 2/5."""
    return Gate(np.array([[log(w)]]), np.array([[5 / 2 * log(a)]]), np.array([log(b)]))


def problem_by_hand() -> Problem:
    """σ(ln q) = q / (1 + q) and tanh(ln q) = (q² - 1) / (q² + 1), so every gate is a fraction."""
    layer = Parameters(
        i=gate_by_hand(2, 3, 6),  # ln 4, then ln 9: 4/5, then 9/10
        f=gate_by_hand(3, 2, 1 / 2),  # ln 3/4, then ln 1/3: 3/7, then 1/4
        g=gate_by_hand(3 / 4, 1 / 2, 2),  # ln 3, then ln 4/3: 4/5, then 7/25
        o=gate_by_hand(1 / 2, 2, 8),  # ln 2, then ln 32: 2/3, then 32/33
    )
    c = 7 / 3 * (log(2) - 16 / 25)
    state = State(np.array([[[-2 / 5]]]), np.array([[[c]]]))
    return Problem(((layer,),), np.array([[[1.0]], [[-1.0]]]), state)


def test_a_sequence_worked_by_hand_comes_out() -> None:
    """The rounding of the logarithms fits where the bound leaves room for the rounding of a second float64 run."""
    problem = problem_by_hand()
    allowed = free_trajectory(problem, MODEL)
    x, s = sample(problem, 0)
    _, first = run(problem.layer, x[:1], s)
    y, last = run(problem.layer, x, s)
    r = sqrt(2) * exp(63 / 125)  # exp(2 c_2)
    c = [log(2), log(2) / 4 + 63 / 250]  # 3/7 c_0 + 4/5 4/5, then 1/4 ln 2 + 9/10 7/25
    h = [2 / 5, 32 / 33 * (r - 1) / (r + 1)]  # 2/3 tanh(ln 2) = 2/3 3/5, then 32/33 tanh(c_2)
    assert (np.abs([*first.c, *last.c] - np.array(c)) <= allowed.c.error[:, 0, 0]).all()
    assert (np.abs(y[:, 0] - h) <= allowed.h.error[:, 0, 0]).all()


# ---------------------------------------------------------------- in 50 digits


@SEVERAL
@given(ASYMMETRIC)
def test_a_run_is_as_near_to_exact_arithmetic_as_its_bound_says(problem: Problem) -> None:
    allowed = free_trajectory(problem, MODEL)
    weights = {k: tuple(oracle.exactly(a) for a in getattr(problem.layer, k)[:3]) for k in "ifgo"}
    for b in range(problem.x.shape[1]):
        x, s = sample(problem, b)
        y, after = run(problem.layer, x, s)
        outputs, h, c = oracle.forward(weights, oracle.exactly(x), oracle.exactly(s.h), oracle.exactly(s.c))
        assert (oracle.distance(y, outputs) <= allowed.h.error[:, b]).all()
        assert (oracle.distance(after.h, h) <= allowed.h.error[-1, b]).all()
        assert (oracle.distance(after.c, c) <= allowed.c.error[-1, b]).all()


def everywhere() -> Array:
    """Across the real line, and closely around zero."""
    fine = np.concatenate([np.geomspace(1e-300, 1, 61), np.linspace(0, 750, 301)])
    return np.concatenate([-fine, fine])


def test_sigmoid_and_tanh_keep_their_relative_grade() -> None:
    z = everywhere()
    for activation, exact, r in ((sigmoid, oracle.logistic, MODEL.r_s), (tanh, oracle.EXACT.tanh, MODEL.r_t)):
        wanted = [exact(v) for v in oracle.exactly(z)]
        allowed = r * MODEL.u * np.abs(np.array(wanted, np.float64)) + MODEL.eta
        assert (oracle.distance(activation(z), wanted) <= allowed).all()


# ---------------------------------------------------------------- a batch


@SEVERAL
@given(ASYMMETRIC)
def test_a_batch_is_its_samples_one_by_one(problem: Problem) -> None:
    answer = network.forward(problem)
    assert answer.state.h.shape == problem.state.h.shape and answer.state.c.shape == problem.state.c.shape
    for b in range(problem.x.shape[1]):
        y, (h, c) = run(problem.layer, *sample(problem, b))
        np.testing.assert_array_equal(answer.y[:, b], y, strict=True)
        np.testing.assert_array_equal(answer.state.h[0, b], h, strict=True)
        np.testing.assert_array_equal(answer.state.c[0, b], c, strict=True)


@SEVERAL
@given(ASYMMETRIC)
def test_the_last_output_is_the_hidden_state_that_is_left(problem: Problem) -> None:
    answer = network.forward(problem)
    np.testing.assert_array_equal(answer.y[-1], answer.state.h[0], strict=True)


def test_an_empty_sequence_leaves_the_initial_state() -> None:
    problem = problem_by_hand()
    answer = network.forward(replace(problem, x=problem.x[:0]))
    assert answer.y.shape == (0, 1, 1)
    np.testing.assert_array_equal(answer.state.h, problem.state.h, strict=True)
    np.testing.assert_array_equal(answer.state.c, problem.state.c, strict=True)


def test_an_empty_batch_has_an_empty_answer() -> None:
    problem = problem_by_hand()
    empty = State(*(a[:, :0] for a in problem.state))
    answer = network.forward(replace(problem, x=problem.x[:, :0], state=empty))
    assert [a.shape for a in (answer.y, *answer.state)] == [(2, 0, 1), (1, 0, 1), (1, 0, 1)]


# ---------------------------------------------------------------- the carousel


def carousel() -> Problem:
    """f = 1 and i = 0, to the last bit, whatever is read."""
    rng = np.random.default_rng(1)
    i, f, g, o = (
        Gate(rng.standard_normal((3, 2)), rng.standard_normal((3, 3)), np.full(3, b)) for b in (-1e3, 1e3, 0.5, -0.5)
    )
    state = State(rng.uniform(-1, 1, (1, 1, 3)), 3 * rng.standard_normal((1, 1, 3)))
    return Problem(((Parameters(i, f, g, o),),), rng.standard_normal((2000, 1, 2)), state)


def test_the_carousel_keeps_the_cell_state_to_the_last_bit() -> None:
    problem = carousel()
    answer = network.forward(problem)
    np.testing.assert_array_equal(answer.state.c, problem.state.c, strict=True)
    assert len(np.unique(answer.y[:, 0, 0])) > 1, "the output gate has to be at work"


def test_the_carousel_keeps_the_gradient_to_the_last_bit() -> None:
    problem = carousel()
    dc = np.random.default_rng(2).standard_normal(problem.state.c.shape)
    d = Cotangents(np.zeros((2000, 1, 3)), State(np.zeros_like(dc), dc))
    _, gradients = network.gradients(problem, d)
    np.testing.assert_array_equal(gradients.state.c, dc, strict=True)


# ---------------------------------------------------------------- the ends of the real line


@pytest.mark.parametrize("z", [750.0, 1e4, np.finfo(np.float64).max, np.inf])
def test_sigmoid_is_open_or_shut_without_a_warning_far_out(z: float) -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        np.testing.assert_array_equal(sigmoid(np.array([z, -z])), [1.0, 0.0])


def test_a_gate_and_its_mirror_add_up_to_one() -> None:
    z = everywhere()
    assert (np.abs(sigmoid(z) + sigmoid(-z) - 1) <= 2 * np.spacing(1.0)).all()
