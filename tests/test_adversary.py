"""Whether the bounds are sound and sharp: the legal adversary reaches each of them and exceeds none."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from conformance.backpropagation import Backpropagation, free_backpropagation, observed_backpropagation
from conformance.rounding import Bounded
from conformance.trajectories import Trajectory, free_trajectory, observed_trajectory
from lstm_spec import Array, Cotangents, ErrorModel, Packed, Problem, State, error_model, unpack
from tests.adversary import KINDS, Adversary, Outcome, Signs, aligned, random_signs, run, uniform_signs

Question = tuple[Problem, Cotangents]
Ratios = dict[str, float]

RELATIVE, ABSOLUTE = error_model("relative", "float32"), error_model("absolute", "float32")
MODELS = {
    "relative": RELATIVE,
    "absolute": ABSOLUTE,
    # Nobody's grades. Coarse: a missing term of second order would show. Flushing: a missing eta would.
    "coarse": ErrorModel(2.0**-8, 2.0**-11, 2.0**-126, r_s=2.0, r_t=2.0, u_h=2.0**-8, u_c=2.0**-7),
    "flushing": replace(RELATIVE, eta=2.0**-14),
}
FIELDS = [
    *(("relative", field) for field in ("u", "u_acc", "eta", "r_s", "r_t")),
    *(("absolute", field) for field in ("s_abs", "t_abs")),
    *(("coarse", field) for field in ("u_h", "u_c")),
]
SIGNS: dict[str, Callable[[], Signs]] = {
    "aligned": lambda: aligned,
    "random": lambda: random_signs(1),
    "uniform": lambda: uniform_signs(2),
}
MODES = ("plain", "forgetful", "saturated", "sparse", "quiet")


# ---------------------------------------------------------------- problems


@cache
def questions(n: int, longest: int, widest: int, largest_scale: float) -> tuple[Question, ...]:
    """n of them, all modes in turn."""
    rng = np.random.default_rng(7)
    return tuple(question(rng, MODES[k % len(MODES)], longest, widest, largest_scale) for k in range(n))


def question(rng: np.random.Generator, mode: str, longest: int, widest: int, largest_scale: float) -> Question:
    T, B, H = (round(np.exp(rng.uniform(0, np.log(most)))) for most in (longest, 4, widest))
    inputs, scale = rng.integers(1, 9), np.exp(rng.uniform(np.log(0.01), np.log(largest_scale)))
    x, h, c = rng.normal(size=(T, B, inputs)), rng.uniform(-1, 1, (1, B, H)), rng.normal(size=(1, B, H))
    W, U, b = (scale * rng.normal(size=(4 * H, n)) for n in (inputs, H, 1))
    bent: dict[str, Callable[[], tuple[Array, ...]]] = {
        "plain": lambda: (W, U, b[:, 0], x, c),
        "forgetful": lambda: (W, U, b[:, 0] + gatewise(H, 0, rng.uniform(1, 12), 0, 0), x, c),
        "saturated": lambda: (W, U, b[:, 0] + 15 * rng.normal(size=4 * H), x, c),
        "sparse": lambda: (W, U, b[:, 0], x * (rng.random(inputs) < 0.5), c),
        # Gates almost shut and a small cell state: errors of first order alone, in step with each other.
        "quiet": lambda: (0.001 * W, 0.001 * U, gatewise(H, -20, -20, 0.001, -20), x, 0.001 * c),
    }
    W, U, b, x, c = bent[mode]()
    return Problem(((unpack(Packed(W, U, b)),),), x, State(h, c)), cotangents(rng, T, B, H)


def gatewise(H: int, i: float, f: float, g: float, o: float) -> Array:
    return np.repeat([i, f, g, o], H)


def cotangents(rng: np.random.Generator, T: int, B: int, H: int) -> Cotangents:
    """Of a loss on everything, or on what is returned last."""
    every_step = rng.random() < 0.5
    return Cotangents(every_step * rng.normal(size=(T, B, H)), State(*rng.normal(size=(2, 1, B, H))))


# ---------------------------------------------------------------- error / bound


def observed(q: Question, outcome: Outcome, m: ErrorModel) -> Ratios:
    forward = observed_trajectory(q[0], outcome.y, m)
    return ratios(outcome, forward, observed_backpropagation(q[0], forward, q[1], outcome.dz, m))


def free(q: Question, outcome: Outcome, m: ErrorModel) -> Ratios:
    forward = free_trajectory(q[0], m)
    return ratios(outcome, forward, free_backpropagation(q[0], forward, q[1], m))


def ratios(outcome: Outcome, forward: Trajectory, b: Backpropagation) -> Ratios:
    c_T = Bounded(forward.c.value[-1], forward.c.error[-1])
    expected = (forward.h, c_T, b.dz, b.dW, b.dU, b.db, b.dx, b.dh, b.dc)
    return dict(zip(Outcome._fields, map(ratio, outcome, expected), strict=True))


def ratio(value: Array, expected: Bounded) -> float:
    """The largest; 0 where nothing is off. What is not a number stays one, and fails every comparison."""
    error = np.abs(value - expected.value)
    with np.errstate(divide="ignore"):
        return float(np.divide(error, expected.error, where=error != 0, out=np.zeros_like(error)).max())


@cache
def measured(model: str, signs: str) -> list[Ratios]:
    """Question by question, against the observed bounds."""
    adversary = Adversary(MODELS[model], SIGNS[signs]())
    return [
        observed(q, run(*q, adversary), adversary.model)
        for q in questions(75, longest=80, widest=24, largest_scale=10.0)
    ]


def worst(found: list[Ratios]) -> Ratios:
    """A NaN in any of them prevails."""
    return {name: float(np.max([r[name] for r in found])) for name in Outcome._fields}


def exceeded(found: list[Ratios]) -> Ratios:
    return {name: r for name, r in worst(found).items() if not r <= 1}


def against(adversary: Adversary, judge: ErrorModel) -> list[Ratios]:
    """On problems so small that every allowance is a noticeable part of some bound."""
    return [observed(q, run(*q, adversary), judge) for q in questions(100, longest=3, widest=2, largest_scale=10.0)]


# ---------------------------------------------------------------- tests


@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize("model", MODELS)
def test_the_adversary_exceeds_no_bound(model: str, signs: str) -> None:
    assert not exceeded(measured(model, signs))


@pytest.mark.parametrize("output", Outcome._fields)
@pytest.mark.parametrize("model", ["relative", "absolute"])
def test_the_adversary_reaches_every_bound(model: str, output: str) -> None:
    assert max(worst(measured(model, signs))[output] for signs in SIGNS) >= 0.99


@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize("model", MODELS)
def test_the_adversary_exceeds_no_free_bound(model: str, signs: str) -> None:
    adversary = Adversary(MODELS[model], SIGNS[signs]())
    short = questions(75, longest=6, widest=8, largest_scale=1.0)
    assert not exceeded([free(q, run(*q, adversary), adversary.model) for q in short])


def test_the_adversary_is_off_by_nothing_but_its_allowances() -> None:
    honest = Adversary(RELATIVE, np.zeros_like)
    assert max(worst(against(honest, RELATIVE)).values()) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_greedy_adversary_exceeds_a_bound(kind: str) -> None:
    assert exceeded(against(Adversary(RELATIVE, aligned, kind), RELATIVE))


@pytest.mark.parametrize(("model", "field"), FIELDS)
def test_a_model_with_a_field_halved_is_exceeded(model: str, field: str) -> None:
    legal = MODELS[model]
    halved = replace(legal, **{field: getattr(legal, field) / 2})
    assert not exceeded(against(Adversary(legal, aligned), legal))
    assert exceeded(against(Adversary(legal, aligned), halved))
