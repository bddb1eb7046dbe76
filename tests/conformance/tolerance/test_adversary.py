"""Whether the bounds are sound and sharp: the legal adversary reaches each of them and exceeds none."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from conformance.tolerance.backpropagation import free_backpropagation, observed_backpropagation
from conformance.tolerance.layer_backward import Backpropagation
from conformance.tolerance.reading import Trajectory
from conformance.tolerance.rounding import Bounded
from conformance.tolerance.trajectories import free_trajectory, observed_trajectory
from lstm_spec import Array, Cotangents, ErrorModel, Packed, Problem, State, error_model, unpack
from lstm_spec.storage import NARROW as NARROW_DTYPES
from tests.helpers.adversary import (
    EVERYWHERE,
    KINDS,
    RETURNED,
    ROUNDED_ALONE,
    Adversary,
    Outcome,
    aligned,
    random_signs,
    run,
    uniform_signs,
)

Question = tuple[Problem, Cotangents]
Ratios = dict[str, float]

RELATIVE, ABSOLUTE = error_model("relative", "float32"), error_model("absolute", "float32")
NARROW = {f"{grade}, {dtype}": error_model(grade, dtype) for grade in ("op-by-op", "wide") for dtype in NARROW_DTYPES}
# What may be lost in underflow has a part in each bound that no adversary reaches together with the rest of it.
WITHOUT_UNDERFLOW = {f"{name}, without underflow": replace(model, eta=2.0**-1022) for name, model in NARROW.items()}
MODELS = {
    "relative": RELATIVE,
    "absolute": ABSOLUTE,
    **NARROW,
    **WITHOUT_UNDERFLOW,
    # Nobody's grades. Coarse: a missing term of second order would show. Flushing: a missing eta would.
    "coarse": ErrorModel(2.0**-8, 2.0**-11, 2.0**-126, r_s=2.0, r_t=2.0, u_h=2.0**-8, u_c=2.0**-7),
    "flushing": replace(RELATIVE, eta=2.0**-14, u_h=2.0**-6, u_c=2.0**-6),
}
FIELDS = [
    *(("relative", field) for field in ("u", "u_acc", "eta", "r_s", "r_t")),
    *(("absolute", field) for field in ("s_abs", "t_abs")),
    *(("coarse", field) for field in ("u_h", "u_c")),
    *(("op-by-op, bfloat16", field) for field in ("u", "u_acc", "pre", "r_s", "r_t", "acc_steps")),
    *(("op-by-op, float16", field) for field in ("u", "u_acc", "eta", "pre", "r_s", "r_t", "acc_steps")),
    *(("wide, bfloat16", field) for field in ("u_h", "wide_h", "wide_d")),
    *(("wide, float16", field) for field in ("eta", "u_h", "wide_h", "wide_d")),
]
KINDS_BY_MODEL = [
    *(("relative", kind) for kind in KINDS),
    *(("coarse", kind) for kind in ("stored h", "stored c")),
    *((f"op-by-op, {dtype}", kind) for dtype in NARROW_DTYPES for kind in ROUNDED_ALONE),
    *(("wide, bfloat16", kind) for kind in RETURNED),
    # In float16 the underflow that F10 grants to any association outweighs a twentieth of a returned dz.
    *(("wide, float16", kind) for kind in RETURNED if kind != "returned dz"),
]
STYLES: dict[str, Callable[[ErrorModel], Adversary]] = {
    "aligned": lambda m: Adversary(m, aligned),
    "otherwise": lambda m: Adversary(m, aligned, shows_less=True, from_the_right=True),
    "random": lambda m: Adversary(m, random_signs(1)),
    "uniform": lambda m: Adversary(m, uniform_signs(2), shows_less=True),
}
# Errors between the extremes are hardly the worst: left to `make soak`.
ALL_STYLES = [*(style for style in STYLES if style != "uniform"), pytest.param("uniform", marks=pytest.mark.soak)]
MODES = ("plain", "forgetful", "saturated", "sparse", "quiet", "broad", "plain")  # an odd number: see half_of_them_loud
LOUD = 2.0**30


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
        # So many summands that what each may lose in underflow outweighs what else may underflow.
        "broad": lambda: (0.01 * np.tile(W, 12), 0.01 * U, b[:, 0], np.tile(x, 12), c),
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


def free(q: Question, outcome: Outcome, m: ErrorModel, handed_on: bool = False) -> Ratios:
    forward = free_trajectory(q[0], m, handed_on)
    return ratios(outcome, forward, free_backpropagation(q[0], forward, q[1], m, handed_on))


def ratios(outcome: Outcome, forward: Trajectory, b: Backpropagation) -> Ratios:
    expected = (forward.h, forward.last, b.dz, b.dW, b.dU, b.db, b.dx, b.dh, b.dc)
    return dict(zip(Outcome._fields, map(ratio, outcome, expected), strict=True))


def ratio(value: Array, expected: Bounded) -> float:
    """The largest; 0 where nothing is off. What is not a number stays one, and fails every comparison."""
    error = np.abs(value - expected.value)
    with np.errstate(divide="ignore"):
        return float(np.divide(error, expected.error, where=error != 0, out=np.zeros_like(error)).max())


@cache
def measured(model: str, style: str) -> list[Ratios]:
    """Question by question, against the observed bounds."""
    adversary = STYLES[style](MODELS[model])
    asked = half_of_them_loud(questions(72, longest=80, widest=24, largest_scale=10.0))
    return [observed(q, run(*q, adversary), adversary.model) for q in asked]


def half_of_them_loud(asked: tuple[Question, ...]) -> tuple[Question, ...]:
    """As MODES is of odd length, that is half of every mode."""
    return *asked[::2], *map(loud, asked[1::2])


def loud(q: Question) -> Question:
    """With so large cotangents that nothing underflows beside them."""
    problem, d = q
    return problem, Cotangents(LOUD * d.y, State(LOUD * d.state.h, LOUD * d.state.c))


def worst(found: list[Ratios]) -> Ratios:
    """A NaN in any of them prevails."""
    return {name: float(np.max([r[name] for r in found])) for name in Outcome._fields}


def exceeded(found: list[Ratios]) -> Ratios:
    return {name: r for name, r in worst(found).items() if not r <= 1}


def short() -> tuple[Question, ...]:
    return questions(72, longest=6, widest=8, largest_scale=1.0)


def tiny() -> tuple[Question, ...]:
    """So small that every allowance is a noticeable part of some bound."""
    return half_of_them_loud(questions(100, longest=3, widest=2, largest_scale=10.0))


def against(adversary: Adversary, judge: ErrorModel) -> Iterator[Ratios]:
    return (observed(q, run(*q, adversary), judge) for q in tiny())


@cache
def legal_outcomes(model: str) -> list[Outcome]:
    """What the legal adversary of a model makes of the tiny problems."""
    return [run(*q, Adversary(MODELS[model], aligned)) for q in tiny()]


def judged_by(judge: ErrorModel, outcomes: list[Outcome]) -> Iterator[Ratios]:
    return (observed(q, outcome, judge) for q, outcome in zip(tiny(), outcomes, strict=True))


@cache
def stays_within_its_own_model(model: str) -> bool:
    return not any_exceeds(judged_by(MODELS[model], legal_outcomes(model)))


def any_exceeds(found: Iterator[Ratios]) -> bool:
    """Whether one of the questions shows it; no more are asked than it takes."""
    return any(not r <= 1 for ratios in found for r in ratios.values())


# ---------------------------------------------------------------- tests


@pytest.mark.parametrize("style", ALL_STYLES)
@pytest.mark.parametrize("model", MODELS)
def test_the_adversary_exceeds_no_bound(model: str, style: str) -> None:
    assert not exceeded(measured(model, style))


@pytest.mark.parametrize("output", Outcome._fields)
@pytest.mark.parametrize("model", ["relative", "absolute", *NARROW, *WITHOUT_UNDERFLOW])
def test_the_adversary_reaches_every_bound(model: str, output: str) -> None:
    reached = max(worst(measured(model, style))[output] for style in STYLES if style != "uniform")
    assert reached >= (0.95 if model in NARROW else 0.99)


@pytest.mark.parametrize("style", ALL_STYLES)
@pytest.mark.parametrize("model", MODELS)
def test_the_adversary_exceeds_no_free_bound(model: str, style: str) -> None:
    adversary = STYLES[style](MODELS[model])
    assert not exceeded([free(q, run(*q, adversary), adversary.model) for q in short()])


@pytest.mark.parametrize("cuts", [EVERYWHERE, frozenset({2})], ids=["everywhere", "once"])
@pytest.mark.parametrize("style", ALL_STYLES)
@pytest.mark.parametrize("model", NARROW)
def test_what_is_handed_on_exceeds_no_free_bound(model: str, style: str, cuts: frozenset[int]) -> None:
    adversary = STYLES[style](MODELS[model])
    assert not exceeded([free(q, run(*q, adversary, cuts), adversary.model, handed_on=True) for q in short()])


@pytest.mark.parametrize("dtype", NARROW_DTYPES)
def test_what_is_handed_on_exceeds_the_bounds_of_a_run_in_one_piece(dtype: str) -> None:
    adversary = STYLES["aligned"](MODELS[f"wide, {dtype}"])
    found = exceeded([free(q, run(*q, adversary, EVERYWHERE), adversary.model) for q in map(loud, short())])
    assert {"c_T", "dc_0"} <= found.keys()


def test_the_adversary_is_off_by_nothing_but_its_allowances() -> None:
    for model in (RELATIVE, *NARROW.values()):
        honest = Adversary(model, np.zeros_like)
        assert max(worst(list(against(honest, model))).values()) < 1e-6


@pytest.mark.parametrize(("model", "kind"), KINDS_BY_MODEL)
def test_a_greedy_adversary_exceeds_a_bound(model: str, kind: str) -> None:
    assert any_exceeds(against(Adversary(MODELS[model], aligned, kind), MODELS[model]))


@pytest.mark.parametrize(("model", "field"), FIELDS)
def test_a_model_with_a_field_halved_is_exceeded(model: str, field: str) -> None:
    legal = MODELS[model]
    halved = replace(legal, **{field: half(getattr(legal, field))})
    assert stays_within_its_own_model(model)
    assert any_exceeds(judged_by(halved, legal_outcomes(model)))


def half(value: Any) -> Any:
    """Of a number of roundings, and of a yes, what is below it."""
    return value // 2 if isinstance(value, int) else value / 2
