"""How a target is lent to the judge: made in this process, or in one of its own."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any, NamedTuple

from conformance.targets.isolated import Isolated, start_isolated
from conformance.targets.resolve import TargetError, is_ours, resolve
from lstm_spec import Backend

PATIENCE = 60.0  # seconds for each question, unless another number is asked for
NO_ISOLATION = "run it in this process: --no-isolate, with pytest --lstm-no-isolate, in Python isolate=False"
ENDS = ("_exit", "execv", "execve")  # all others call one of these
LONGEST = 86_400.0  # seconds, a day: what the system can wait for is not unlimited


class Loan(NamedTuple):
    """A target, and how it is to be lent."""

    target: str
    device: str | None = None
    isolate: bool | None = None  # None: unless the target is ours
    timeout: float = PATIENCE  # seconds for each question, if it is isolated
    out: Path | None = None  # where its questions are kept; None: nowhere


def lend(
    target: str,
    *,
    device: str | None = None,
    isolate: bool | None = None,
    timeout: float = PATIENCE,
    out: Path | None = None,
) -> AbstractContextManager[Backend]:
    """The backend that a target names, for a `with` statement; the keywords are those of `lstm-conform run`.

    A target that is not ours runs in its own process, so that a crash and a hang are verdicts: `timeout` is the number
    of seconds for each question. A question that kills the process is kept in the folder `out`. Raises TargetError, and
    ValueError for a timeout that is no number of seconds.
    """
    return lend_backend(Loan(target, device, isolate, check_timeout(timeout), out and Path(out)))


def check_timeout(seconds: float, name: str = "timeout") -> float:
    """The number of seconds. Raises ValueError unless it is above 0 and at most a day."""
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{name} is {seconds:g} s, expected more than 0 and at most {LONGEST:,.0f}; choose e.g. 60")
    return seconds


def lend_backend(loan: Loan, complain: Callable[[str], object] = warnings.warn) -> AbstractContextManager[Backend]:
    """The backend, in its own process unless that is not wanted, or the target is ours. Raises TargetError.

    `complain` is called with a sentence if the folder cannot be written.
    """
    if loan.isolate is False or (loan.isolate is None and is_ours(loan.target)):
        with forbid_ends():
            return _enter_here(resolve(loan.target, loan.device))
    if sys.platform == "win32":
        raise TargetError(f"target {loan.target!r} cannot be isolated on Windows; {NO_ISOLATION}")
    try:
        child = start_isolated(loan.target, loan.device, loan.timeout, loan.out)
    except OSError as error:
        complain(f"{loan.out} cannot be written ({error.strerror}), so no question is kept there; choose another --out")
        child = start_isolated(loan.target, loan.device, loan.timeout, None)
    return _enter_isolated(child)


@contextmanager
def _enter_here(backend: Backend) -> Iterator[Backend]:
    with forbid_ends():
        yield backend


@contextmanager
def forbid_ends() -> Iterator[None]:
    """In this block the functions of `os` that end or replace this process raise SystemExit instead.

    So no target in this process ends it as if all were well. Another thread may end it with a status that says that
    something is wrong, and a process that is forked may do whatever it wants.
    """
    process, former = os.getpid(), {name: getattr(os, name) for name in ENDS}

    def forbid(name: str) -> Callable[..., None]:
        def end(*arguments: Any) -> None:
            is_failure = name == "_exit" and arguments != (0,)
            if os.getpid() != process or (is_failure and current_thread() is not main_thread()):
                former[name](*arguments)
            raise SystemExit(f"os.{name}, which would have ended the process of the judge")

        return end

    try:
        for name in ENDS:
            setattr(os, name, forbid(name))
        yield
    finally:
        for name, function in former.items():
            setattr(os, name, function)


@contextmanager
def _enter_isolated(child: Isolated) -> Iterator[Backend]:
    with child:
        yield child.backend
