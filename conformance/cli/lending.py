"""How a target is lent to the judge: here, or in a process of its own; to one process, or to several."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from conformance.run.judge import Judging
    from conformance.targets.isolated import Isolated
    from lstm_spec import Backend


def lend(
    target: str, device: str | None, isolate: bool | None, timeout: float, out: Path
) -> AbstractContextManager[Backend]:
    """The backend, in a process of its own unless that is not wanted, or the target is ours. Raises TargetError."""
    from conformance.targets.resolve import is_ours, resolve

    if isolate is False or (isolate is None and is_ours(target)):
        return nullcontext(resolve(target, device))
    from conformance.targets.isolated import isolated

    try:
        child = isolated(target, device, timeout, out)
    except OSError as error:
        reason = f"{out} cannot be written ({error.strerror}), so no question is kept there"
        click.echo(f"lstm-conform: {reason}; choose another --out", err=True)
        child = isolated(target, device, timeout, None)
    return _backend_of(child)


@contextmanager
def _backend_of(child: Isolated) -> Iterator[Backend]:
    with child:
        yield child.backend


def choose_jobs(target: str, backend: Backend, options: dict[str, Any]) -> int:
    """How many processes judge unless it is said: one where a library, or a device, may have use for all cores."""
    from conformance.run.parallel import as_many_as_help
    from conformance.targets.resolve import is_ours

    return (
        as_many_as_help(count_planned(backend, options))
        if is_ours(target) and backend.description.device == "cpu"
        else 1
    )


@contextmanager
def judge_in_processes(jobs: int, *lent: Any) -> Iterator[Judging | None]:
    """So many processes that judge what is lent, as for `lend`; nothing for one. Exit 4 where one of them dies."""
    if jobs == 1:
        yield None
        return
    from concurrent.futures.process import BrokenProcessPool

    from conformance.report.status import SUITE_ERROR
    from conformance.run.parallel import in_processes

    try:
        with in_processes(jobs, partial(lend, *lent)) as judging:
            yield judging
    except BrokenProcessPool:
        click.echo("lstm-conform: a process that judged died, with the target in it; use --isolate", err=True)
        sys.exit(SUITE_ERROR)


def count_planned(backend: Backend, options: dict[str, Any]) -> int:
    """How many verdicts there will be."""
    from conformance.run.selection import planned

    return planned(backend, options["profile"], options["dtypes"], options["clauses"], options["name"])
