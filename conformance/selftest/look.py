"""How much the judge sees: the known mistakes, put to it; and pairs of them, which must not hide each other.

A mistake is *below the bound* at a dtype where what it changes is smaller than what rounding is allowed there; its
margin is the largest error / bound that was seen. Such are named, and not counted as missed; so are those that changed
no bit of any answer, whether for want of a question that shows them or because they cannot at that dtype.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import combinations
from statistics import median
from typing import Any, NamedTuple

import numpy as np

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
OF_NETWORKS = ("combinations", "lengths", "directions", "layers", "variants", "numbers")  # families of properties


class Sight(NamedTuple):
    """What came of one mistake (or two at once) at a dtype."""

    name: str
    family: str
    dtype: str
    by: str  # the property that refuted it, or nothing
    seconds: float  # until then
    margin: float  # the largest error in units of what is allowed, the backend's own rounding included
    tried: bool  # whether it changed any answer

    @property
    def refuted(self) -> bool:
        return bool(self.by)

    @property
    def visible(self) -> bool:
        """Whether it could have been seen: one that was refuted was."""
        return self.refuted or self.margin > 1


def sight_of(
    name: str, family: str, backend: Backend, dtype: str, profile: str, right: Backend = RIGHT, first: Any = SHARPEST
) -> Sight:
    """Judge it until something is refuted, by the families `first` first; `right` is the same without the mistake."""
    changed: list[bool] = []
    watched = replace(
        backend,
        forward=_watched(backend.forward, right.forward, changed),
        gradients=backend.gradients and _watched(backend.gradients, right.gradients, changed),
    )
    how: Any = {"profile": profile, "dtypes": (dtype,), "maxfail": 1, "first": first}
    with recorded_ratios() as ratios:
        report = check(watched, strict=True, diagnose=False, shrink=False, **how)
    by = report.failures[0].property.name if report.failures else ""
    largest = max((max(values) for values in ratios.values()), default=0.0)
    return Sight(name, family, dtype, by, report.seconds, largest, bool(changed))


def _watched(function: Callable[..., Any], right: Any, changed: list[bool]) -> Callable[..., Any]:
    """The function, noting once whether it answers otherwise than the right one, to the last bit."""

    def call(*asked: Any) -> Any:
        found = function(*asked)
        if not changed and not _same(found, right, asked):
            changed.append(True)
        return found

    return call


def _same(found: Any, right: Any, asked: tuple[Any, ...]) -> bool:
    try:
        return fingerprint(found) == fingerprint(right(*asked))
    except ValueError:  # the right one refuses what was answered
        return False


def catalogue(dtype: str) -> list[Fault]:
    """The known mistakes in what is judged at that dtype; networks are not with 16 bits."""
    return [fault for fault in FAULTS.values() if np.dtype(dtype).itemsize > 2 or not fault.networks]


def look(dtype: str, profile: str, faults: Iterable[Fault] = ()) -> Iterator[Sight]:
    """The catalogue, one mistake after the other."""
    for fault in faults or catalogue(dtype):
        right, first = fault.right_backend(), OF_NETWORKS if fault.networks else SHARPEST
        yield sight_of(fault.name, fault.family, fault.backend(), dtype, profile, right, first)


# ---------------------------------------------------------------- scores


@dataclass(frozen=True)
class Score:
    """How many were refuted, of those that could be seen; a family counts as much as any other."""

    families: dict[str, tuple[int, int]]  # refuted, visible
    below: tuple[Sight, ...]
    missed: tuple[Sight, ...]
    seconds: float  # the median until something was refuted

    @property
    def raw(self) -> tuple[int, int]:
        refuted, visible = (sum(column) for column in zip(*self.families.values(), strict=True))
        return refuted, visible

    @property
    def macro(self) -> float:
        """The mean over families of the share that was refuted."""
        shares = [refuted / visible for refuted, visible in self.families.values() if visible]
        return float(np.mean(shares)) if shares else 0.0


def scored(sights: list[Sight]) -> Score:
    counts: dict[str, list[Sight]] = defaultdict(list)
    for sight in sights:
        counts[sight.family].append(sight)
    families = {family: (sum(s.refuted for s in of), sum(s.visible for s in of)) for family, of in counts.items()}
    below = tuple(s for s in sights if not s.visible)
    missed = tuple(s for s in sights if s.visible and not s.refuted)
    return Score(families, below, missed, median([s.seconds for s in sights if s.refuted] or [0.0]))


# ---------------------------------------------------------------- pairs

CHAINED: dict[str, Callable[[Any, Any], Any]] = {  # parts of which two changes can be made one after the other
    "weights": lambda one, two: lambda problem, rows: two(problem, one(problem, rows)),
    "initial": lambda one, two: lambda problem, h, c: two(problem, *one(problem, h, c)),
    "start": lambda one, two: lambda r, p, s, after: two(r, p, one(r, p, s, after), after),
    "inputs": lambda one, two: lambda r, x: two(r, one(r, x)),
    "carry": lambda one, two: lambda t, now: two(t, one(t, now)),
    "cotangents": lambda one, two: lambda problem, d: two(problem, one(problem, d)),
    "gradients": lambda one, two: lambda problem, g: two(problem, one(problem, g)),
}


def joined(one: Fault, two: Fault) -> Backend | None:
    """An LSTM with both mistakes; None where the second would undo the first, for both replace the same part."""
    backward = [fault.change(RIGHT_PARTS) for fault in (one, two)]
    forward = [parts if f.kind == "forward" else RIGHT_PARTS for f, parts in zip((one, two), backward, strict=True)]
    answered, differentiated = _both(*forward), _both(*backward)
    if answered is None or differentiated is None:
        return None
    networks = one.networks or two.networks
    return two.wrap(one.wrap(build_backend(f"fault:{one.name}+{two.name}", answered, differentiated, networks)))


def _both(one: Parts, two: Parts) -> Parts | None:
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


def pairs(count: int, seed: int) -> list[tuple[Fault, Fault]]:
    """So many pairs from different families, that can be joined, spread over the families."""
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
            if (one, two) not in found and joined(one, two) is not None:
                found.append((one, two))
        kinds = kinds[count:] + kinds[:count]
    return found


def look_at_pairs(count: int, seed: int, dtype: str, profile: str) -> Iterator[Sight]:
    """Pairs, one after the other."""
    for one, two in pairs(count, seed):
        backend = joined(one, two)
        assert backend is not None
        yield sight_of(f"{one.name} + {two.name}", f"{one.family} + {two.family}", backend, dtype, profile)
