"""Runs the judge against every known fault, and against pairs of faults, which must not hide each other.

A fault is *below the bound* at a dtype if its effect is smaller than the rounding error that is allowed there. Its
margin is the largest ratio of error to bound. Such faults are listed by name and do not count as missed. The same holds
for faults that changed no bit of any answer, because no question showed them or because that dtype cannot show them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import combinations
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
from conformance.faults.parts import RIGHT_PARTS, Parts
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
    """Judge the backend until a property refutes it, the families `first` first; `right` is it without the fault.

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

    def call(*asked: Any) -> Any:
        found = function(*asked)
        if not changed and not _same(found, right, asked):
            changed.append(True)
        return found

    return call


def _same(found: Any, right: Any, asked: tuple[Any, ...]) -> bool:
    try:
        return fingerprint(found) == fingerprint(right(*asked))
    except (TypeError, ValueError):  # the right one refuses what was answered
        return False


def judge_faults(dtype: str, profile: str, faults: Iterable[Fault] = (), compiles: bool = False) -> Iterator[Sight]:
    """Judge each of the faults, or the whole catalogue, one after the other; `compiles` as in `judge_backend`."""
    for fault in faults or FAULTS.values():
        right = fault.right_backend()
        first = OF_MODULES if fault.module else OF_NETWORKS if fault.networks else SHARPEST
        yield judge_backend(fault.name, fault.family, fault.backend(), dtype, profile, right, first, compiles)


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
        f"at {dtype}, {profile} refutes {refuted} of the {visible} known mistakes that can be seen there "
        f"({score.macro:.1%} over families), in {score.seconds:.2g} s at the median"
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _describe_margin(sight: Sight) -> str:
    if not sight.tried:
        return "it changed no bit of any answer, at this dtype and profile"
    return f"what it changes, and its own rounding, come to {sight.margin:.3g} × what is allowed"


# ---------------------------------------------------------------- pairs

CHAINED: dict[str, Callable[[Any, Any], Any]] = {  # two changes of such a part can follow each other
    "weights": lambda one, two: lambda problem, rows: two(problem, one(problem, rows)),
    "initial": lambda one, two: lambda problem, h, c: two(problem, *one(problem, h, c)),
    "start": lambda one, two: lambda r, p, s, after: two(r, p, one(r, p, s, after), after),
    "inputs": lambda one, two: lambda r, x: two(r, one(r, x)),
    "carry": lambda one, two: lambda t, now: two(t, one(t, now)),
    "cotangents": lambda one, two: lambda problem, d: two(problem, one(problem, d)),
    "gradients": lambda one, two: lambda problem, g: two(problem, one(problem, g)),
}


def join_faults(one: Fault, two: Fault) -> Backend | None:
    """An LSTM with both faults; None if both replace the same part, so that the second would undo the first."""
    backward = [fault.change(RIGHT_PARTS) for fault in (one, two)]
    forward = [parts if f.kind == "forward" else RIGHT_PARTS for f, parts in zip((one, two), backward, strict=True)]
    answered, differentiated = _join_parts(*forward), _join_parts(*backward)
    if answered is None or differentiated is None:
        return None
    networks = one.networks or two.networks
    return two.wrap(one.wrap(build_backend(f"fault:{one.name}+{two.name}", answered, differentiated, networks)))


def _join_parts(one: Parts, two: Parts) -> Parts | None:
    changes = {}
    for name in (field.name for field in fields(Parts)):
        was, first, second = (getattr(parts, name) for parts in (RIGHT_PARTS, one, two))
        if first is was or second is was:
            changes[name] = second if first is was else first
        elif name in CHAINED:
            changes[name] = CHAINED[name](first, second)
        else:
            return None
    return Parts(**changes)


def draw_pairs(count: int, seed: int) -> list[tuple[Fault, Fault]]:
    """Pairs of faults of one layer that can be joined, drawn from different families; all families take their turn."""
    rng = np.random.default_rng(seed)
    found: list[tuple[Fault, Fault]] = []
    by_family: dict[str, list[Fault]] = defaultdict(list)
    for fault in (fault for fault in FAULTS.values() if not fault.networks):
        by_family[fault.family].append(fault)
    kinds = list(combinations(by_family, 2))
    rng.shuffle(kinds)
    while len(found) < count:
        for family, other in kinds[: count - len(found)]:
            one, two = (by_family[k][rng.integers(len(by_family[k]))] for k in (family, other))
            if (one, two) not in found and join_faults(one, two) is not None:
                found.append((one, two))
        kinds = kinds[count:] + kinds[:count]
    return found


def judge_pairs(count: int, seed: int, dtype: str, profile: str) -> Iterator[Sight]:
    """Judge pairs of faults, one after the other."""
    for one, two in draw_pairs(count, seed):
        backend = join_faults(one, two)
        assert backend is not None
        yield judge_backend(f"{one.name} + {two.name}", f"{one.family} + {two.family}", backend, dtype, profile)
