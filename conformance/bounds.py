"""The only place that decides whether something is close enough."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from conformance.backpropagation import Backpropagation, free_backpropagation, observed_backpropagation
from conformance.dtypes import limits
from conformance.property import Difference, Inconclusive, Refuted
from conformance.rounding import Bounded
from conformance.trajectories import ORDER, Trajectory, free_trajectory, observed_trajectory
from lstm_spec import Answer, Backend, Cotangents, ErrorModel, Gradients, Problem, error_model, pack
from lstm_spec.types import Array

CONCLUSIVE = 1e-2  # a free-running error above this says nothing, unless so much is lost in a few roundings
ROUNDINGS = 2.0**6  # so many
GRADIENT_ROOM = 2.0  # times that of the states, for gate gradients
ROOM = 2.0**10  # magnitudes this near to the largest number may overflow
ROOM16 = 2.0**4  # likewise in float16, which ends at 65504

STATE = ("layer", "batch", "unit")
STEP = ("t", "batch", "unit")


class Comparison(NamedTuple):
    """What was got, beside what was expected and how far off it may be."""

    quantity: str
    axes: tuple[str, ...]
    got: Array
    expected: Array
    allowed: Array
    backwards: bool = False  # the error arises at the last step and travels to the first


_ratios: ContextVar[dict[str, list[float]] | None] = ContextVar("_ratios", default=None)


@contextmanager
def recorded_ratios() -> Iterator[dict[str, list[float]]]:
    """While it is open: per quantity, the largest error/bound of each comparison."""
    ratios: dict[str, list[float]] = {}
    token = _ratios.set(ratios)
    try:
        yield ratios
    finally:
        _ratios.reset(token)


_comparisons: ContextVar[list[Comparison] | None] = ContextVar("_comparisons", default=None)


@contextmanager
def recorded_comparisons() -> Iterator[list[Comparison]]:
    """While it is open: what was compared."""
    comparisons: list[Comparison] = []
    token = _comparisons.set(comparisons)
    try:
        yield comparisons
    finally:
        _comparisons.reset(token)


def model_of(backend: Backend, problem: Problem) -> ErrorModel:
    """The error model of the grade that the backend names at the problem's dtype."""
    name = problem.dtype.name
    return error_model(backend.description.grade(name), name)


# ---------------------------------------------------------------- decisions


def assert_observed(comparison: Comparison) -> None:
    """As `assert_within`, for what is judged from the backend's own states; its error/bound is recorded."""
    _record(comparison)
    assert_within(comparison)


def assert_within(comparison: Comparison) -> None:
    """Refuted at the first element that is further off than allowed; a NaN always is."""
    quantity, axes, got, expected, allowed, backwards = comparison
    got, expected, allowed = (np.asarray(a, np.float64) for a in (got, expected, allowed))
    error = np.abs(got - np.broadcast_to(expected, got.shape))
    allowed = np.broadcast_to(allowed, got.shape)
    wrong = ~(error <= allowed)
    if not wrong.any():
        return
    steps = np.flatnonzero(wrong.any(axis=tuple(range(1, wrong.ndim))))
    step = steps[-1 if backwards else 0]
    index = (step, *np.argwhere(wrong[step])[0])
    where = {axis: int(k) for axis, k in zip(axes, index, strict=True)}
    wanted = float(np.broadcast_to(expected, got.shape)[index])
    difference = Difference(quantity, where, wanted, float(allowed[index]), float(got[index]))
    raise Refuted(f"{quantity} is further from the equations than rounding can explain", difference=difference)


def _record(comparison: Comparison) -> None:
    compared, ratios = _comparisons.get(), _ratios.get()
    if compared is not None:
        compared.append(comparison)
    if ratios is not None and comparison.got.size:
        error = np.abs(comparison.got.astype(np.float64) - comparison.expected)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(error == 0, 0, error / comparison.allowed)
        ratios.setdefault(comparison.quantity, []).append(float(ratio.max()))


def assert_same(quantity: str, got: Array, expected: Array, axes: tuple[str, ...], clause: str = "") -> None:
    """Refuted unless equal to the last bit (NaN equals NaN, -0 equals 0); only where no rounding can enter."""
    try:
        one, other = (np.nan_to_num(a.astype(np.float64)) for a in (got, expected))
        assert_within(Comparison(quantity, axes, one, other, np.zeros(())))
        if not np.array_equal(got, expected, equal_nan=True):
            raise Refuted(f"{quantity} differs where it has to be the same")
    except Refuted as refuted:
        reason = f"{quantity} is not the same to the last bit"
        raise Refuted(reason, clause=clause, difference=refuted.difference) from None


def assert_shaped(what: str, got: Any, expected: Array, clause: str) -> None:
    """Refuted unless `got` is a NumPy array with the shape (`clause`) and the dtype of `expected`."""
    if not isinstance(got, np.ndarray):
        kind = f"{type(got).__module__}.{type(got).__name__}"
        raise Refuted(f"{what} is a {kind}, expected a numpy.ndarray; convert it before returning it", clause=clause)
    if got.shape != expected.shape:
        raise Refuted(f"{what} has shape {got.shape}, expected {expected.shape}", clause=clause)
    if got.dtype != expected.dtype:
        clause = "SHAPE-2" if clause == "SHAPE-1" else clause
        raise Refuted(f"{what} is {got.dtype}, expected {expected.dtype} like the problem", clause=clause)


def assert_answer_shaped(answer: Answer, problem: Problem) -> None:
    """Refuted unless every output has the shape and the dtype that the problem gives it."""
    T, B, _, H = problem.sizes
    assert_shaped("y", answer.y, np.empty((T, B, H), problem.dtype), "SHAPE-1")
    assert_shaped("the final h", answer.state.h, problem.state.h, "SHAPE-1")
    assert_shaped("the final c", answer.state.c, problem.state.c, "SHAPE-1")


def assert_gradients_shaped(gradients: Gradients, problem: Problem) -> None:
    """Refuted unless every gradient has the shape and the dtype of what it belongs to."""
    for letter in ORDER:
        got, like = getattr(gradients.parameters[0][0], letter), getattr(problem.layer, letter)
        for part in "WUb":
            assert_shaped(f"the gradient of {letter}.{part}", getattr(got, part), getattr(like, part), "SHAPE-3")
    assert_shaped("the gradient of x", gradients.x, problem.x, "SHAPE-3")
    assert_shaped("the gradient of h_0", gradients.state.h, problem.state.h, "SHAPE-3")
    assert_shaped("the gradient of c_0", gradients.state.c, problem.state.c, "SHAPE-3")


# ---------------------------------------------------------------- forward


def assert_conforms(backend: Backend, answer: Answer, problem: Problem) -> Trajectory | None:
    """Refuted unless the answer is that of the equations, each step judged from the states the backend returned.

    The trajectory it was compared with; None for an empty sequence.
    """
    assert_answer_shaped(answer, problem)
    if len(answer.y) == 0:
        assert_same("the final h", answer.state.h, problem.state.h, STATE, "SHAPE-5")
        assert_same("the final c", answer.state.c, problem.state.c, STATE, "SHAPE-5")
        return None
    _assert_finite_enough(answer, problem)
    expected = observed_trajectory(problem, answer.y, model_of(backend, problem))
    assert_observed(Comparison("y", STEP, answer.y, *expected.h))
    assert_same("the final h", answer.state.h[0], answer.y[-1], ("batch", "unit"), "SEQ-3")
    final = Comparison("c_T", ("batch", "unit"), answer.state.c[0], *expected.last)
    assert_observed(final)
    return expected


def assert_steps_conform(backend: Backend, y: Array, problem: Problem) -> None:
    """Refuted unless the outputs y of all steps are those of the equations; nothing is said of the final state."""
    if len(y):
        expected = observed_trajectory(problem, y, model_of(backend, problem))
        assert_observed(Comparison("y", STEP, y, *expected.h))


def _assert_finite_enough(answer: Answer, problem: Problem) -> None:
    """What is not finite is refuted by the comparison, unless magnitudes came near the largest number."""
    if np.isfinite(answer.y).all() and np.isfinite(answer.state.c).all():
        return
    W, U, _ = pack(problem.layer)
    largest = _sum(problem.x) * _max(W) + (_sum(problem.state.h) + U.shape[1]) * _max(U) + _sum(problem.state.c)
    _inconclusive_above(largest, problem)


def _inconclusive_above(magnitude: float, problem: Problem) -> None:
    room = ROOM16 if problem.dtype == np.float16 else ROOM
    if not magnitude < limits(problem.dtype).largest / room:
        raise Inconclusive("magnitudes came near the largest number of the dtype")


def _sum(a: Array) -> float:
    return float(np.abs(a.astype(np.float64)).sum())


def _max(a: Array) -> float:
    return float(np.abs(a.astype(np.float64)).max(initial=0))


def conclusive(model: ErrorModel) -> float:
    """The largest error of h in a free run that still says something."""
    return max(CONCLUSIVE, ROUNDINGS * roundoff(model))


def roundoff(model: ErrorModel) -> float:
    """The largest relative error of a single rounding."""
    return max(model.u, model.u_h, model.u_c)


def free_run(backend: Backend, problem: Problem, handed_on: bool = False) -> Trajectory:
    """The equations run from the initial state alone; Inconclusive where rounding may have grown too much."""
    model = model_of(backend, problem)
    expected = free_trajectory(problem, model, handed_on)
    if not expected.h.error.max(initial=0) <= conclusive(model):  # NaN is not conclusive
        raise Inconclusive("rounding may have grown too much")
    return expected


def assert_agree(
    quantity: str, axes: tuple[str, ...], one: Array, other: Array, allowed_one: Array, allowed_other: Array
) -> None:
    """Refuted unless two runs that may be off by so much each are within the sum of it."""
    assert_within(Comparison(quantity, axes, one, other, allowed_one + allowed_other))


def assert_answers_agree(
    backend: Backend, one: tuple[Problem, Answer], other: tuple[Problem, Answer], handed_on: bool = False
) -> None:
    """Refuted unless two problems that mean the same got the same answer, as far as rounding allows (free runs).

    `handed_on`: the state may have been returned at some steps, and read again.
    """
    (p, a), (q, b) = one, other
    assert_answer_shaped(a, p)
    assert_answer_shaped(b, q)
    mine, yours = free_run(backend, p, handed_on), free_run(backend, q, handed_on)
    assert_agree("y", STEP, a.y, b.y, mine.h.error, yours.h.error)
    final = (mine.last.error, yours.last.error)
    assert_agree("c_T", ("batch", "unit"), a.state.c[0], b.state.c[0], *final)
    final = (mine.h.error[-1], yours.h.error[-1])
    assert_agree("h_T", ("batch", "unit"), a.state.h[0], b.state.h[0], *final)


# ---------------------------------------------------------------- backward


def assert_gate_gradients_conform(
    backend: Backend, problem: Problem, d: Cotangents, answer: Answer, dz: Array
) -> Backpropagation:
    """Refuted unless answer and gate gradients dz (T, B, 4H) are those of the equations; T >= 1.

    Each step is judged from the states and the gate gradients that the backend returned.
    """
    with breaking("GRAD-8"):
        forward = assert_conforms(backend, answer, problem)
    assert forward is not None, "an empty sequence has no gate gradients"
    finite = np.nan_to_num(dz.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    expected = observed_backpropagation(problem, forward, d, finite, model_of(backend, problem))
    if not np.isfinite(dz).all():
        _assert_backward_could_overflow(problem, d, dz, finite, expected)
    with breaking("GRAD-2"):  # at the last step nothing has been propagated yet
        now = expected.dz.value[-1], expected.dz.error[-1]
        assert_within(Comparison("dz of the last step", ("batch", "gate row"), dz[-1], *now))
    with breaking("GRAD-3"):
        assert_observed(Comparison("dz", ("t", "batch", "gate row"), dz, *expected.dz, backwards=True))
    return expected


@contextmanager
def breaking(clause: str) -> Iterator[None]:
    """What is refuted in here breaks this clause, unless it is known to break another."""
    try:
        yield
    except Refuted as refuted:
        refuted.clause = refuted.clause or clause
        raise


def _assert_backward_could_overflow(
    problem: Problem, d: Cotangents, dz: Array, finite: Array, expected: Backpropagation
) -> None:
    """Inconclusive where the step that lost finiteness first (the last in time) had reason to."""
    t = int(np.flatnonzero(~np.isfinite(dz).all(axis=(1, 2)))[-1])
    later = _sum(finite[t + 1]) if t + 1 < len(dz) else 0.0
    c = max(1.0, _max(problem.state.c) + len(dz))
    into = _sum(d.y[t]) + _sum(d.state.h) + later * _max(pack(problem.layer).U)
    size = max(into, _sum(expected.dz.value[t]), _sum(d.state.c)) * c
    _inconclusive_above(size, problem)


class Part(NamedTuple):
    """One of the gradients that are sums over gate gradients."""

    quantity: str
    axes: tuple[str, ...]
    got: Array
    expected: Bounded
    backwards: bool = False


def parts(gradients: Gradients, expected: Backpropagation) -> dict[str, Part]:
    """Each gradient beside what it should be."""
    dW, dU, db = pack(gradients.parameters[0][0], ORDER)
    found = (
        Part("dW", ("gate row", "input"), dW, expected.dW),
        Part("dU", ("gate row", "unit"), dU, expected.dU),
        Part("db", ("gate row",), db, expected.db),
        Part("dx", ("t", "batch", "input"), gradients.x, expected.dx, True),
        Part("dh_0", ("batch", "unit"), gradients.state.h[0], expected.dh),
        Part("dc_0", ("batch", "unit"), gradients.state.c[0], expected.dc),
    )
    return {part.quantity: part for part in found}


def assert_part_finite_enough(part: Part, problem: Problem, dz: Array) -> None:
    """Inconclusive where this gradient is not finite, and had reason not to be."""
    if not np.isfinite(part.got).all():
        W, U, _ = pack(problem.layer)
        c = _max(problem.state.c) + len(dz)
        _inconclusive_above(_sum(dz) * max(_max(problem.x), _max(problem.state.h), _max(W), _max(U), c), problem)


def assert_part_conforms(part: Part, problem: Problem, dz: Array) -> None:
    """Refuted unless this gradient follows from the gate gradients dz."""
    assert_part_finite_enough(part, problem, dz)
    quantity, axes, got, expected, backwards = part
    assert_observed(Comparison(quantity, axes, got, *expected, backwards=backwards))


def free_gradients(backend: Backend, problem: Problem, d: Cotangents, handed_on: bool = False) -> Backpropagation:
    """The gradients from the problem alone; Inconclusive where rounding may have grown too much."""
    model = model_of(backend, problem)
    expected = free_backpropagation(problem, free_run(backend, problem, handed_on), d, model, handed_on)
    size = max(_max(expected.dz.value), _max(d.y), _max(d.state.h), _max(d.state.c))
    if not expected.dz.error.max(initial=0) <= GRADIENT_ROOM * conclusive(model) * size:  # NaN is not conclusive
        raise Inconclusive("rounding may have grown too much")
    return expected


def assert_gradients_conform_freely(
    backend: Backend, problem: Problem, d: Cotangents, gradients: Gradients
) -> Backpropagation:
    """Refuted unless all gradients are those of the equations, judged from the problem alone: no probes; T >= 1."""
    assert_gradients_shaped(gradients, problem)
    expected = free_gradients(backend, problem, d)
    for part in parts(gradients, expected).values():
        assert_within(Comparison(part.quantity, part.axes, part.got, *part.expected, backwards=part.backwards))
    return expected
