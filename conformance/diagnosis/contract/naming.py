"""Which known fault of the contract shows exactly what a backend shows?"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from conformance.diagnosis.contract.observing import RAISED, Sight, are_alike, find_unit, watch_call
from conformance.diagnosis.contract.probes import CALLS, HISTORY, LAYOUTS, NUMBERS, REFUSALS, Probe, list_probes
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.outcome import Errored, NotClaimed
from conformance.targets.border import guard_backend
from lstm_spec import REFERENCE, Backend, Description

CHAPTERS = {  # of clauses, by how they begin; any other clause is one of single calls
    "CONTRACT-2": HISTORY,
    "GRAD-4": HISTORY,
    "CONTRACT-3": REFUSALS,
    "LEN-7": REFUSALS,
    "CONTRACT-4": LAYOUTS,
    "NUM": NUMBERS,
}


class Watched(NamedTuple):
    """A probe, what a backend shows there, and what the equations do."""

    probe: Probe
    seen: tuple[Sight, ...]
    right: tuple[Sight, ...]
    departs: bool  # whether they differ


def find_chapter(clauses: Sequence[str]) -> str:
    """The chapter of probes that shows most of what breaks these clauses, the first of which is known to be broken."""
    if clauses[0].startswith("SHAPE"):
        return CALLS
    return next((CHAPTERS[start] for clause in clauses for start in CHAPTERS if clause.startswith(start)), CALLS)


def watch_backend(
    backend: Backend, dtype: str, chapter: str, end: float, clock: Callable[[], float] = time.perf_counter
) -> tuple[list[Watched], bool]:
    """What a guarded backend shows until the clock says `end`; and whether that is all of this chapter, which is first.

    Several calls come before all others, for they leave their traces.
    """
    probes = list(list_probes(backend, dtype))
    first = [probe for probe in probes if probe.chapter in (HISTORY, chapter)]
    others = [probe for probe in probes if probe.chapter not in (HISTORY, chapter)]
    watched = watch_probes(backend, dtype, first, end, clock)
    is_whole = clock() <= end
    return watched + watch_probes(backend, dtype, others, end, clock), is_whole


def watch_probes(
    backend: Backend, dtype: str, probes: Iterable[Probe], end: float, clock: Callable[[], float] = time.perf_counter
) -> list[Watched]:
    """What a guarded backend shows at these probes, until the clock says `end`."""
    unit, right = find_unit(backend, dtype), guard_backend(like_target(REFERENCE, backend.description))
    watched = list[Watched]()
    for probe in probes:
        if clock() > end:
            break
        with suppress(Errored, NotClaimed):
            watched.append(watch_probe(backend, right, probe, unit))
    return watched


def watch_probe(backend: Backend, right: Backend, probe: Probe, unit: float) -> Watched:
    """What a guarded backend shows at a probe, and whether that departs from what the equations show."""
    seen, expected = tuple(probe.watch(backend)), tuple(probe.watch(right))
    if probe.read is None:
        return Watched(probe, seen, expected, departs(probe, seen, expected, unit))
    is_refused = seen[0][0] == RAISED
    expected = expected if is_refused else tuple(watch_call(right, probe.read, probe.backward))
    return Watched(probe, seen, expected, not is_refused and departs(probe, seen, expected, unit))


def departs(probe: Probe, seen: Sequence[Sight], right: Sequence[Sight], unit: float) -> bool:
    """Whether a backend shows something else than the equations; how a refusal is worded is up to the backend."""
    return not are_alike(_leave_out_refusals(probe, seen), _leave_out_refusals(probe, right), unit)


def name_faults(
    backend: Backend,
    watched: Sequence[Watched],
    dtype: str,
    end: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Fault]:
    """The faults of the contract that show all that a guarded backend shows, where it departs and where it does not.

    None if it departs nowhere. What calls owe to earlier ones is the same only if all of them are made in turn.
    """
    if not any(one.departs for one in watched):
        return []
    in_turn = any(one.departs for one in watched if one.probe.chapter == HISTORY)
    ordered = watched if in_turn else sorted(watched, key=lambda one: not one.departs)
    known, unit = list_contract_faults(), find_unit(backend, dtype)
    candidates = [(fault, guard_backend(like_target(fault.backend(), backend.description))) for fault in known]
    for one in ordered:
        if not candidates or clock() > end:
            break
        candidates = [(fault, wrong) for fault, wrong in candidates if shows_same(wrong, one, unit)]
    return [fault for fault, _ in candidates]


def shows_same(wrong: Backend, one: Watched, unit: float) -> bool:
    """Whether a guarded backend shows at a probe what was seen there."""
    try:
        seen = _leave_out_refusals(one.probe, one.probe.watch(wrong))
        return are_alike(seen, _leave_out_refusals(one.probe, one.seen), unit)
    except (Errored, NotClaimed):
        return False


def like_target(backend: Backend, about: Description) -> Backend:
    """The backend with the description of a target, so that it is asked and judged as that is."""
    return replace(backend, description=about)


def list_contract_faults() -> list[Fault]:
    """The known faults of the contract."""
    return [fault for fault in FAULTS.values() if fault.kind == "contract"]


def _leave_out_refusals(probe: Probe, sights: Sequence[Sight] | Iterator[Sight]) -> Iterator[Sight]:
    """The sights; of what should be refused, an exception is as good as any other."""
    for name, seen in sights:
        is_refusal = probe.chapter == REFUSALS and isinstance(seen, str) and name == RAISED
        yield name, "" if is_refusal else seen
