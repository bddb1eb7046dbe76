"""The command line: run, list, explain, doctor."""

from __future__ import annotations

import fnmatch
import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance import cli_story

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.deviations import Deviation
    from conformance.isolation import Isolated
    from conformance.property import Verdict
    from conformance.report import Origin, Report
    from conformance.runner import Judging
    from lstm_spec import Backend

PROFILE_NAMES = ("quick", "standard", "full", "soak")
DTYPE_NAMES = ("float32", "float64", "bfloat16", "float16")
LISTS = ("clauses", "properties", "faults", "backends")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lstm-spec", message="%(prog)s %(version)s (LSTM Specification 1.0)")
def main() -> None:
    """Says whether an implementation is an LSTM, and where it is not.

    A TARGET is an installed backend (numpy, torch), package.module:NAME for one of your own, or fault:NAME for a
    known mistake, to see red before you trust green.

    \b
    Exit status: 0 conforms   1 does not   2 wrong option   3 a target cannot be used
                 4 the suite itself failed   5 the options left nothing to test
    """


@main.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--profile", type=click.Choice(PROFILE_NAMES), default="standard", show_default=True)
@click.option(
    "--clause", "clauses", multiple=True, metavar="GLOB", help="Only properties of these clauses, e.g. 'CELL-*'."
)
@click.option("-k", "name", default="", metavar="NAME", help="Only properties with this in their name.")
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPE_NAMES), help="Only at these.")
@click.option("--device", help="Handed to targets that are made for a device, e.g. cuda.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--examples", type=click.IntRange(min=1), help="Examples of each property, in place of the profile's.")
@click.option("--maxfail", type=click.IntRange(min=1), help="Stop after so many failures.")
@click.option("--strict", is_flag=True, help="A refuted SHOULD counts as a failure.")
@click.option(
    "--require", "required", multiple=True, metavar="WHAT", help="A clause, feature or dtype that has to be claimed."
)
@click.option("--rigorous", is_flag=True, help="Judge by values in balls of 128 bits (Arb) in place of float64.")
@click.option(
    "--isolate/--no-isolate",
    default=None,
    help="Ask in a process of its own, so that a crash or a hang is a verdict.  [default: unless the target is ours]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Seconds for each question, where isolated.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="So many processes judge.  [default: as many as there are cores (at most 8) where the target is ours, else 1]",
)
@click.option("--accept-declared", is_flag=True, help="Exit 0 for an error model of the backend's own.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report there, too."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".lstm-conform"),
    show_default=True,
    help="Where the cases of failures are written.",
)
@click.option(
    "--junit", "junit_file", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit's XML there, too."
)
@click.option(
    "--deviations",
    "deviations_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Deviations that are declared, e.g. lstm-deviations.toml.",
)
def run(
    targets: tuple[str, ...],
    device: str | None,
    json_file: Path | None,
    junit_file: Path | None,
    deviations_file: Path | None,
    out: Path,
    rigorous: bool,
    isolate: bool | None,
    timeout: float,
    jobs: int | None,
    **options: Any,
) -> None:
    """Judge one or more LSTMs."""
    from conformance.forms import as_json, as_junit
    from conformance.report import UNUSABLE, Origin, worst
    from conformance.targets import TargetError
    from conformance.text import print_report

    _check_options(options)
    _check_writable(json_file, "--json")
    _check_writable(junit_file, "--junit")
    options["deviations"] = _deviations(deviations_file)
    if rigorous and jobs not in (None, 1):
        raise click.BadParameter("--rigorous counts what it judged in one process; drop --jobs", param_hint="--jobs")
    console, reports, unusable = _console(), [], {}
    for target in targets:
        try:
            lent = _lent(target, device, isolate, timeout, out)
        except TargetError as error:
            unusable[target] = str(error)
            click.echo(f"lstm-conform: {error}", err=True)
            continue
        with lent as backend:
            many = 1 if rigorous else jobs or _jobs(target, backend, options)
            with _audited(rigorous) as passes, _judges(many, target, device, isolate, timeout, out) as judging:
                report = _judged(console, backend, options, judging)
            reports.append(_with_cases(report, backend, Origin(target, options["seed"], device), out))
        print_report(console, reports[-1])
        if rigorous:
            click.echo(_audit(passes))
    if json_file:
        json_file.write_text(json.dumps(as_json(reports, unusable), indent=1) + "\n", encoding="utf-8")
    if junit_file:
        as_junit(reports, unusable).write(str(junit_file), pretty=True)
    sys.exit(worst([report.status for report in reports] + [UNUSABLE] * len(unusable)))


def _lent(
    target: str, device: str | None, isolate: bool | None, timeout: float, out: Path
) -> AbstractContextManager[Backend]:
    """The backend, in a process of its own unless that is not wanted, or the target is ours. Raises TargetError."""
    from conformance.targets import is_ours, resolve

    if isolate is False or (isolate is None and is_ours(target)):
        return nullcontext(resolve(target, device))
    from conformance.isolation import isolated

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


def _jobs(target: str, backend: Backend, options: dict[str, Any]) -> int:
    """How many processes judge unless it is said: one where a library, or a device, may have use for all cores."""
    from conformance.parallel import as_many_as_help
    from conformance.targets import is_ours

    return as_many_as_help(_planned(backend, options)) if is_ours(target) and backend.description.device == "cpu" else 1


@contextmanager
def _judges(jobs: int, *lent: Any) -> Iterator[Judging | None]:
    """So many processes that judge what is lent, as for `_lent`; nothing for one. Exit 4 where one of them dies."""
    if jobs == 1:
        yield None
        return
    from concurrent.futures.process import BrokenProcessPool

    from conformance.parallel import in_processes
    from conformance.report import SUITE_ERROR

    try:
        with in_processes(jobs, partial(_lent, *lent)) as judging:
            yield judging
    except BrokenProcessPool:
        click.echo("lstm-conform: a process that judged died, with the target in it; use --isolate", err=True)
        sys.exit(SUITE_ERROR)


def _audited(wanted: bool) -> AbstractContextManager[Counter[str]]:
    """Arb's values in place of float64's where that is wanted; exit 3 without python-flint."""
    if not wanted:
        return nullcontext(Counter())
    from conformance.report import UNUSABLE

    try:
        from conformance.rigorous import rigorous
    except ImportError as error:
        click.echo(f"lstm-conform: {error}", err=True)
        sys.exit(UNUSABLE)
    return rigorous()


def _audit(passes: Counter[str]) -> str:
    from conformance.rigorous import LARGEST

    return (
        f"  rigorous        {passes['audited']:,} passes were judged by Arb's values; by float64's as ever: "
        f"{passes['too large']:,} with T B H (I + H) above {LARGEST:,}, {passes['not finite']:,} that are not finite"
    )


def _check_options(options: dict[str, Any]) -> None:
    from lstm_spec import CLAUSES, Feature

    options["clauses"] = tuple(glob.upper() for glob in options["clauses"])
    for glob in options["clauses"]:
        if not fnmatch.filter(CLAUSES, glob):
            raise click.BadParameter(
                f"no clause matches {glob!r}; see lstm-conform list clauses", param_hint="--clause"
            )
    for what in options["required"]:
        if what not in (*CLAUSES, *Feature, *DTYPE_NAMES):
            raise click.BadParameter(
                f"{what!r} is no clause, feature or dtype; features are {', '.join(Feature)}", param_hint="--require"
            )


def _check_writable(file: Path | None, option: str) -> None:
    if file:
        try:
            file.open("a", encoding="utf-8").close()
        except OSError as error:
            reason = f"{file} cannot be written ({error.strerror}); name a file in a folder that can be written"
            raise click.BadParameter(reason, param_hint=option) from error


def _deviations(file: Path | None) -> tuple[Deviation, ...]:
    from conformance.deviations import DeviationError, read

    try:
        return read(file) if file else ()
    except DeviationError as error:
        raise click.BadParameter(str(error), param_hint="--deviations") from error
    except OSError as error:
        reason = f"{file} cannot be read ({error.strerror}); name a file of deviations"
        raise click.BadParameter(reason, param_hint="--deviations") from error


def _judged(console: Console, backend: Backend, options: dict[str, Any], judging: Judging | None) -> Report:
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from conformance.checking import check

    total = _planned(backend, options)
    options = {**options, "run_seed": options["seed"], "judging": judging}
    options.pop("seed")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(backend.name), total=total)

        def step(verdict: Verdict) -> None:
            progress.update(task, advance=1, description=f"{escape(backend.name)} {verdict.dtype}")

        return check(backend, **options, progress=step)


def _planned(backend: Backend, options: dict[str, Any]) -> int:
    """How many verdicts there will be."""
    from conformance.checking import planned

    return planned(backend, options["profile"], options["dtypes"], options["clauses"], options["name"])


def _with_cases(report: Report, backend: Backend, origin: Origin, out: Path) -> Report:
    """The report with a case on disk of every failure that has an example."""
    from conformance.cases import save

    cases: dict[tuple[str, str], Path] = {}
    for verdict in report.verdicts:
        try:
            path = save(out, backend, verdict, origin)
        except OSError as error:
            reason = f"no case written, {out} cannot be ({error.strerror})"
            click.echo(f"lstm-conform: {reason}; choose another --out", err=True)
            break
        if path:
            cases[verdict.property.name, verdict.dtype] = path
    return replace(report, origin=origin, cases=cases)


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 150, soft_wrap=False)


@main.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.argument("target", required=False)
@click.option("--device", help="Handed to a target that is made for a device.")
def reproduce(case: Path, target: str | None, device: str | None) -> None:
    """Ask again what refuted a backend: CASE is a file that `run` wrote, TARGET the same backend or another."""
    from conformance.cases import CaseError, load, replay, steps
    from conformance.property import Outcome
    from conformance.report import FAILED, NOTHING, PASSED, SUITE_ERROR, UNUSABLE
    from conformance.targets import TargetError, resolve
    from conformance.text import step_lines

    try:
        found = load(case)
        backend = resolve(target or _named_in(found.about["target"], case), device)
    except (CaseError, TargetError) as error:
        click.echo(f"lstm-conform: {error}", err=True)
        sys.exit(UNUSABLE)
    about, said = found.about, replay(found, backend)
    click.echo(f"{about['clause']}  {found.prop.sentence}  ({about['dtype']}, written with seed {about['seed']})")
    for line in step_lines(steps(found, backend)):
        click.echo(line)
    verdict, status = {
        Outcome.REFUTED: ("still refuted", FAILED),
        Outcome.ERRORED: ("errored", FAILED),
        Outcome.HOLDS: ("holds: it is not refuted by this case any more", PASSED),
        Outcome.SUITE_ERROR: ("suite error", SUITE_ERROR),
        Outcome.NOT_CLAIMED: ("not claimed", NOTHING),
        Outcome.INCONCLUSIVE: ("inconclusive", NOTHING),
    }[said.outcome]
    click.echo(f"{verdict}: {said.detail}" if said.detail else verdict)
    sys.exit(status)


def _named_in(target: str, case: Path) -> str:
    """The target of a case, unless it is an import path: a file has no say in what is imported."""
    from conformance.cases import CaseError

    if ":" in target and not target.startswith("fault:"):
        command = shlex.join(["lstm-conform", "reproduce", str(case), target])
        raise CaseError(f"{case} names {target!r}, and a file may not say what is imported; if you trust it, {command}")
    return target


@main.command("list")
@click.argument("what", type=click.Choice(LISTS))
def list_(what: str) -> None:
    """List clauses, properties, faults or backends, one per line."""
    for line in _lines(what):
        click.echo(line)


def _lines(what: str) -> list[str]:
    from lstm_spec import CLAUSES

    if what == "clauses":
        return [f"{clause.id:11} {clause.level:6} {clause.sentence}" for clause in CLAUSES.values()]
    if what == "backends":
        from conformance.targets import installed

        return installed()
    if what == "faults":
        from conformance.faults import ALL_FAULTS

        return [
            f"{fault.name:55} {fault.family:14} {fault.clause:10} {fault.sentence}" for fault in ALL_FAULTS.values()
        ]
    import conformance.properties  # noqa: F401  fills the registry
    from conformance.property import PROPERTIES

    return [f"{prop.family:14} {prop.name:75} {' '.join(prop.clauses)}" for prop in PROPERTIES]


@main.command()
@click.argument("clause")
def explain(clause: str) -> None:
    """Say what a clause demands, where it stands in the code, and what tries to refute it."""
    from conformance.explain import explanation
    from lstm_spec import CLAUSES

    if clause.upper() not in CLAUSES:
        raise click.BadParameter(f"{clause!r} is not a clause; see lstm-conform list clauses", param_hint="CLAUSE")
    click.echo(explanation(clause.upper()))


@main.command()
@click.option("--dtype", type=click.Choice(DTYPE_NAMES), default="float32", show_default=True)
@click.option("--profile", type=click.Choice(PROFILE_NAMES), default="quick", show_default=True)
@click.option("--pairs", type=click.IntRange(min=0), default=0, help="So many pairs in place of single ones.")
@click.option("--device", help="Where the mistakes are made; they know the cpu alone.")
def selftest(dtype: str, profile: str, pairs: int, device: str | None) -> None:
    """Put every known mistake to the judge, on this machine, and say what it saw."""
    from rich.progress import track

    from conformance.report import PASSED, SUITE_ERROR, UNUSABLE
    from conformance.selftest import catalogue, look, look_at_pairs, scored
    from conformance.text import print_score

    if device not in (None, "cpu"):
        click.echo(f"lstm-conform: the known mistakes run on cpu only, not on {device!r}; drop --device", err=True)
        sys.exit(UNUSABLE)
    console = _console()
    looking = look_at_pairs(pairs, 0, dtype, profile) if pairs else look(dtype, profile)
    total, hidden = pairs or len(catalogue(dtype)), not console.is_terminal
    score = scored(list(track(looking, "known mistakes", total, console=console, transient=True, disable=hidden)))
    print_score(console, score, dtype, profile)
    sys.exit(SUITE_ERROR if score.missed else PASSED)


@main.command()
def doctor() -> None:
    """Say what is installed and what can be used here."""
    from conformance.explain import diagnosis_of_this_machine

    for line in diagnosis_of_this_machine():
        click.echo(line)


main.add_command(cli_story.flow)
main.add_command(cli_story.gates)
