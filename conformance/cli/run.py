"""The command `run`: judge one or more LSTMs."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.console import complain, describe_suite_error, make_console
from conformance.cli.judging import Judged, Manner, describe_audit, judge_target
from conformance.cli.options import (
    DTYPE_NAMES,
    EXPERIMENTS,
    ISOLATE,
    PROFILE_NAMES,
    QUIET,
    TIMEOUT,
    Configured,
    Listed,
    check_seconds,
    join_lists,
    read_options,
)
from conformance.cli.reports.writing import STDOUT, claim_files, write_reports
from conformance.cli.stop import heed_signals
from conformance.report.status import BY_SIGNAL, SUITE_ERROR, UNUSABLE, Unjudged, worst_status

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.report.report import Report
    from conformance.run.options import Options
    from conformance.targets.lending import Loan

SEVERAL: dict[str, Any] = {"multiple": True, "callback": join_lists}  # may be repeated, and hold commas
OUTPUT = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@click.command(cls=Configured)
@click.argument("targets", nargs=-1, metavar="TARGET...")
@click.option(
    "--profile",
    type=click.Choice(PROFILE_NAMES),
    default="standard",
    show_default=True,
    help="How many examples, and how large.",
)
@click.option(
    "--clause",
    "clauses",
    **SEVERAL,
    type=Listed(),
    metavar="GLOB,...",
    help="Only properties of these clauses, e.g. 'CELL-*,SEQ-1'.",
)
@click.option("-k", "name", default="", metavar="NAME", help="Only properties with this in their name or sentence.")
@click.option(
    "--dtype",
    "dtypes",
    **SEVERAL,
    type=Listed(click.Choice(DTYPE_NAMES)),
    metavar="DTYPE,...",
    help=f"Only at these dtypes, of {', '.join(DTYPE_NAMES)}.",
)
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
    "--require",
    "required",
    **SEVERAL,
    type=Listed(),
    metavar="WHAT,...",
    help="Clauses, features or dtypes that have to be claimed.",
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
@click.option("--json", "json_file", type=OUTPUT, help="Write the report as JSON; - is stdout.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".lstm-conform"),
    show_default=True,
    help="Folder for the cases of failures, and for the journal of the run.",
)
@click.option("--junit", "junit_file", type=OUTPUT, help="Write the report as JUnit XML; - is stdout.")
@click.option("--markdown", "markdown_file", type=OUTPUT, help="Write the report as Markdown; - is stdout.")
@click.option("--html", "html_file", type=OUTPUT, help="Write the report as one page of HTML; - is stdout.")
@click.option(
    "--deviations",
    "deviations_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of declared deviations, e.g. lstm-deviations.toml.",
)
@click.option(
    "--table/--no-table", default=None, help="Print the table of all verdicts.  [default: unless it is a terminal]"
)
@click.option("--explain", is_flag=True, help="Show what experiments found on a failure that no known fault explains.")
@click.option("--diagnosis", "budget", type=float, callback=check_seconds, metavar="SECONDS", help=EXPERIMENTS)
@QUIET
def run(
    targets: tuple[str, ...],
    device: str | None,
    json_file: Path | None,
    junit_file: Path | None,
    markdown_file: Path | None,
    html_file: Path | None,
    deviations_file: Path | None,
    out: Path,
    rigorous: bool,
    isolate: bool | None,
    timeout: float,
    jobs: int | None,
    table: bool | None,
    explain: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Judge one or more LSTMs.

    `--json -`, `--junit -`, `--markdown -` and `--html -` write to stdout; the report for people then goes to stderr.
    After Ctrl-C and SIGTERM there is a report on what was judged. `journal.jsonl` in the folder of `--out` has the
    verdicts while it lasts.
    """
    from conformance.journal import Journal
    from conformance.targets.lending import Loan

    targets = targets or tuple(click.get_current_context().lookup_default("targets") or ())
    if not targets:
        raise click.UsageError("Missing argument 'TARGET...'.")
    wanted = {"--json": json_file, "--junit": junit_file, "--markdown": markdown_file, "--html": html_file}
    files = claim_files(wanted)
    options = read_options(given, deviations_file)
    _check_rigorous(rigorous, jobs)
    stdout, console = sys.stdout, make_console(on_stderr=STDOUT in files.values())
    journal = Journal(out, complain)
    with heed_signals() as stop, redirect_stdout(sys.stderr):
        manner = Manner(jobs, rigorous, quiet, journal, stop, explain, table)
        loans = [Loan(target, device, isolate, timeout, out) for target in targets]
        reports, unjudged = _judge_targets(loans, options, manner, console)
        unwritten = write_reports(files, reports, unjudged, stdout)
    status = worst_status([r.status for r in reports] + [u.status for u in unjudged.values()])
    is_cut = bool(unwritten) or stop.number > 0 or any(report.findings.cut for report in reports)
    if is_cut and journal.path:
        complain(f"the verdicts are in {journal.path}, one a line")
    journal.close(keep=is_cut)
    sys.exit(status if status > BY_SIGNAL else unwritten or status)


def _judge_targets(
    loans: list[Loan], options: Options, manner: Manner, console: Console
) -> tuple[list[Report], dict[str, Unjudged]]:
    """The reports, each printed as soon as there is one, and why there is none on the other targets."""
    from conformance.targets.resolve import TargetError

    reports: list[Report] = []
    unjudged: dict[str, Unjudged] = {}
    for loan in loans:
        try:
            manner.stop.check()
            judged = judge_target(loan, options, manner)
            console.print("\n" * bool(reports), end="")
            reports.append(judged.report)
            _print_judged(console, judged, manner)
            continue
        except TargetError as error:
            unjudged[loan.target] = Unjudged(str(error))
        except KeyboardInterrupt:
            unjudged[loan.target] = Unjudged(f"{loan.target} is not judged: {manner.stop.word}", manner.stop.status)
        except Exception as error:  # of ours: it never costs the other targets
            reason = f"suite error, please report it: no report on {loan.target}: {describe_suite_error(error)}"
            unjudged[loan.target] = Unjudged(reason, SUITE_ERROR)
        complain(unjudged[loan.target].reason)
    return reports, unjudged


def _print_judged(console: Console, judged: Judged, manner: Manner) -> None:
    from conformance.report.experiments import make_experiment_table
    from conformance.report.text import print_report

    print_report(console, judged.report, manner.table if manner.table is not None else not console.is_terminal)
    if manner.explain and judged.report.cause.rows:
        console.print(make_experiment_table(judged.report.cause.rows))
    if manner.rigorous:
        console.print(describe_audit(judged.audited), highlight=False, markup=False, soft_wrap=True)


def _check_rigorous(wanted: bool, jobs: int | None) -> None:
    """Raise BadParameter for other options that it does not go with; exit with 3 without python-flint."""
    if not wanted:
        return
    if jobs not in (None, 1):
        raise click.BadParameter("--rigorous counts what it judged in one process; drop --jobs", param_hint="--jobs")
    try:
        import conformance.tolerance.rigorous  # noqa: F401
    except ImportError as error:
        complain(str(error))
        sys.exit(UNUSABLE)
