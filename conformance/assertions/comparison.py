"""The only place that decides whether something is close enough."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np

from conformance.outcome import Difference, Refuted
from lstm_spec import Backend, ErrorModel, Problem, error_model
from lstm_spec.types import Array

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


Ratios = dict[str, list[float]]
_ratios: ContextVar[Callable[[Comparison], None] | None] = ContextVar("_ratios", default=None)


@contextmanager
def recorded_ratios(every: int = 1) -> Iterator[Ratios]:
    """While it is open: per quantity, the largest error/bound of each comparison, or of the first one of so many.

    What is open outside of it goes on.
    """
    ratios: Ratios = {}
    seen, note_outside = Counter[str](), _ratios.get()

    def note(comparison: Comparison) -> None:
        if note_outside:
            note_outside(comparison)
        seen[comparison.quantity] += 1
        if seen[comparison.quantity] % every == 1 % every:
            ratios.setdefault(comparison.quantity, []).append(_find_largest_ratio(comparison))

    token = _ratios.set(note)
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
    right = np.abs(got - expected) <= allowed
    if right.shape == got.shape and right.all():
        return
    expected, allowed = (np.broadcast_to(a, got.shape) for a in (expected, allowed))
    wrong = ~right
    steps = np.flatnonzero(wrong.any(axis=tuple(range(1, wrong.ndim))))
    step = steps[-1 if backwards else 0]
    index = (step, *np.argwhere(wrong[step])[0])
    where = {axis: int(k) for axis, k in zip(axes, index, strict=True)}
    difference = Difference(quantity, where, float(expected[index]), float(allowed[index]), float(got[index]))
    raise Refuted(f"{quantity} is further from the equations than rounding can explain", difference=difference)


def _record(comparison: Comparison) -> None:
    compared, note_ratio = _comparisons.get(), _ratios.get()
    if compared is not None:
        compared.append(comparison)
    if note_ratio is not None and comparison.got.size:
        note_ratio(comparison)


def _find_largest_ratio(comparison: Comparison) -> float:
    error = np.abs(comparison.got.astype(np.float64) - comparison.expected)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(error == 0, 0, error / comparison.allowed).max())


def assert_same(quantity: str, got: Array, expected: Array, axes: tuple[str, ...], clause: str = "") -> None:
    """Refuted unless equal to the last bit (NaN equals NaN, -0 equals 0); only where no rounding can enter."""
    both_nan = np.isnan(got) & np.isnan(expected)
    one, other = (np.where((got == expected) | both_nan, 0, a) for a in (got, expected))
    try:
        assert_within(Comparison(quantity, axes, one, other, np.zeros(())))
    except Refuted as refuted:
        reason = f"{quantity} is not the same to the last bit"
        raise Refuted(reason, clause=clause, difference=refuted.difference) from None


def assert_agree(
    quantity: str, axes: tuple[str, ...], one: Array, other: Array, allowed_one: Array, allowed_other: Array
) -> None:
    """Refuted unless two runs that may be off by so much each are within the sum of it."""
    assert_within(Comparison(quantity, axes, one, other, allowed_one + allowed_other))


@contextmanager
def breaking(clause: str) -> Iterator[None]:
    """What is refuted in here breaks this clause, unless it is known to break another."""
    try:
        yield
    except Refuted as refuted:
        refuted.clause = refuted.clause or clause
        raise
