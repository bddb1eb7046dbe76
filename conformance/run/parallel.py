"""Verdicts from several processes at once; every question is the one that a single process would ask."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context

from conformance.property import Property
from conformance.run.judge import Judging, judge
from conformance.run.profiles import Profile
from conformance.verdict import Verdict
from lstm_spec import Backend

Lend = Callable[[], AbstractContextManager[Backend]]

MOST = 8  # processes, unless more are asked for
WORTH_ONE = 40  # verdicts: starting a process takes about a second

_lent = ExitStack()  # in a process that judges: until it ends
_mine: Backend


def as_many_as_help(verdicts: int) -> int:
    """How many processes: no more than cores, and each with enough to do."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST, verdicts // WORTH_ONE))


@contextmanager
def in_processes(jobs: int, lend: Lend) -> Iterator[Judging]:
    """`jobs` processes, each with the backend that `lend` (which is pickled) lends it.

    Raises BrokenProcessPool, where the verdicts are taken, if one of them dies.
    """
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (lend,))
    try:
        yield partial(_verdicts, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _verdicts(
    pool: ProcessPoolExecutor, pairs: list[tuple[Property, str]], how: Profile, run_seed: int, shrink: bool
) -> Iterator[Verdict]:
    return pool.map(partial(_verdict, how, run_seed, shrink), pairs)


def _begin(lend: Lend) -> None:
    global _mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends this process
    _mine = _lent.enter_context(lend())


def _verdict(how: Profile, run_seed: int, shrink: bool, pair: tuple[Property, str]) -> Verdict:
    return judge(pair[0], _mine, pair[1], how, run_seed, shrink=shrink)
