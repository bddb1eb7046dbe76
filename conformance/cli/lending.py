"""How the command line lends a target: to one judging process or to several, with what has to be said on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from functools import partial
from typing import TYPE_CHECKING

from conformance.cli.console import complain
from conformance.cli.streams import lend_stderr

if TYPE_CHECKING:
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


def choose_job_count(target: str, backend: Backend, options: Options) -> int:
    """The default number of judging processes: one if a library, or a device, may use all cores itself."""
    from conformance.run.parallel import choose_process_count
    from conformance.run.selection import plan_verdicts
    from conformance.targets.resolve import is_ours

    if not is_ours(target) or backend.description.device != "cpu":
        return 1
    return choose_process_count(len(plan_verdicts(backend, options)))


def judge_in_processes(jobs: int, loan: Loan) -> AbstractContextManager[Judging | None]:
    """That number of processes, which judge what is lent; None for one. Raises BrokenProcessPool if one dies."""
    if jobs == 1:
        return nullcontext()
    from conformance.run.parallel import start_processes

    return start_processes(jobs, partial(lend_backend, loan))
