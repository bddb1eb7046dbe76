"""Damages real cases, files of deviations and frames, and demands of every input a named error or a right reading.

    python -m tools.checks.fuzz                                   10,000 of each
    python -m tools.checks.fuzz cases --inputs 1000000            a million; how long it takes is said while it runs
    python -m tools.checks.fuzz cases --first 4711 --inputs 1     one input again

An input may take 1 s of processor time, and 20 s in all, for which an alarm of the system waits. It may take 512 MiB:
the largest resident size that the process ever had, beyond the one before the first input. So what one input leaves
behind counts against those after it. On Linux the process may not have more than 2 GiB of addresses more, so that
nothing larger is ever tried in earnest. Input K of a kind depends on the seed, the kind and K alone.
"""

import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from tools.alarm import raise_after

SECONDS, ALARM, MEMORY = 1.0, 20.0, 512 << 20
ADDRESSES = 2 << 30  # bytes
EVERY = 5.0  # seconds between lines of progress
MOST_FINDINGS = 10
ODD_PATHS = ("/dev/zero", "/dev/null", "/", "null\0", "half\ud800", "no/such/file", "long" * 1000)


class Reader(NamedTuple):
    """How inputs of a kind are made and read, the error with which they may be refused, and what is a right reading."""

    make: Callable[[random.Random], Any]
    read: Callable[[Any], Any]
    refusal: type[Exception]
    is_right: Callable[[Any], bool] = lambda result: True


class Hung(BaseException):
    """The alarm went off."""


class Tally(NamedTuple):
    """What came of the inputs, and what was wrong, by the number of the input."""

    counts: Counter[str]
    findings: dict[int, str]
    slowest: float = 0.0


def find_reader(kind: str, folder: Path) -> Reader:
    """The reader of cases, deviations or frames, which writes its inputs to a folder."""
    return {"cases": _read_cases, "deviations": _read_deviations, "frames": _read_frames}[kind](folder)


def _read_cases(folder: Path) -> Reader:
    from conformance.cases.case import LARGEST_SEED, Case, CaseError, check_fields
    from conformance.cases.crash import Crash, is_crash, load_crash
    from conformance.cases.expectations import is_well_formed
    from conformance.cases.load import load_case
    from conformance.problems.question import problem_of
    from tools.checks.damage import damage_case, list_cases

    def is_right(found: Case | Crash) -> bool:
        if isinstance(found, Crash):
            return found.target.isprintable()
        check_fields(found.about)
        if type(found.example) is tuple and not 0 <= found.example[1] < LARGEST_SEED:
            return False
        return is_well_formed(problem_of(found.example), None) and is_well_formed(*found.asked[:2])

    list_cases()
    path = folder / "case.safetensors"
    read: Callable[[Path], Any] = lambda path: load_crash(path) if is_crash(path) else load_case(path)  # noqa: E731
    return Reader(lambda rng: _write_input(path, damage_case, rng), read, CaseError, is_right)


def _read_deviations(folder: Path) -> Reader:
    from conformance.report.deviations import Deviation, DeviationError, read_deviations
    from lstm_spec import CLAUSES
    from tools.checks.damage import damage_deviations

    def is_right(found: tuple[Deviation, ...]) -> bool:
        shown = (text for d in found for text in (d.reason, d.issue, d.target, str(d.witness), str(d.expires)))
        return all(d.clause in CLAUSES for d in found) and all(text.isprintable() for text in shown)

    path = folder / "lstm-deviations.toml"
    return Reader(lambda rng: _write_input(path, damage_deviations, rng), read_deviations, DeviationError, is_right)


def _read_frames(folder: Path) -> Reader:
    from conformance.targets.link import Reply
    from conformance.targets.wire import FrameError
    from tests.helpers.frames import damage, list_replies, read_by_hand

    replies = list_replies()

    def make(rng: random.Random) -> tuple[str, tuple[Any, ...], bytes]:
        call, arguments, raw = rng.choice(replies)
        return call, arguments, damage(raw, rng)

    return Reader(make, lambda made: read_by_hand(*made), FrameError, lambda found: isinstance(found, Reply))


def _write_input(path: Path, make: Callable[[random.Random], bytes], rng: random.Random) -> Path:
    """The damaged file; now and then something else stands in its place."""
    path.unlink(missing_ok=True)
    kind = rng.randrange(400)
    if kind < len(ODD_PATHS):
        return Path(ODD_PATHS[kind])
    if kind == 100:
        os.mkfifo(path)
    elif kind == 101:
        path.symlink_to(path)
    elif kind == 102:
        with path.open("wb") as file:
            file.truncate(rng.choice([2**27 + 1, 5 << 30]))
    else:
        path.write_bytes(make(rng))
    return path


# ---------------------------------------------------------------- reading all


def try_inputs(kind: str, reader: Reader, numbers: range, seed: int, tell: Callable[[str], None]) -> Tally:
    """Make and read the inputs of these numbers; it ends after some findings. `tell` gets a line every few seconds."""
    counts, findings, slowest = Counter[str](), dict[int, str](), 0.0
    before, began = measure_peak(), time.monotonic()
    told = began
    for done, number in enumerate(numbers):
        made = reader.make(random.Random(f"{seed} {kind} {number}"))
        outcome, seconds = _try_input(reader, made)
        slowest = max(slowest, seconds)
        if measure_peak() - before > MEMORY and outcome in ("read", "refused"):
            outcome = f"it took more than {MEMORY >> 20} MiB"
        counts[outcome if outcome in ("read", "refused") else "wrong"] += 1
        if outcome not in ("read", "refused"):
            findings[number] = outcome
        if time.monotonic() - told > EVERY or len(findings) >= MOST_FINDINGS:
            told = time.monotonic()
            tell(_describe_progress(kind, done + 1, len(numbers), told - began, counts))
        if len(findings) >= MOST_FINDINGS:
            break
    return Tally(counts, findings, slowest)


def _try_input(reader: Reader, made: Any) -> tuple[str, float]:
    """What came of it, and the seconds of processor time."""
    started = time.process_time()
    try:
        with raise_after(ALARM, Hung(f"no end within {ALARM:g} s"), signal.ITIMER_REAL):
            found = reader.read(made)
        outcome = "read" if reader.is_right(found) else f"it was read wrongly: {found!r:.200}"
    except reader.refusal as error:
        text = str(error)
        outcome = (
            "refused" if text.isprintable() and 0 < len(text) <= 3_000 else f"its refusal is no line: {text!r:.200}"
        )
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        outcome = f"{type(error).__name__}: {str(error)!r:.200}"
    seconds = time.process_time() - started
    return (f"it took {seconds:.1f} s" if seconds > SECONDS else outcome), seconds


def measure_peak() -> int:
    """The most memory that this program ever had, in bytes; on Linux `ru_maxrss` counts what its parent had, too."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _describe_progress(kind: str, done: int, total: int, seconds: float, counts: Counter[str]) -> str:
    rate = done / max(seconds, 1e-9)
    left = f"{(total - done) / rate / 60:.1f} min left, " if done < total else ""
    came = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
    return f"{kind}: {done:,} of {total:,}, {rate:,.0f} a second, {left}{came}"


def limit_addresses() -> None:
    """From here on, this process cannot have more than ADDRESSES bytes more."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ADDRESSES, resource.RLIM_INFINITY))


@click.command()
@click.argument("kinds", nargs=-1, type=click.Choice(("cases", "deviations", "frames")))
@click.option("--inputs", type=click.IntRange(min=1), default=10_000, show_default=True, help="Of each kind.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--first", type=click.IntRange(min=0), default=0, help="The number of the first input.")
def main(kinds: tuple[str, ...], inputs: int, seed: int, first: int) -> None:
    """Damage real files and frames, and read them."""
    wrong, again = 0, "python -m tools.checks.fuzz"
    for kind in kinds or ("cases", "deviations", "frames"):
        with tempfile.TemporaryDirectory() as folder:
            reader, before, began = find_reader(kind, Path(folder)), measure_peak(), time.monotonic()
            limit_addresses()
            numbers = range(first, first + inputs)
            found = try_inputs(kind, reader, numbers, seed, lambda line: click.echo(line, err=True))
        done = sum(found.counts.values())
        click.echo(_describe_progress(kind, done, inputs, time.monotonic() - began, found.counts))
        grown = (measure_peak() - before) >> 20
        click.echo(f"  slowest {found.slowest:.2f} s, memory grew by {grown} MiB; seed {seed}")
        for number, what in found.findings.items():
            click.echo(f"  input {number}: {what}\n    {again} {kind} --seed {seed} --first {number} --inputs 1")
        wrong += len(found.findings)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
