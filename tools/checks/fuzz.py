"""Damages real cases, files of deviations, frames and files of models, and demands of every input a named error or a
right reading, without a warning or a line printed.

    python -m tools.checks.fuzz                                   10,000 of each kind whose libraries are installed
    python -m tools.checks.fuzz cases --inputs 1000000            a million; how long it takes is said while it runs
    python -m tools.checks.fuzz cases --first 4711 --inputs 1     one input again

A file of a model may kill the library that reads it, if the command, which reads it in another process, says so. It is
counted and printed, but it is not wrong.

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
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from tools.alarm import raise_after
from tools.checks.apart import KILLED, run_apart
from tools.checks.models import (
    Kind,
    damage_model,
    explain_refusal,
    explain_wrong_reading,
    list_files,
    list_kinds,
    read_model,
)

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
    explain: Callable[[Any, Exception | None], str] = lambda result, error: ""  # what else is wrong
    tell_apart: Callable[[Any], str] | None = None  # what the command says of an input that kills who reads it


class Hung(BaseException):
    """The alarm went off."""


class Tally(NamedTuple):
    """What came of the inputs, and what was wrong, by the number of the input."""

    counts: Counter[str]
    findings: dict[int, str]
    slowest: float
    crashes: dict[int, str]  # of a library, that the command survives


MODELS = list_kinds()
KINDS = ("cases", "deviations", "frames", *MODELS)


def find_reader(kind: str, folder: Path) -> Reader:
    """The reader of cases, deviations, frames or a kind of models, which writes its inputs to a folder."""
    if kind in MODELS:
        return _read_models(MODELS[kind], folder)
    return {"cases": _read_cases, "deviations": _read_deviations, "frames": _read_frames}[kind](folder)


def _read_models(kind: Kind, folder: Path) -> Reader:
    from conformance.models.asked import ModelError

    path, files = folder / f"model{kind.suffix}", list_files(kind, folder)

    path.write_bytes(files[0])
    read_model(path)  # imports what it needs, which is not counted

    def explain(found: Any, error: Exception | None) -> str:
        return explain_wrong_reading(folder, found) or (explain_refusal(error) if error else "")

    make = partial(_write_input, path, partial(damage_model, kind, files))
    return Reader(make, read_model, ModelError, explain=explain, tell_apart=_tell_apart)


def _tell_apart(path: Path) -> str:
    """The sentence of the command, which reads files in a process of its own."""
    from conformance.models.apart import read_apart
    from conformance.models.asked import CrashError, ModelError

    try:
        read_apart(path, {})
    except CrashError as error:
        return str(error)
    except ModelError:
        pass
    return "nothing: it is read or refused if it is the first file"


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


def try_inputs(
    kind: str,
    reader: Reader,
    numbers: range,
    seed: int,
    tell: Callable[[str], None],
    at: Callable[[int], None] = lambda number: None,
) -> Tally:
    """Make and read the inputs of these numbers; it ends after some findings.

    `tell` gets a line every few seconds, `at` the number of every input before it is read.
    """
    counts, findings, slowest = Counter[str](), dict[int, str](), 0.0
    before, began = measure_peak(), time.monotonic()
    told = began
    for done, number in enumerate(numbers):
        at(number)
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
    return Tally(counts, findings, slowest, {})


def _try_input(reader: Reader, made: Any) -> tuple[str, float]:
    """What came of it, and the seconds of processor time."""
    started, found, refused = time.process_time(), None, None
    with _listen() as heard:
        try:
            with raise_after(ALARM, Hung(f"no end within {ALARM:g} s"), signal.ITIMER_REAL):
                found = reader.read(made)
            outcome = "read" if reader.is_right(found) else f"it was read wrongly: {found!r:.200}"
        except reader.refusal as error:
            text, refused = str(error), error
            is_line = text.isprintable() and 0 < len(text) <= 3_000
            outcome = "refused" if is_line else f"its refusal is no line: {text!r:.200}"
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            outcome = f"{type(error).__name__}: {str(error)!r:.200}"
    seconds = time.process_time() - started
    if outcome in ("read", "refused"):
        outcome = reader.explain(found, refused) or (f"it says {heard[0]!r:.200}" if heard else outcome)
    return (f"it took {seconds:.1f} s" if seconds > SECONDS else outcome), seconds


@contextmanager
def _listen() -> Iterator[list[str]]:
    """What is warned of, and what is printed, also by libraries in C; it is known when this context is left."""
    heard = list[str]()
    with tempfile.TemporaryFile() as file, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kept = [os.dup(stream) for stream in (1, 2)]
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            yield heard
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, stream)
                os.close(copy)
            file.seek(0)
            heard += [f"{one.category.__name__}: {one.message}" for one in caught]
            lines = file.read().decode(errors="replace").splitlines()
            heard += [line for line in lines if not line.startswith("INFO: ")]  # TensorFlow Lite's, once in a process


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


def try_apart(kind: str, numbers: range, seed: int, tell: Callable[[str], None]) -> tuple[Tally, int]:
    """The same in a process of its own, in another after one that died; and by how much the memory of one grew."""
    counts, findings, slowest, grown, crashes = Counter[str](), dict[int, str](), 0.0, 0, dict[int, str]()
    while len(numbers) and len(findings) < MOST_FINDINGS:
        found, last, end = run_apart(partial(_try_all, kind, numbers, seed, tell), 2 * ALARM)
        if end:
            sentence, done = _ask_command(kind, last, seed) if end.startswith(KILLED) else "", last + 1 - numbers.start
            (crashes if sentence else findings)[last] = f"{end}; the command says: {sentence}" if sentence else end
            counts.update({"crashed a library" if sentence else "wrong": 1, "not told": done - 1})
            numbers = numbers[done:]
            continue
        tally, size = found
        counts, findings = counts + tally.counts, findings | tally.findings
        slowest, grown = max(slowest, tally.slowest), max(grown, size)
        break
    return Tally(counts, findings, slowest, crashes), grown


def _ask_command(kind: str, number: int, seed: int) -> str:
    """What the command says of an input that killed the process; empty for a kind that it reads itself."""
    with tempfile.TemporaryDirectory() as folder:
        reader = find_reader(kind, Path(folder))
        made = reader.make(random.Random(f"{seed} {kind} {number}"))
        return reader.tell_apart(made) if reader.tell_apart else ""


def _try_all(
    kind: str, numbers: range, seed: int, tell: Callable[[str], None], at: Callable[[int], None]
) -> tuple[Tally, int]:
    with tempfile.TemporaryDirectory() as folder:
        reader, before = find_reader(kind, Path(folder)), measure_peak()
        limit_addresses()
        found = try_inputs(kind, reader, numbers, seed, tell, at)
    return found, measure_peak() - before


@click.command()
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS))
@click.option("--inputs", type=click.IntRange(min=1), default=10_000, show_default=True, help="Of each kind.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--first", type=click.IntRange(min=0), default=0, help="The number of the first input.")
def main(kinds: tuple[str, ...], inputs: int, seed: int, first: int) -> None:
    """Damage real files and frames, and read them. Kinds that are not named are left out if a library is missing."""
    wrong, again = 0, "python -m tools.checks.fuzz"
    for kind in kinds or KINDS:
        if missing := MODELS[kind].find_missing() if kind in MODELS else []:
            click.echo(f"{kind}: not read, for {' and '.join(missing)} {'are' if missing[1:] else 'is'} not installed")
            wrong += kind in kinds
            continue
        began, numbers = time.monotonic(), range(first, first + inputs)
        found, grown = try_apart(kind, numbers, seed, lambda line: click.echo(line, err=True))
        done = sum(found.counts.values())
        click.echo(_describe_progress(kind, done, inputs, time.monotonic() - began, found.counts))
        click.echo(f"  slowest {found.slowest:.2f} s, memory grew by {grown >> 20} MiB; seed {seed}")
        for number, what in (found.findings | found.crashes).items():
            click.echo(f"  input {number}: {what}\n    {again} {kind} --seed {seed} --first {number} --inputs 1")
        wrong += len(found.findings)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
