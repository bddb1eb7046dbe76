"""That the float64 oracle is as near to exact arithmetic as it is taken to be.

`python -m tests.conformance.tolerance.test_rigorous` asks of 1,000 problems.
"""

import importlib
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from click.testing import CliRunner

from backends.numpy.backend import BACKEND
from conformance.assertions.backward import assert_gate_gradients_conform, assert_part_conforms, name_parts
from conformance.assertions.comparison import model_of
from conformance.assertions.forward import assert_conforms
from conformance.assertions.probes import Probed, probe_gates
from conformance.cli.main import main as main_command
from conformance.outcome import Refuted
from conformance.problems.build import build_loss, build_problem
from conformance.problems.fillings import FILLINGS, USUAL
from conformance.problems.form import Form
from conformance.problems.question import Question
from conformance.tolerance import layer, layer_backward, rounding
from conformance.tolerance.backpropagation import observed_backpropagation
from conformance.tolerance.rigorous import (
    LARGEST_AUDITED,
    ORACLE,
    audit_backward,
    audit_forward,
    enclose_backward,
    enclose_forward,
    float64_error,
    rigorous,
)
from conformance.tolerance.rounding import Bounded
from conformance.tolerance.trajectories import ORDER, observed_trajectory
from lstm_spec import Answer, Array, Cotangents, Gate, Parameters, Problem, State
from tests.helpers import oracle
from tests.helpers.imports import list_imports

QUANTITIES = ("i", "f", "g", "o", "c", "squashed", "h", "dz", "dW", "dU", "db", "dx", "dh", "dc")
LETTERS = ("x", "W", "U", "b", "h", "c", "dy", "dh", "dc")
LONG = 30  # each 30th problem has T = 1000
SAMPLE, ALL = 2 * LONG, 1000
TINY = 1e-20  # of what the oracle is granted
MISSING = 'python-flint is not installed; pip install "lstm-spec[audit]"'


# ---------------------------------------------------------------- problems


def question(k: int) -> Question:
    """The k-th: T up to 1000, fillings as in a run or any at all, each fifth with weights of scale 5."""
    rng = np.random.default_rng([14, k])
    T, B, I, H = (round(float(np.exp(rng.uniform(0, np.log(most))))) for most in (1000, 5, 9, 33))
    every = {letter: " ".join(FILLINGS) for letter in LETTERS}
    kinds = {letter: rng.choice((every if k % 4 == 3 else USUAL)[letter].split()) for letter in LETTERS}
    kinds |= {"W": "wide", "U": "wide"} if k % 5 == 0 else {}
    x, W, U, b, h, c, dy, dh, dc = (str(kind) for kind in kinds.values())
    dtype = np.dtype(str(rng.choice(["float32", "float64"])))
    problem = build_problem(dtype, Form(), (1000 if k % LONG == LONG - 1 else T, B, I, H), (x, W, U, b, h, c), k)
    return Question(problem, build_loss(problem, (dy, dh, dc), k))


def small(k: int, T: int = 4, dtype: str = "float64") -> Question:
    problem = build_problem(
        np.dtype(dtype), Form(), (T, 2, 3, 4), ("dense", "dense", "dense", "dense", "within-1", "dense"), k
    )
    return Question(problem, build_loss(problem, ("dense", "dense", "dense"), k))


def observed(q: Question) -> Probed:
    """What the NumPy backend returns; gate gradients that overflow are put to 0, as the judge does."""
    with np.errstate(all="ignore"):
        seen = probe_gates(BACKEND, *q)
    return seen._replace(dz=np.nan_to_num(seen.dz.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0))


def before(problem: Problem, y: Array) -> Array:
    return np.concatenate([problem.state.h, y])[:-1]


def errors(q: Question) -> dict[str, float]:
    seen = observed(q)
    with np.errstate(all="ignore"):
        return float64_error(q.problem, seen.answer.y, q.d, seen.dz)


# ---------------------------------------------------------------- the float64 oracle


@pytest.mark.parametrize("k", range(SAMPLE))
def test_the_float64_oracle_errs_by_no_more_than_it_is_granted(k: int) -> None:
    found = errors(question(k))
    assert set(QUANTITIES) <= set(found)
    assert {name: ratio for name, ratio in found.items() if not ratio <= 1} == {}


@pytest.mark.parametrize("k", range(0, SAMPLE, 4))
def test_the_balls_are_tiny(k: int) -> None:
    problem, d = question(k)
    seen = observed(Question(problem, d))
    first = observed_trajectory(problem, seen.answer.y, ORACLE)
    granted = vars(first) | vars(observed_backpropagation(problem, first, d, seen.dz, ORACLE))
    exact = enclose_forward(problem, before(problem, seen.answer.y))
    balls = exact._asdict() | enclose_backward(problem, exact, d, seen.dz)._asdict()
    for name in QUANTITIES:
        assert (radii(balls[name]) <= TINY * granted[name].error).all(), name


def radii(balls: Array) -> Array:
    return np.array([float(ball.rad()) for ball in balls.flat]).reshape(balls.shape)


def off(relative: float, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with the value of what it returns too large by so much."""

    def wrong(*given: Any) -> Any:
        q = function(*given)
        return Bounded(q.value * (1 + relative), q.error) if isinstance(q, Bounded) else q * (1 + relative)

    return wrong


@pytest.mark.parametrize(
    "module, name, relative, seen_in",
    [
        (rounding, "sigmoid_value", 1e-14, "i f o c h dz dc"),
        (rounding, "sigmoid_or_tanh", 1e-14, "i f g o c h dz"),
        (rounding, "tanh", 1e-14, "squashed h dz"),
        (layer, "multiplied_cell_state", 1e-13, "c h"),
        (layer_backward, "add_up", 1e-13, "dz dc"),
        (layer_backward, "hidden_cotangent", 1e-13, "dz dc"),
        (layer_backward, "round_sum", 1e-13, "dW dU db dx dh"),
    ],
)
def test_an_oracle_that_errs_by_more_is_found(
    module: Any, name: str, relative: float, seen_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, off(relative, getattr(module, name)))
    found = errors(small(1))
    assert {q: ratio for q, ratio in found.items() if q in seen_in.split() and ratio <= 1} == {}


# ---------------------------------------------------------------- the second, independent one


def in_digits(balls: Array) -> Array:
    """The midpoints in 50 digits, exactly."""
    parts = (ball.mid().man_exp() for ball in balls.flat)
    digits = [oracle.EXACT.ldexp(oracle.EXACT.mpf(int(m)), int(e)) for m, e in parts]
    return np.array(digits, object).reshape(balls.shape)


def agree(balls: Array, digits: Any) -> bool:
    """To 30 digits of the number, or of 1 where it is small."""
    exact = np.array(digits, object)
    return bool((np.abs(in_digits(balls) - exact) <= 1e-30 * (1 + np.abs(exact))).all())


def weights(problem: Problem) -> oracle.Weights:
    return {k: tuple(oracle.exactly(a) for a in getattr(problem.layer, k)[:3]) for k in ORDER}


@pytest.mark.parametrize("k", range(4))
def test_balls_and_mpmath_agree_on_the_forward_pass(k: int) -> None:
    problem, d = small(k)
    h = before(problem, observed(Question(problem, d)).answer.y)
    exact = enclose_forward(problem, h)
    for b in range(h.shape[1]):
        c = oracle.exactly(problem.state.c[0, b])
        for t in range(len(h)):
            x = oracle.exactly(problem.x[t : t + 1, b])
            _, shown, c = oracle.forward(weights(problem), x, oracle.exactly(h[t, b]), c)
            assert agree(exact.h[t, b], shown) and agree(exact.c[t, b], c)


@pytest.mark.parametrize("k", range(2))
def test_balls_and_mpmath_agree_on_the_backward_pass(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "STEP", oracle.EXACT.mpf("1e-17"))  # differences to 1e-33 of the number
    problem, d = small(k, T=3)
    seen = observed(Question(problem, d))
    h = before(problem, seen.answer.y)
    exact = enclose_forward(problem, h)
    got = enclose_backward(problem, exact, d, seen.dz)
    U = oracle.exactly(np.concatenate([getattr(problem.layer, letter).U for letter in ORDER]))
    for b in range(h.shape[1]):
        dc = oracle.exactly(d.state.c[0, b])
        for t in reversed(range(len(h))):
            later = oracle.exactly(seen.dz[t + 1, b]) @ U if t + 1 < len(h) else oracle.exactly(d.state.h[0, b])
            dh = oracle.exactly(d.y[t, b]) + later
            dz, dc = of_one_step(problem, t, b, h[t, b], in_digits(exact.c_before[t, b]), dh, dc)
            assert agree(got.dz[t, b], dz)
        assert agree(got.dc[b], dc)


def of_one_step(problem: Problem, t: int, b: int, h: Array, c: Array, dh: Array, dc: Array) -> tuple[Array, Array]:
    """dz and the cotangent of the c before it, of dh·h_t + dc·c_t."""
    p, x, start, none = weights(problem), oracle.exactly(problem.x[t : t + 1, b]), oracle.exactly(h), 0 * dh

    def loss() -> oracle.Number:
        return oracle.loss(p, x, start, c, [none], dh, dc)

    return np.concatenate([oracle.gradient(loss, p[k][2]) for k in ORDER]), oracle.gradient(loss, c)


@pytest.mark.parametrize("k", range(2))
def test_balls_and_mpmath_agree_on_sums_over_gate_gradients(k: int) -> None:
    problem, d = small(k)
    T, B, I, H = problem.sizes
    seen = observed(Question(problem, d))
    got = enclose_backward(problem, enclose_forward(problem, before(problem, seen.answer.y)), d, seen.dz)
    dz = oracle.exactly(seen.dz.reshape(T * B, 4 * H))
    W, U, _ = (np.concatenate([weights(problem)[k][part] for k in ORDER]) for part in range(3))
    assert agree(got.dW, dz.T @ oracle.exactly(problem.x.reshape(T * B, I)))
    assert agree(got.dU, dz.T @ oracle.exactly(before(problem, seen.answer.y).reshape(T * B, H)))
    assert agree(got.db, dz.sum(axis=0))
    assert agree(got.dx, (dz @ W).reshape(T, B, I))
    assert agree(got.dh, dz[:B] @ U)


# ---------------------------------------------------------------- enclosures in float64


def test_an_enclosure_is_the_nearest_float64_and_how_far_it_is() -> None:
    problem, d = small(1)
    seen = observed(Question(problem, d))
    exact = enclose_forward(problem, before(problem, seen.answer.y))
    balls = exact._asdict() | enclose_backward(problem, exact, d, seen.dz)._asdict()
    for enclosures in (audit_forward(problem, seen.answer.y), audit_backward(problem, seen.answer.y, d, seen.dz)):
        for name, (value, error) in enclosures.items():
            miss = np.abs(oracle.exactly(value) - in_digits(balls[name]))
            assert (miss <= error).all() and (error <= 2.0**-53 * np.abs(value)).all(), name


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, np.float32])
def test_narrow_numbers_are_taken_as_they_are(dtype: Any) -> None:
    """A problem at a narrow dtype is the same problem with its numbers at float64."""
    seen = observed(small(1))
    narrow = stored(np.dtype(dtype), *small(1), seen.answer.y, seen.dz)
    wide = stored(np.dtype("float64"), *narrow)
    one, other = (audit_forward(p, y) | audit_backward(p, y, d, dz) for p, d, y, dz in (narrow, wide))
    for name in one:
        np.testing.assert_array_equal(one[name].value, other[name].value, err_msg=name)


def stored(dtype: np.dtype[Any], problem: Problem, d: Cotangents, *arrays: Array) -> tuple[Any, ...]:
    """All of it rounded to a dtype."""
    layer, to = problem.layer, partial(np.asarray, dtype=dtype)
    gates = (Gate(*map(to, getattr(layer, letter)[:3])) for letter in ORDER)
    narrow = Problem(((Parameters(*gates),),), to(problem.x), State(*map(to, problem.state)))
    return narrow, Cotangents(to(d.y), State(*map(to, d.state))), *map(to, arrays)


# ---------------------------------------------------------------- in place of the oracle


def judged(q: Question) -> None:
    """Raises Refuted where the NumPy backend is not right in all that is judged from observed states."""
    seen = probe_gates(BACKEND, *q)
    expected = assert_gate_gradients_conform(BACKEND, *q, seen.answer, seen.dz)
    for part in name_parts(seen.gradients, expected).values():
        assert_part_conforms(part, q.problem, seen.dz)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k", range(4))
def test_a_right_backend_is_right_by_the_balls(k: int, dtype: str) -> None:
    with rigorous() as passes:
        judged(small(k, T=50, dtype=dtype))
    assert passes == {"audited": 2}


@pytest.mark.parametrize(
    "module, name, relative",
    [(rounding, "sigmoid_value", 1e-13), (layer, "multiplied_cell_state", 1e-13), (layer_backward, "round_sum", 1e-13)],
)
def test_a_wrong_oracle_deceives_the_judge_only_without_the_balls(
    module: Any, name: str, relative: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, off(relative, getattr(module, name)))
    with pytest.raises(Refuted):
        judged(small(1))
    with rigorous():
        judged(small(1))


def test_the_balls_are_judged_by_with_less_room_than_the_oracle() -> None:
    problem, d = small(1)
    y = observed(Question(problem, d)).answer.y
    model = model_of(BACKEND, problem)
    by_float64 = observed_trajectory(problem, y, model)
    with rigorous():
        by_balls = observed_trajectory(problem, y, model)
    exact = audit_forward(problem, y)
    for name in ("i", "f", "g", "o", "c", "squashed", "h"):
        value, error = getattr(by_balls, name)
        np.testing.assert_array_equal(value, exact[name].value)
        assert (error < 0.7 * getattr(by_float64, name).error).all(), name
    assert (observed_trajectory(problem, y, model).h.value == by_float64.h.value).all()  # closed again


def test_a_problem_that_is_too_large_is_counted_and_judged_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.tolerance.rigorous.LARGEST_AUDITED", 4 * 2 * 4 * (3 + 4) - 1)
    with rigorous() as passes:
        judged(small(1))
    assert passes == {"too large": 2}
    assert LARGEST_AUDITED == 2**24


def test_what_is_not_finite_is_counted_and_judged_as_ever() -> None:
    problem, _ = small(1)
    right = BACKEND.forward(problem)
    y = right.y.copy()
    y[1, 0, 0] = np.nan
    with rigorous() as passes, pytest.raises(Refuted):
        assert_conforms(BACKEND, Answer(y, right.state), problem)
    assert passes == {"not finite": 1}


def test_the_command_says_how_much_was_judged_by_the_balls() -> None:
    asked = ["run", "numpy", "--profile", "quick", "--clause", "CELL-6", "--examples", "3", "--rigorous"]
    done = CliRunner().invoke(main_command, asked)
    said = re.search(
        r"rigorous +(\d+) passes were judged with the values of Arb; with those of float64: 0 with", done.output
    )
    assert said and int(said[1]) > 0, done.output


def test_the_command_without_python_flint_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    monkeypatch.delitem(sys.modules, "conformance.tolerance.rigorous")
    done = CliRunner().invoke(main_command, ["run", "numpy", "--rigorous"])
    assert (done.exit_code, done.output) == (3, f"lstm-conform: {MISSING}\n")


# ---------------------------------------------------------------- python-flint


def test_nothing_of_it_is_loaded_by_the_command_line() -> None:
    assert "flint" not in list_imports("conformance.cli.main") | list_imports("conformance")


def test_a_missing_python_flint_is_one_sentence_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    monkeypatch.delitem(sys.modules, "conformance.tolerance.rigorous")
    with pytest.raises(ImportError) as raised:
        importlib.import_module("conformance.tolerance.rigorous")
    assert str(raised.value) == MISSING


# ---------------------------------------------------------------- 1,000 problems


def main(n: int = ALL) -> None:
    """Print error/granted of the float64 oracle over n problems; exit 1 if any is above 1."""
    started = time.perf_counter()
    found = [errors(question(k)) for k in range(n)]
    print("| float64 oracle: error / E at 2⁻⁵³ of | max | median |\n|---|---|---|")
    for name in QUANTITIES:
        ratios = [each[name] for each in found]
        print(f"| {name} | {max(ratios):.4f} | {np.median(ratios):.4f} |")
    wrong = [k for k, each in enumerate(found) if not all(ratio <= 1 for ratio in each.values())]
    long = sum(k % LONG == LONG - 1 for k in range(n))
    print(
        f"\n{n:,} problems, {long} with T = 1000: above 1 in {wrong or 'none'}; {time.perf_counter() - started:.0f} s"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
