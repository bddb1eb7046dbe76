"""The command `run`: judge one or more LSTMs."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.console import complain, make_console
from conformance.cli.lending import choose_job_count, judge_in_processes, lend_backend
from conformance.cli.options import DTYPE_NAMES, ISOLATE, PROFILE_NAMES, TIMEOUT, check_is_writable, read_options

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.report.report import Report
    from conformance.run.judge import Judging
    from conformance.run.options import Options
    from conformance.targets.lending import Loan
    from conformance.targets.origin import Origin
    from conformance.verdict import Verdict
    from lstm_spec import Backend


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--profile",
    type=click.Choice(PROFILE_NAMES),
    default="standard",
    show_default=True,
    help="How many examples, and how large.",
)
@click.option(
    "--clause", "clauses", multiple=True, metavar="GLOB", help="Only properties of these clauses, e.g. 'CELL-*'."
)
@click.option("-k", "name", default="", metavar="NAME", help="Only properties with this in their name or sentence.")
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPE_NAMES), help="Only at these dtypes.")
@click.option("--device", help="The device that a target is made for, e.g. cuda.")
@click.option(
    "--seed", "run_seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the examples."
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    help="Number of examples of each property.  [default: that of the profile]",
)
@click.option("--maxfail", type=click.IntRange(min=1), help="Stop after this number of failures.")
@click.option("--strict", is_flag=True, help="A refuted SHOULD counts as a failure.")
@click.option(
    "--require", "required", multiple=True, metavar="WHAT", help="A clause, feature or dtype that has to be claimed."
)
@click.option("--rigorous", is_flag=True, help="Use 128-bit ball arithmetic (Arb) for the reference values.")
@ISOLATE
@TIMEOUT
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Number of worker processes.  [default: the number of cores, at most 8, if the target is ours; else 1]",
)
@click.option(
    "--grade", default="", metavar="NAME", help="Judge at this grade, at the dtypes that have it, e.g. absolute."
)
@click.option("--accept-declared", is_flag=True, help="Exit 0 even if the backend declares its own error model.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JSON.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".lstm-conform"),
    show_default=True,
    help="Folder for the cases of failures.",
)
@click.option(
    "--junit", "junit_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JUnit XML."
)
@click.option(
    "--deviations",
    "deviations_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of declared deviations, e.g. lstm-deviations.toml.",
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
    **given: Any,
) -> None:
    """Judge one or more LSTMs."""
    from conformance.report.status import UNUSABLE, worst_status
    from conformance.report.text import print_report
    from conformance.targets.lending import Loan
    from conformance.targets.resolve import TargetError

    options = read_options(given, deviations_file)
    check_is_writable(json_file, "--json")
    check_is_writable(junit_file, "--junit")
    if rigorous and jobs not in (None, 1):
        raise click.BadParameter("--rigorous counts what it judged in one process; drop --jobs", param_hint="--jobs")
    console, reports, unusable = make_console(), [], {}
    for target in targets:
        try:
            report, audited = _judge_target(
                Loan(target, device, isolate, timeout, out), console, options, rigorous, jobs
            )
        except TargetError as error:
            unusable[target] = str(error)
            complain(str(error))
            continue
        reports.append(report)
        print_report(console, report)
        if rigorous:
            print(_describe_audit(audited))
    _write_files(reports, unusable, json_file, junit_file)
    sys.exit(worst_status([report.status for report in reports] + [UNUSABLE] * len(unusable)))


def _judge_target(
    loan: Loan, console: Console, options: Options, rigorous: bool, jobs: int | None
) -> tuple[Report, Counter[str]]:
    """The report on a target, with its cases on disk, and the counts of `--rigorous`. Raises TargetError."""
    from conformance.targets.origin import Origin

    with lend_backend(loan) as backend:
        count = 1 if rigorous else jobs or choose_job_count(loan.target, backend, options)
        with _audit(rigorous) as audited, judge_in_processes(count, loan) as judging:
            report = _judge_with_progress(console, backend, options, judging)
        assert loan.out is not None, "run always has a folder"
        origin = Origin(loan.target, options.run_seed, loan.device, options.grade)
        return _save_cases(report, options.apply_grade(backend), origin, loan.out), audited


def _write_files(
    reports: list[Report], unusable: dict[str, str], json_file: Path | None, junit_file: Path | None
) -> None:
    import json

    from conformance.report.json import as_json
    from conformance.report.junit import as_junit

    if json_file:
        json_file.write_text(json.dumps(as_json(reports, unusable), indent=1) + "\n", encoding="utf-8")
    if junit_file:
        as_junit(reports, unusable).write(str(junit_file), pretty=True)


def _audit(wanted: bool) -> AbstractContextManager[Counter[str]]:
    """Use the values of Arb for those of float64 if that is wanted; exit 3 without python-flint."""
    if not wanted:
        return nullcontext(Counter())
    from conformance.report.status import UNUSABLE

    try:
        from conformance.tolerance.rigorous import rigorous
    except ImportError as error:
        complain(str(error))
        sys.exit(UNUSABLE)
    return rigorous()


def _describe_audit(passes: Counter[str]) -> str:
    from conformance.tolerance.rigorous import LARGEST_AUDITED

    return (
        f"  rigorous        {passes['audited']:,} passes were judged with the values of Arb; with those of float64: "
        f"{passes['too large']:,} with T B H (I + H) above {LARGEST_AUDITED:,}, "
        f"{passes['not finite']:,} that are not finite"
    )


def _judge_with_progress(console: Console, backend: Backend, options: Options, judging: Judging | None) -> Report:
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from conformance.run.check import check_with
    from conformance.run.selection import plan_verdicts

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(backend.name), total=len(plan_verdicts(backend, options)))

        def show_verdict(verdict: Verdict) -> None:
            progress.update(task, advance=1, description=f"{escape(backend.name)} {verdict.dtype}")

        return check_with(backend, options, show_verdict, judging=judging)


def _save_cases(report: Report, backend: Backend, origin: Origin, out: Path) -> Report:
    """The report with the file of every failure that has an example."""
    from conformance.cases.save import save_cases

    saved = save_cases(out, backend, report.verdicts, origin)
    if saved.complaint:
        complain(saved.complaint)
    return replace(report, origin=origin, cases=saved.cases, uncased=saved.reasons)
