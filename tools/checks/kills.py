"""Kills a run of the suite at random moments, and looks for what is left: processes, halves of files, lost verdicts.

Each run is a judge of its own, with one or two processes that judge, and a target in this process or in another one;
the wrong target starts a helper in a session of its own. Every process inherits a mark in its environment, by which it
is found again after SIGKILL.

    python -m tools.checks.kills --times 50
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from uuid import uuid4

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from conformance.cases.case import CaseError
from conformance.cases.crash import is_crash, load_crash
from conformance.cases.load import load_case
from conformance.journal import read_journal

PATIENCE = 5.0  # seconds until no process may be left
MARK = "LSTM_SPEC_KILLS"
TARGETS = ("fault:swaps_input_and_forget_gates", "tools.checks.kills:make_helpful")
WAYS = tuple(
    (target, jobs, isolate) for target in TARGETS for jobs in (1, 2) for isolate in ("--isolate", "--no-isolate")
)


class Killed(NamedTuple):
    """What was left of one run."""

    way: str
    after: float  # seconds
    left: list[str]  # processes
    broken: list[str]  # files
    verdicts: int  # that can be read in the journal


@click.command()
@click.option("--times", default=50, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--latest", default=15.0, show_default=True, help="Seconds after which a run is killed at the latest.")
def main(times: int, seed: int, latest: float) -> None:
    """Exit 1 if anything is left that should not be."""
    draw, console, killed = random.Random(seed), Console(width=150), list[Killed]()
    for n in track(range(times), "killed", console=console, disable=not console.is_terminal):
        killed.append(kill_run(*WAYS[n % len(WAYS)], after=draw.uniform(0.1, latest)))
    print_table(console, killed)
    sys.exit(any(each.left or each.broken for each in killed))


def kill_run(target: str, jobs: int, isolate: str, after: float) -> Killed:
    """Start a run, kill it after that number of seconds, and look at what is left."""
    mark = uuid4().hex
    with TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "lstm_conform", "run", target, "--jobs", str(jobs), isolate]
        reports = ["--json", str(folder / "report.json"), "--junit", str(folder / "report.xml")]
        out = ["--profile", "quick", "--out", str(folder / "out")]
        judge = subprocess.Popen(
            [*command, *reports, *out],
            env=os.environ | {MARK: mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(after)
        judge.send_signal(signal.SIGKILL)
        judge.wait()
        left = wait_until_gone(mark)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        broken = list(find_broken(folder))
        verdicts = sum(len(read_journal(path)) for path in (folder / "out").glob("*.jsonl"))
        return Killed(f"{target} --jobs {jobs} {isolate}", after, list(left.values()), broken, verdicts)


def wait_until_gone(mark: str) -> dict[int, str]:
    """The processes with that mark that are left when patience ends, with their command."""
    deadline = time.monotonic() + PATIENCE
    while (left := dict(find_marked(mark))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def find_marked(mark: str) -> Iterator[tuple[int, str]]:
    """The running processes with that mark."""
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it is gone
            continue


def find_broken(folder: Path) -> Iterator[str]:
    """The files that are neither whole nor absent."""
    report = folder / "report.json"
    if report.exists():
        try:
            json.loads(report.read_text(encoding="utf-8"))
        except ValueError as error:
            yield f"{report.name}: {error}"
    for case in (folder / "out").glob("*.safetensors"):
        try:
            load_crash(case) if is_crash(case) else load_case(case)
        except CaseError as error:
            yield f"{case.name}: {error}"


def print_table(console: Console, killed: list[Killed]) -> None:
    """One row for each way of running, then what was left."""
    table = Table("run", "times", "lines in journals", "processes left", "files broken", box=None)
    for way in dict.fromkeys(each.way for each in killed):
        of = [each for each in killed if each.way == way]
        counts = sum(e.verdicts for e in of), sum(len(e.left) for e in of), sum(len(e.broken) for e in of)
        table.add_row(way, str(len(of)), *(f"{n:,}" for n in counts))
    console.print(table)
    for each in killed:
        for line in (*each.left, *each.broken):
            console.print(f"{each.way} after {each.after:.2f} s: {line}", highlight=False, soft_wrap=True)


def make_helpful() -> object:
    """The NumPy backend of a library that starts a helper, in a session of its own, for every question."""
    from dataclasses import replace

    from backends.numpy.backend import BACKEND

    def ask(problem):  # type: ignore[no-untyped-def]
        subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=subprocess.DEVNULL)
        return BACKEND.forward(problem)

    return replace(BACKEND, name="helpful", forward=ask)


if __name__ == "__main__":
    main()
