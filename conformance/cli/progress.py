"""How far a command has come: a bar on a terminal, elsewhere a line every few seconds; both on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from conformance.cli.console import complain, make_console
from conformance.cli.streams import find_stderr

if TYPE_CHECKING:
    from rich.console import Console

EVERY = 10.0  # seconds
NAMED = 5  # failures
Advance = Callable[[str, str], None]  # called with what was done, and a name for what failed or an empty string


@contextmanager
def show_progress(subject: str, unit: str, total: int, quiet: bool) -> Iterator[Advance]:
    """What is to be called whenever one of the `total` units is done."""
    console = make_console(on_stderr=True)
    if quiet:
        yield lambda done, failed: None
    elif find_stderr().isatty() and not console.is_dumb_terminal:
        with _show_bar(console, subject, total) as advance:
            yield advance
    else:
        with _print_lines(subject, unit, total) as advance:
            yield advance


@contextmanager
def _show_bar(console: Console, subject: str, total: int) -> Iterator[Advance]:
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(escape(subject), total=total)

        def advance(done: str, failed: str) -> None:
            progress.update(task, advance=1, description=escape(f"{subject} {done}"))

        yield advance


@contextmanager
def _print_lines(subject: str, unit: str, total: int) -> Iterator[Advance]:
    """A thread prints the lines, also while one question takes long."""
    count, failures, started, ended = 0, list[str](), time.monotonic(), Event()

    def advance(done: str, failed: str) -> None:
        nonlocal count
        count += 1
        failures.extend([failed] if failed else [])

    def print_lines() -> None:
        while not ended.wait(EVERY):
            seconds = time.monotonic() - started
            complain(f"{subject}: {count} of {total} {unit} in {seconds:.0f} s{_describe_failures(failures)}")

    thread = Thread(target=print_lines, daemon=True)
    thread.start()
    try:
        yield advance
    finally:
        ended.set()
        thread.join()


def _describe_failures(failures: list[str]) -> str:
    if not failures:
        return ", none failed"
    named = list(dict.fromkeys(failures))
    more = ", …" if len(named) > NAMED else ""
    return f", {len(failures)} failed ({', '.join(named[:NAMED])}{more})"
