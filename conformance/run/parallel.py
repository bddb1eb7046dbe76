"""Verdicts from several processes at once; every question is the one that a single process would ask."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from conformance.arrays import keep_freed_memory
from conformance.measurements.compiling import note_compiling
from conformance.property import Property
from conformance.run.judge import Judging, describe_mishap, judge_pair
from conformance.run.options import Options
from conformance.targets.keeper import end_with_parent
from conformance.targets.locate import TargetError
from conformance.verdict import Verdict
from lstm_spec import Backend

Lend = Callable[[], AbstractContextManager[Backend]]

MOST = 8  # processes, unless more are asked for
WORTH_ONE = 40  # verdicts: starting a process takes about a second

_lent = ExitStack()  # in a process that judges: until it ends
_mine: Backend
_is_measured = False


def choose_process_count(verdicts: int) -> int:
    """How many processes help: no more than there are cores, each with enough verdicts."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST, verdicts // WORTH_ONE))


@contextmanager
def start_processes(jobs: int, lend: Lend) -> Iterator[Judging]:
    """`jobs` processes, each with the backend that `lend` (which is pickled) lends it.

    Raises BrokenProcessPool, when the verdicts are taken, if one of them dies. Whatever is raised ends them at once.
    """
    others = {*active_children()}
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _borrow_backend, (lend,))
    try:
        yield partial(_judge_in_pool, pool)
    except BaseException:
        for process in {*active_children()} - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _judge_in_pool(pool: ProcessPoolExecutor, pairs: list[tuple[Property, str]], options: Options) -> Iterator[Verdict]:
    """The verdicts as they come; to count failures, in the order of the pairs.

    What takes long is begun halfway, so that no process ends long after the others.
    """
    long = [pair for pair in pairs if pair[0].exhaustive]
    short = [pair for pair in pairs if not pair[0].exhaustive]
    half = len(short) // 2
    with _hide_interrupts():
        begun = {pool.submit(_judge_pair, options, pair): pair for pair in (*short[:half], *long, *short[half:])}
    order = {pair: future for future, pair in begun.items()}
    found = as_completed(begun) if options.maxfail is None else (order[pair] for pair in pairs)
    return (await_verdict(future, begun[future]) for future in found)


def await_verdict(future: Future[Verdict], pair: tuple[Property, str]) -> Verdict:
    """The verdict; one that cannot be sent from one process to another costs none of the others."""
    try:
        return future.result()
    except (BrokenProcessPool, CancelledError):
        raise
    except Exception as error:
        return describe_mishap(pair, error)


@contextmanager
def _hide_interrupts() -> Iterator[None]:
    """Processes that start in this block never hear an interrupt from the keyboard; this one hears it afterwards."""
    if sys.platform == "win32":
        return (yield)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _borrow_backend(lend: Lend) -> None:
    global _mine
    _watch_parent()
    keep_freed_memory()
    atexit.register(_lent.close)  # while there is still something to close it with
    try:
        _mine = _lent.enter_context(lend())
    except TargetError:  # it may be made once only; the judge sees that this process is gone, and says what to say
        os._exit(1)
    gc.freeze()  # what is there by now stays: it need not be looked through again and again
    gc.set_threshold(20_000, 50, 1000)  # nor what comes: most of it is gone by itself


def _watch_parent() -> None:
    """End this process when its parent is gone, also while a target is busy; where the system does not, by a thread."""
    parent, end_process = parent_process(), os._exit  # a target that is in this process has another function there
    assert parent is not None
    end_with_parent()
    Thread(target=lambda: (wait([parent.sentinel]), end_process(1)), daemon=True).start()


def _judge_pair(options: Options, pair: tuple[Property, str]) -> Verdict:
    """The verdict; after the first one it is measured whether the backend compiles for every size."""
    global _mine, _is_measured
    verdict = judge_pair(pair, _mine, options)
    if not _is_measured:
        _mine, _is_measured = note_compiling(_mine), True
    return verdict
