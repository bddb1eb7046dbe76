"""The command `run`: judge one or more LSTMs."""

from __future__ import annotations

import fnmatch
import json
import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.report.deviations import Deviation
    from conformance.report.report import Report
    from conformance.run.judge import Judging
    from conformance.targets.origin import Origin
    from conformance.verdict import Verdict
    from lstm_spec import Backend
from conformance.cli.console import make_console
from conformance.cli.lending import choose_jobs, count_planned, judge_in_processes, lend
from conformance.cli.options import DTYPE_NAMES, PROFILE_NAMES


@click.command()
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
    from conformance.report.json import as_json
    from conformance.report.junit import as_junit
    from conformance.report.status import UNUSABLE, worst
    from conformance.report.text import print_report
    from conformance.targets.origin import Origin
    from conformance.targets.resolve import TargetError

    _check_options(options)
    _check_writable(json_file, "--json")
    _check_writable(junit_file, "--junit")
    options["deviations"] = _deviations(deviations_file)
    if rigorous and jobs not in (None, 1):
        raise click.BadParameter("--rigorous counts what it judged in one process; drop --jobs", param_hint="--jobs")
    console, reports, unusable = make_console(), [], {}
    for target in targets:
        try:
            lent = lend(target, device, isolate, timeout, out)
        except TargetError as error:
            unusable[target] = str(error)
            click.echo(f"lstm-conform: {error}", err=True)
            continue
        with lent as backend:
            many = 1 if rigorous else jobs or choose_jobs(target, backend, options)
            with (
                _audited(rigorous) as passes,
                judge_in_processes(many, target, device, isolate, timeout, out) as judging,
            ):
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


def _audited(wanted: bool) -> AbstractContextManager[Counter[str]]:
    """Arb's values in place of float64's where that is wanted; exit 3 without python-flint."""
    if not wanted:
        return nullcontext(Counter())
    from conformance.report.status import UNUSABLE

    try:
        from conformance.tolerance.rigorous import rigorous
    except ImportError as error:
        click.echo(f"lstm-conform: {error}", err=True)
        sys.exit(UNUSABLE)
    return rigorous()


def _audit(passes: Counter[str]) -> str:
    from conformance.tolerance.rigorous import LARGEST_AUDITED

    return (
        f"  rigorous        {passes['audited']:,} passes were judged by Arb's values; by float64's as ever: "
        f"{passes['too large']:,} with T B H (I + H) above {LARGEST_AUDITED:,}, "
        f"{passes['not finite']:,} that are not finite"
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
    from conformance.report.deviations import DeviationError, read

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

    from conformance.run.check import check

    total = count_planned(backend, options)
    options = {**options, "run_seed": options["seed"], "judging": judging}
    options.pop("seed")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(backend.name), total=total)

        def step(verdict: Verdict) -> None:
            progress.update(task, advance=1, description=f"{escape(backend.name)} {verdict.dtype}")

        return check(backend, **options, progress=step)


def _with_cases(report: Report, backend: Backend, origin: Origin, out: Path) -> Report:
    """The report with a case on disk of every failure that has an example."""
    from conformance.cases.save import save_case

    cases: dict[tuple[str, str], Path] = {}
    for verdict in report.verdicts:
        try:
            path = save_case(out, backend, verdict, origin)
        except OSError as error:
            reason = f"no case written, {out} cannot be ({error.strerror})"
            click.echo(f"lstm-conform: {reason}; choose another --out", err=True)
            break
        if path:
            cases[verdict.property.name, verdict.dtype] = path
    return replace(report, origin=origin, cases=cases)
