"""How a target is lent to the judge: in this process or in another one; to one judging process or to several."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from conformance.run.judge import Judging
    from conformance.run.options import Options
    from conformance.targets.isolated import Isolated
    from lstm_spec import Backend


class Loan(NamedTuple):
    """A target, and how it is to be lent."""

    target: str
    device: str | None
    isolate: bool | None  # None: unless the target is ours
    timeout: float  # seconds for each question, if it is isolated
    out: Path  # where its questions are kept


def lend_backend(loan: Loan) -> AbstractContextManager[Backend]:
    """The backend, in its own process unless that is not wanted, or the target is ours. Raises TargetError."""
    from conformance.targets.resolve import is_ours, resolve

    if loan.isolate is False or (loan.isolate is None and is_ours(loan.target)):
        return nullcontext(resolve(loan.target, loan.device))
    from conformance.targets.isolated import start_isolated

    try:
        child = start_isolated(loan.target, loan.device, loan.timeout, loan.out)
    except OSError as error:
        reason = f"{loan.out} cannot be written ({error.strerror}), so no question is kept there"
        click.echo(f"lstm-conform: {reason}; choose another --out", err=True)
        child = start_isolated(loan.target, loan.device, loan.timeout, None)
    return _enter_isolated(child)


@contextmanager
def _enter_isolated(child: Isolated) -> Iterator[Backend]:
    with child:
        yield child.backend


def choose_job_count(target: str, backend: Backend, options: Options) -> int:
    """The default number of judging processes: one if a library, or a device, may use all cores itself."""
    from conformance.run.parallel import choose_process_count
    from conformance.run.selection import plan_verdicts
    from conformance.targets.resolve import is_ours

    if not is_ours(target) or backend.description.device != "cpu":
        return 1
    return choose_process_count(len(plan_verdicts(backend, options)))


@contextmanager
def judge_in_processes(jobs: int, loan: Loan) -> Iterator[Judging | None]:
    """That number of processes, which judge what is lent; None for one. Exit 4 if one of them dies."""
    if jobs == 1:
        yield None
        return
    from concurrent.futures.process import BrokenProcessPool

    from conformance.report.status import SUITE_ERROR
    from conformance.run.parallel import start_processes

    try:
        with start_processes(jobs, partial(lend_backend, loan)) as judging:
            yield judging
    except BrokenProcessPool:
        click.echo("lstm-conform: a process that judged died, with the target in it; use --isolate", err=True)
        sys.exit(SUITE_ERROR)
