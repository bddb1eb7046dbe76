"""Judges targets that do whatever a target may do, and prints what comes of each: verdicts, exit status, what is left.

All targets are judged in three ways: by one command, by `check` in this process, and by pytest. A target is unseen if
its exit status is 0 though it is wrong. Every process inherits a mark in its environment, by which it is found if it is
left.

    python -m tools.checks.hostile --every 1 --page docs/hostile.md
"""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from uuid import uuid4
from xml.etree import ElementTree

import click
from rich.console import Console
from rich.progress import track

from tests.helpers import hostile
from tests.planted import mischief
from tools.checks.kills import MARK, wait_until_gone

ASKED = "of the equations"  # some properties, forward and backward
TIMEOUT = 3.0  # seconds for a question
EXAMPLES = 4
ROOT = Path(__file__).parents[2]
FRAGILE = (  # those that are wrong at any size
    "segfaults",
    "is_killed",
    "reads_address_zero",
    "leaves_a_helper",
    "exits_at_once",
    "exits_as_if_well",
    "asks_the_user",
    "fails",
    "leaves",
    "hangs",
    "hangs_with_helpers",
    "keeps_the_lock",
    "kills_its_keeper",
    "drips",
    "drips_a_reply",
    "announces_too_much",
    "writes_anything",
    "replies_nonsense",
    "closes_all",
    "answers_other_things",
    "segfaults_in_the_gradient_pass",
    "returns_half_a_pair",
    "dies_when_made",
    "drips_when_made",
    "unavailable",
)
RED = (1, 3, 5)  # does not conform, cannot be made, claims nothing that could be asked
CONTROL = "tests.planted.mischief:RIGHT"  # judged last: it holds, whatever the others did


INTRODUCTION = """\
{count} targets, each of which is wrong and does something to the judge, were judged by the properties with
“{asked}” in their sentence: by one command (`lstm-conform run T1 T2 …`), by `check` with `conformance.lend`, and by
`pytest --lstm`, with {timeout:g} s for a question. Exit status 1 says that the target does not conform, 3 that it
cannot be made, 5 that nothing could be asked. The three numbers of seconds are those of the three ways. The last
target is right, and holds. `make hostile` writes this page.

A target in a process of its own can do what its user can: it may kill the judge. Then nothing is green, and the
journal has the verdicts until then. With `--no-isolate`, and if a Backend is given to `check` directly, the target
is in the process of the judge: what it raises and returns is a verdict there, too, but a crash ends the judge, a hang
lasts, and what it changes in NumPy or in the suite is changed for the judge. With `--no-isolate`, `os._exit` and
`os.exec` are verdicts; if the target ends the process in C, or pytest's when Python ends, the exit status is its own.

"""


class Way(NamedTuple):
    """What came of a target in one way of judging."""

    status: int  # as the command line has it
    outcomes: tuple[str, ...]  # of the verdicts
    seconds: float
    text: str = ""

    @property
    def summary(self) -> str:
        """The outcomes, counted."""
        return ", ".join(f"{n} {outcome}" for outcome, n in Counter(self.outcomes).items()) or "no verdict"


class Run(NamedTuple):
    """What came of all targets in one way of judging, and what was left."""

    ways: dict[str, Way]
    left: list[str]
    text: str
    seconds: float


def list_targets(folder: Path) -> list[str]:
    """Every hostile target; those that do something at import are files, which are written to the folder."""
    kinds = ("dies", "hangs", "prints", "answers", "disturbs", "claims")
    named = {kind: vars(vars(mischief)[kind]) for kind in kinds}
    targets = [f"tests.planted.mischief:{kind}.{name}" for kind, names in named.items() for name in names]
    targets += [
        f"tests.helpers.hostile:{kind}.{name}"
        for kind in ("when_asked", "when_returned", "when_made")
        for name in vars(vars(hostile)[kind])
    ]
    targets += [f"tests.helpers.fragile:{name}" for name in FRAGILE]
    for name, source in mischief.AT_IMPORT.items():
        (folder / f"import_{name}.py").write_text(source, encoding="utf-8")
        targets.append(str(folder / f"import_{name}.py"))
    return targets


def judge_by_command(targets: list[str], folder: Path) -> Run:
    """All targets, by one command."""
    options = ["--isolate", "--timeout", str(TIMEOUT), "--profile", "quick", "--examples", str(EXAMPLES), "-k", ASKED]
    files = ["--out", str(folder / "out"), "--json", str(folder / "report.json"), "--junit", str(folder / "report.xml")]
    text, left, seconds = _run_marked(["-m", "lstm_conform", "run", *targets, *options, *files], folder)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    ElementTree.parse(folder / "report.xml")
    ways = {one["name"]: Way(3, (), 0.0, one["reason"]) for one in report["unavailable"]}
    judged = [target for target in targets if target not in ways]
    for target, data in zip(judged, report["targets"], strict=True):
        outcomes = tuple(verdict["outcome"] for verdict in data["verdicts"])
        ways[target] = Way(data["exit_status"], outcomes, data["seconds"], data["statement"])
    return Run(ways, left, text, seconds)


def judge_by_pytest(targets: list[str], folder: Path) -> Run:
    """All targets that can be made, by pytest."""
    asked = [word for target in targets for word in ("--lstm", target)]
    options = ["--lstm-timeout", str(TIMEOUT), "--lstm-profile", "quick", "--lstm-out", str(folder / "out")]
    files = ["--junitxml", str(folder / "junit.xml"), "-k", ASKED.replace(" ", "_"), "-p", "no:cacheprovider"]
    command = ["-m", "pytest", "-W", "ignore", "--pyargs", "conformance", *asked, *options, *files]
    text, left, seconds = _run_marked(command, folder)
    found: dict[str, list[str]] = {target: [] for target in targets}
    times = dict.fromkeys(targets, 0.0)
    failed: set[str] = set()
    for case in ElementTree.parse(folder / "junit.xml").getroot().iter("testcase"):
        name = re.fullmatch(r"(test_property|the_whole)\[(.*?)(-float32-\w+)?\]", case.get("name", ""))
        if name is None or name[2] not in found:
            continue
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        times[name[2]] += float(case.get("time", "0"))
        if name[1] == "the_whole":
            failed.add(name[2])
        else:
            found[name[2]].append({"failure": "failed", "skipped": "not claimed"}.get("".join(kinds), "holds"))
    statements = dict(re.findall(r"^(\S+): (.*)$", text, re.MULTILINE))
    ways = {
        target: Way(int(target in failed), tuple(outcomes), times[target], statements.get(target, ""))
        for target, outcomes in found.items()
    }
    return Run(ways, left, text, seconds)


def judge_unmade_by_pytest(target: str, folder: Path) -> Run:
    """A target that cannot be made, by pytest."""
    command = ["-m", "pytest", "-W", "ignore", "--pyargs", "conformance", "--lstm", target, "-p", "no:cacheprovider"]
    text, left, seconds = _run_marked(command, folder)
    status = 3 if f"--lstm: target {target!r}" in text else int("passed" not in text)
    return Run({target: Way(status, (), seconds)}, left, text, seconds)


def judge_all_by_check(targets: list[str], folder: Path) -> tuple[dict[str, Run], str]:
    """Each target by `check`, in this process, and what is printed meanwhile, also by other processes."""
    with (
        (folder / "check.txt").open("w+", encoding="utf-8", errors="backslashreplace") as file,
        os.fdopen(os.dup(2), "w") as stderr,
    ):
        os.dup2(file.fileno(), 2)
        try:
            shown = track(targets, "by check", console=Console(file=stderr))
            runs = {target: judge_by_check(target, folder) for target in shown}
        finally:
            os.dup2(stderr.fileno(), 2)
        file.seek(0)
        return runs, file.read()


def judge_by_check(target: str, folder: Path) -> Run:
    """A target by `check`, in this process."""
    from conformance import check, lend
    from conformance.targets.resolve import TargetError

    mark, started = uuid4().hex, time.monotonic()
    os.environ |= _list_variables(folder, mark)
    try:
        with lend(target, timeout=TIMEOUT, out=folder / "out") as backend:
            report = check(backend, profile="quick", examples=EXAMPLES, name=ASKED)
        way = Way(report.status, tuple(str(v.outcome) for v in report.verdicts), 0.0, report.statement)
    except TargetError as error:
        way = Way(3, (), 0.0, str(error))
    seconds = time.monotonic() - started
    return Run({target: way._replace(seconds=seconds)}, list(_end_left(mark)), "", seconds)


def _run_marked(arguments: list[str], folder: Path) -> tuple[str, list[str], float]:
    """What a command prints, the processes that it leaves, and its seconds."""
    mark, started = uuid4().hex, time.monotonic()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | _list_variables(folder, mark),
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    seconds = time.monotonic() - started
    return done.stdout + done.stderr, list(_end_left(mark)), seconds


def _list_variables(folder: Path, mark: str) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {MARK: mark, mischief.OUT: str(folder / "out"), "FRAGILE_FOLDER": str(folder), "PYTHONPATH": path}


def _end_left(mark: str) -> Iterator[str]:
    for pid, command in wait_until_gone(mark).items():
        os.kill(pid, 9)
        yield command


class Row(NamedTuple):
    """What came of a target in all three ways."""

    target: str
    command: Way
    check: Way
    pytest: Way
    left: list[str]

    @property
    def complaints(self) -> list[str]:
        """What should not be."""
        ways = {"the command": self.command, "check": self.check, "pytest": self.pytest}
        wanted = (0,) if self.target == CONTROL else RED
        found = [f"exit status {way.status} by {name}" for name, way in ways.items() if way.status not in wanted]
        if len({len(way.outcomes) for way in ways.values()}) > 1:
            found.append(f"verdicts are missing: {', '.join(f'{len(w.outcomes)} by {n}' for n, w in ways.items())}")
        found += [f"{outcome} by {n}" for n, w in ways.items() for outcome in w.outcomes if outcome == "suite error"]
        return found + [f"left: {command}" for command in self.left]


def judge_all(targets: list[str], folder: Path) -> tuple[list[Row], list[str]]:
    """A row for each target, and what else should not be."""
    print("by the command", file=sys.stderr)
    command = judge_by_command(targets, folder)
    unmade = [target for target, way in command.ways.items() if way.status == 3 or not way.outcomes]
    checks, printed = judge_all_by_check(targets, folder)
    print("by pytest", file=sys.stderr)
    tests = judge_by_pytest([target for target in targets if target not in unmade], folder)
    alone = {target: judge_unmade_by_pytest(target, folder) for target in unmade}
    ways = tests.ways | {target: run.ways[target] for target, run in alone.items()}
    rows = [
        Row(
            target,
            command.ways[target],
            checks[target].ways[target],
            ways[target],
            checks[target].left + (alone[target].left if target in alone else []),
        )
        for target in targets
    ]
    whole = {"the command": command, "pytest": tests, **{f"pytest {target}": run for target, run in alone.items()}}
    complaints = [f"{name} left: {line}" for name, run in whole.items() for line in run.left]
    texts = {name: run.text for name, run in whole.items()} | {"check": printed}
    complaints += [f"{name} printed a traceback" for name, text in texts.items() if "Traceback (most" in text]
    most = max(len(row.command.outcomes) for row in rows)
    complaints += [f"{row.target}: verdicts are missing" for row in rows if 0 < len(row.command.outcomes) < most]
    for name, text in texts.items():
        file = re.sub(r"\W", "_", name)[-80:]
        (folder / f"{file}.txt").write_text(text, encoding="utf-8", errors="replace")
    return rows, complaints


@click.command()
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Write the table there.")
@click.option("--only", default="", metavar="TEXT", help="Only targets with this in their name.")
@click.option("--every", default=1, show_default=True, help="Judge only every n-th target.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Folder for what the runs print.")
def main(page: Path | None, only: str, every: int, keep: Path | None) -> None:
    """Exit 1 if a target is unseen, a verdict is missing, a process is left, or there is a traceback."""
    with TemporaryDirectory() as name:
        folder = keep or Path(name)
        folder.mkdir(exist_ok=True)
        targets = [target for target in list_targets(folder) if only in target][::every]
        rows, complaints = judge_all([*targets, CONTROL], folder)
        lines = list(write_table(rows, folder, every))
    print("\n".join(lines))
    complaints += [f"{row.target}: {complaint}" for row in rows for complaint in row.complaints]
    print("\n".join(complaints), file=sys.stderr)
    if page:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(bool(complaints))


def write_table(rows: list[Row], folder: Path, every: int) -> Iterator[str]:
    """The page, in Markdown."""
    yield f"<!-- written by: python -m tools.checks.hostile --every {every} --page docs/hostile.md -->"
    yield "# What comes of hostile targets"
    yield ""
    yield from INTRODUCTION.format(count=len(rows) - 1, asked=ASKED, timeout=TIMEOUT).splitlines()
    yield "| target | exit status: command, `check`, pytest | verdicts | seconds | processes left | what is said |"
    yield "|---|---|---|---:|---:|---|"
    for row in rows:
        ways = (row.command, row.check, row.pytest)
        statuses = ", ".join(str(way.status) for way in ways)
        seconds = ", ".join(f"{way.seconds:.1f}" for way in ways)
        said = row.command.text.replace(f"{folder}/", "").replace("|", "\\|")
        target = row.target.replace(f"{folder}/", "").removeprefix("tests.")
        yield f"| `{target}` | {statuses} | {row.command.summary} | {seconds} | {len(row.left)} | {said[:200]} |"


if __name__ == "__main__":
    main()
