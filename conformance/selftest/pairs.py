"""Runs the judge against pairs of known faults, which must not hide each other."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import combinations
from typing import Any

import numpy as np

from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.faults.lstm import build_backend
from conformance.faults.parts import RIGHT_PARTS, Parts
from conformance.selftest.look import Sight, judge_backend
from lstm_spec import Backend

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
