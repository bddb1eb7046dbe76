"""Runs the judge against every known fault.

A fault is *below the bound* at a dtype if its effect is smaller than the rounding error that is allowed there. Its
margin is the largest ratio of error to bound. Such faults are listed by name and do not count as missed. The same holds
for faults that changed no bit of any answer, because no question showed them or because that dtype cannot show them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from conformance.arrays import fingerprint
from conformance.assertions.comparison import recorded_ratios
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.faults.lstm import build_backend
from conformance.property import PROPERTIES
from conformance.run.check import check
from conformance.run.options import SHARPEST
from lstm_spec import Backend

RIGHT = build_backend("right", networks=False)
OF_MODULES = ("modules",)
OF_NETWORKS = ("combinations", "lengths", "directions", "layers", "variants", "numbers")  # families of properties


class Sight(NamedTuple):
    """The result of judging one fault, or two at once, at a dtype."""

    name: str
    family: str
    dtype: str
    by: str  # the property that refuted it, or an empty string
    seconds: float  # until it was refuted, or until the end
    margin: float  # the largest ratio of error to bound; the error includes the backend's own rounding
    tried: bool  # whether it changed any answer

    @property
    def is_refuted(self) -> bool:
        """Whether a property refuted it."""
        return bool(self.by)

    @property
    def is_visible(self) -> bool:
        """Whether it could be refuted: it was, or an error was larger than its bound."""
        return self.is_refuted or self.margin > 1


def judge_backend(
    name: str,
    family: str,
    backend: Backend,
    dtype: str,
    profile: str,
    right: Backend = RIGHT,
    first: Any = SHARPEST,
    compiles: bool = False,
) -> Sight:
    """Judge the backend until a property refutes it, what `first` names first; `right` is it without the fault.

    `compiles`: with the few sizes that are asked of what compiles for each.
    """
    changed: list[bool] = []
    watched = replace(
        backend,
        forward=_watch(backend.forward, right.forward, changed),
        gradients=backend.gradients and _watch(backend.gradients, right.gradients, changed),
        converse=backend.converse and _watch(backend.converse, right.converse, changed),
    )
    how: Any = {"profile": profile, "dtypes": (dtype,), "maxfail": 1, "first": first, "compiles": compiles}
    with recorded_ratios() as ratios:
        report = check(watched, strict=True, diagnose=False, shrink=False, **how)
    by = report.failures[0].property.name if report.failures else ""
    largest = max((max(values) for values in ratios.values()), default=0.0)
    return Sight(name, family, dtype, by, report.seconds, largest, bool(changed))


def _watch(function: Callable[..., Any], right: Any, changed: list[bool]) -> Callable[..., Any]:
    """The function; it also notes whether any bit of its answer differs from that of the right one."""
    is_right = _remember_answers(right)

    def call(*asked: Any) -> Any:
        found = function(*asked)
        if not changed and not is_right(found, asked):
            changed.append(True)
        return found

    return call


@cache
def _remember_answers(right: Callable[..., Any]) -> Callable[[Any, tuple[Any, ...]], bool]:
    """Whether an answer to a question is the right one, bit for bit.

    The right one is asked only if it has not answered so before: its last bits may depend on where an array lies.
    """
    known: dict[bytes, set[bytes]] = defaultdict(set)

    def is_right(found: Any, asked: tuple[Any, ...]) -> bool:
        answer, answers = fingerprint(found), known[fingerprint(asked)]
        if answer not in answers:
            with suppress(TypeError, ValueError):  # the right one refuses what was answered
                answers.add(fingerprint(right(*asked)))
        return answer in answers

    return is_right


def judge_faults(dtype: str, profile: str, faults: Iterable[Fault] = (), compiles: bool = False) -> Iterator[Sight]:
    """Judge each of the faults, or the whole catalogue, one after the other; `compiles` as in `judge_backend`."""
    for fault in faults or FAULTS.values():
        right, first = fault.right_backend(), list_first(fault)
        yield judge_backend(fault.name, fault.family, fault.backend(), dtype, profile, right, first, compiles)


def list_first(fault: Fault) -> tuple[str, ...]:
    """What refutes the fault soonest, whatever the profile: mostly the clause that it breaks.

    If no property of modules verifies that clause, a wrong module breaks it only when it is asked again, as a module.
    """
    families = OF_MODULES if fault.module else OF_NETWORKS if fault.networks else SHARPEST
    of_modules = {clause for prop in PROPERTIES if prop.family in OF_MODULES for clause in prop.clauses}
    is_shown_later = fault.module and fault.clause not in of_modules
    return (*families, fault.clause) if is_shown_later else (fault.clause, *families)


# ---------------------------------------------------------------- scores


@dataclass(frozen=True)
class Score:
    """How many faults were refuted, of those that are visible; every family has the same weight."""

    families: dict[str, tuple[int, int]]  # refuted, visible
    below: tuple[Sight, ...]
    missed: tuple[Sight, ...]
    seconds: float  # the median until something was refuted

    @property
    def raw(self) -> tuple[int, int]:
        """The numbers of faults that were refuted and that are visible."""
        refuted, visible = (sum(column) for column in zip(*self.families.values(), strict=True))
        return refuted, visible

    @property
    def macro(self) -> float:
        """The share of visible faults that was refuted, as a mean over families."""
        shares = [refuted / visible for refuted, visible in self.families.values() if visible]
        return float(np.mean(shares)) if shares else 0.0


def score_sights(sights: list[Sight]) -> Score:
    """The score of these results, family by family."""
    counts: dict[str, list[Sight]] = defaultdict(list)
    for sight in sights:
        counts[sight.family].append(sight)
    families = {family: (sum(s.is_refuted for s in of), sum(s.is_visible for s in of)) for family, of in counts.items()}
    below = tuple(s for s in sights if not s.is_visible)
    missed = tuple(s for s in sights if s.is_visible and not s.is_refuted)
    return Score(families, below, missed, median([s.seconds for s in sights if s.is_refuted] or [0.0]))


def print_score(console: Console, score: Score, dtype: str, profile: str) -> None:
    """Print how many faults were refuted, by family; those below the bound and those missed, by name."""
    table = Table("family", "refuted", "that can be seen", box=None, pad_edge=False, header_style="bold")
    for family, (refuted, visible) in score.families.items():
        table.add_row(family, str(refuted), str(visible))
    console.print(table)
    lines = [f"missed  {s.name}: {_describe_margin(s)}" for s in score.missed]
    lines += [f"below the bound  {s.name}: {_describe_margin(s)}" for s in score.below]
    refuted, visible = score.raw
    lines.append(
        f"at {dtype}, {profile} refutes {refuted} of the {visible} known faults that can be seen there "
        f"({score.macro:.1%} over families), in {score.seconds:.2g} s at the median"
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _describe_margin(sight: Sight) -> str:
    if not sight.tried:
        return "it changed no bit of any answer, at this dtype and profile"
    return f"what it changes, and its own rounding, come to {sight.margin:.3g} × what is allowed"
