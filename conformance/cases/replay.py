"""A case asked again, of any backend, as a whole and step by step; and its steps as text."""

from itertools import groupby
from typing import NamedTuple

import numpy as np

from conformance.cases.case import Case
from conformance.cases.expectations import COMPARED, compare_answers
from conformance.numbers import format_times, shorten
from conformance.outcome import Errored, Inconclusive, NotClaimed, Outcome, Refuted
from conformance.problems.form import form_of
from conformance.problems.question import problem_of
from conformance.targets.border import guard_backend
from conformance.targets.raised import describe_raised
from lstm_spec import Backend, Feature, Problem
from lstm_spec.types import Array


class Replayed(NamedTuple):
    """What came out of a case that was asked again."""

    outcome: Outcome
    detail: str = ""


OUTCOMES: dict[type[Exception], Outcome] = {
    Refuted: Outcome.REFUTED,
    Errored: Outcome.ERRORED,
    NotClaimed: Outcome.NOT_CLAIMED,
    Inconclusive: Outcome.INCONCLUSIVE,
}


def sort_outcome(error: Exception) -> Outcome:
    """What an exception says; one that is none of ours is an error of the suite."""
    return next((outcome for kind, outcome in OUTCOMES.items() if isinstance(error, kind)), Outcome.SUITE_ERROR)


def replay_case(case: Case, backend: Backend) -> Replayed:
    """What the property finds out about the example now, without a search."""
    reason = find_reason_to_skip(problem_of(case.example), backend, case.prop.features)
    if reason:
        return Replayed(Outcome.NOT_CLAIMED, reason)
    try:
        with np.errstate(all="ignore"):
            case.prop.refute(guard_backend(backend), case.example)
    except tuple(OUTCOMES) as error:
        return Replayed(sort_outcome(error), str(error))
    except Exception as error:  # e.g. of a file that was made by hand, an example that the property never draws
        return Replayed(Outcome.SUITE_ERROR, f"it is no example of its property ({describe_raised(error)})")
    return Replayed(Outcome.HOLDS)


def find_reason_to_skip(problem: Problem, backend: Backend, features: tuple[Feature, ...] = ()) -> str:
    """Why this backend is not asked this; empty if it is."""
    about = backend.description
    wanted = dict.fromkeys((*features, *sorted(form_of(problem).features)))
    missing = [feature for feature in wanted if not backend.offers(feature)]
    if missing:
        return f"it does not claim {', '.join(missing)}"
    if problem.dtype.name not in about.dtypes:
        return f"it does not claim {problem.dtype}"
    sizes = {k: n for k, n in zip("TBIH", problem.sizes, strict=True) if n and n not in getattr(about.shapes, k)}
    return f"its shapes exclude {', '.join(f'{k} = {n}' for k, n in sizes.items())}" if sizes else ""


class Step(NamedTuple):
    """The largest error of a quantity, at step t if it has steps, and the same in units of what is allowed."""

    quantity: str
    t: int | None
    error: float
    ratio: float


def list_steps(case: Case, backend: Backend) -> list[Step]:
    """The steps of y, then c_T; of a gradient the steps of dz from the last to the first, then the sums over them.

    Each step is judged from the states, or the gate gradients, that the backend returned.
    """
    if find_reason_to_skip(problem_of(case.example), backend, case.prop.features):
        return []
    found = compare_answers(guard_backend(backend), case.prop, case.example, case.asked)
    names = [name.removeprefix("got.") for name in found if name.startswith("got.")]
    return [step for name in names for step in _split_into_steps(name, *(found[f"{k}.{name}"] for k in COMPARED))]


def _split_into_steps(quantity: str, got: Array, expected: Array, allowed: Array) -> list[Step]:
    with np.errstate(all="ignore"):
        error = np.nan_to_num(np.abs(got.astype(np.float64) - expected), nan=np.inf)
        ratio = np.where(error == 0, 0, error / allowed)
    if quantity not in ("y", "dz"):
        return [Step(quantity, None, float(error.max(initial=0)), float(ratio.max(initial=0)))]
    order = range(len(error)) if quantity == "y" else reversed(range(len(error)))
    return [Step(quantity, t, float(error[t].max(initial=0)), float(ratio[t].max(initial=0))) for t in order]


# ---------------------------------------------------------------- as text

FULL = 3  # steps in a row within what is allowed: more are shown in one line
STEPS = 20  # steps beyond what is allowed that are shown


def format_steps(steps: list[Step]) -> list[str]:
    """A case step by step; of steps in a row that are within what is allowed, the one that is furthest off."""
    groups = [(key, list(found)) for key, found in groupby(steps, lambda step: (step.quantity, step.ratio <= 1))]
    return [line for (_, within), found in groups for line in _format_group(found, within)]


def _format_group(found: list[Step], within: bool) -> list[str]:
    if within and len(found) > FULL:
        largest = max(found, key=lambda step: step.ratio)
        return [_format_step(largest, f"t={found[0].t}…{found[-1].t}")]
    lines = [_format_step(step, "" if step.t is None else f"t={step.t}") for step in found[:STEPS]]
    return lines + ([f"  and {len(found) - STEPS} more steps beyond what is allowed"] if len(found) > STEPS else [])


def _format_step(step: Step, place: str) -> str:
    return (
        f"  {place:<8}largest error of {step.quantity:<5} {shorten(step.error)}, {format_times(step.ratio)} × allowed"
    )
