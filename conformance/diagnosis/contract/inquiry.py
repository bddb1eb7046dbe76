"""The contract as an experiment: which known fault shows what a backend shows, and what is wrong in a sentence."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from conformance.diagnosis.contract.naming import Watched, find_chapter, name_faults, watch_backend, watch_probes
from conformance.diagnosis.contract.observing import find_unit
from conformance.diagnosis.contract.probes import Probe, list_probes_of
from conformance.diagnosis.contract.words import describe_departures
from conformance.diagnosis.experiments.diagnose import NO_TIME, Row
from conformance.diagnosis.experiments.laboratory import Finding, Said
from conformance.faults.fault import Fault
from conformance.outcome import NotClaimed
from conformance.problems.question import Question
from lstm_spec import Backend

FOR_WATCHING = 0.6  # of the time


class ContractInquiry(NamedTuple):
    """The known faults that show the same as a backend, what it does wrong in one sentence, and the experiment."""

    faults: tuple[Fault, ...] = ()
    sentence: str = ""
    rows: tuple[Row, ...] = ()


def inquire_contract(
    backend: Backend,
    dtype: str,
    clauses: Sequence[str],
    example: Question,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> ContractInquiry:
    """What a guarded backend that breaks one of these clauses does wrong under its contract, within these seconds.

    Most of them are for watching it; the known faults are asked only if that came to an end in their chapter.
    `example`: a question at which it fails, which is asked if no other one of its chapter shows anything.
    """
    start, chapter, where = clock(), find_chapter(clauses), ""
    pause, unit = start + FOR_WATCHING * seconds, find_unit(backend, dtype)
    try:
        watched, is_whole = watch_backend(backend, dtype, chapter, pause, clock)
    except NotClaimed as error:
        return ContractInquiry(rows=(Row("contract", "answers", None, str(error)),))
    faults = name_faults(backend, watched, dtype, start + seconds, clock) if is_whole else []
    if not shows_departure(watched, chapter):
        watched += watch_probes(backend, dtype, list_probes_of(example, backend), pause, clock)
        where = ", seen at T, B, I, H = {}, {}, {}, {}".format(*example.problem.sizes)
    sentence = describe_departures(watched, chapter, unit)
    sentence += where if sentence and shows_departure(watched, chapter) else ""
    tried: tuple[tuple[str, Said], ...] = tuple(
        (_name_probe(one.probe), "wrong" if one.departs else "right") for one in watched
    )
    found = Finding(sentence, True, tried, is_condition=False) if sentence else None
    note = "" if found else "nothing" if is_whole else NO_TIME
    return ContractInquiry(tuple(faults), sentence, (Row("contract", "answers", found, note),))


def shows_departure(watched: Sequence[Watched], chapter: str) -> bool:
    """Whether something in this chapter is not as it should be."""
    return any(one.departs and one.probe.chapter == chapter for one in watched)


def _name_probe(probe: Probe) -> str:
    T, B, I, H = probe.question.problem.sizes
    what = "gradients" if probe.backward else "answers"
    return f"{what} at T·B·I·H = {T}·{B}·{I}·{H}{f' where {probe.how}' if probe.how else ''} ({probe.chapter})"
