"""How the command line lends a target: to one judging process or to several, with what has to be said on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.console import complain
from conformance.cli.streams import lend_stderr

if TYPE_CHECKING:
    from conformance.diagnosis.experiments.first import Renew
    from conformance.run.judge import Judging
    from conformance.run.options import Options
    from conformance.targets.lending import Loan
    from lstm_spec import Backend


@contextmanager
def lend_backend(loan: Loan) -> Iterator[Backend]:
    """The backend, as in `targets.lending`; what it prints, and what is to be said, goes to stderr.

    If it is to run in this process, what it starts ends when this process is gone.
    """
    from conformance.targets import keeper, lending

    is_here = loan.isolate is False
    if is_here:
        keeper.watch_this_process()
    with (
        lend_stderr() if is_here else nullcontext(),
        redirect_stdout(sys.stderr),
        lending.lend_backend(loan, complain) as backend,
    ):
        yield backend


def lend_anew(loan: Loan) -> Renew | None:
    """What lends the target once more, in a fresh process; None if the system has no such processes."""
    return None if sys.platform == "win32" else partial(lend_backend, loan._replace(isolate=True, out=None))


ROOM = 2 << 30  # bytes of free memory for each process that holds somebody else's target


def choose_job_count(loan: Loan, backend: Backend, options: Options) -> int:
    """The default number of judging processes: as many as help, on the CPU, as far as there is memory for them.

    A target of somebody else's is judged in several only if each can have a process of its own.
    """
    from conformance.run.parallel import choose_process_count
    from conformance.run.selection import plan_verdicts
    from conformance.targets.resolve import is_ours

    if backend.description.device != "cpu":
        return 1
    many = choose_process_count(len(plan_verdicts(backend, options)))
    if is_ours(loan.target):
        return many
    return 1 if loan.isolate is False else max(1, min(many, _measure_free_memory() // ROOM))


def _measure_free_memory() -> int:
    """Bytes that are available without swapping; 0 if the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)


def judge_in_processes(jobs: int, loan: Loan) -> AbstractContextManager[Judging | None]:
    """That number of processes, which judge what is lent; None for one. Raises BrokenProcessPool if one dies."""
    if jobs == 1:
        return nullcontext()
    from conformance.run.parallel import start_processes

    return start_processes(jobs, partial(lend_backend, loan))
