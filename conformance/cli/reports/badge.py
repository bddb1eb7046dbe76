"""The command `badge`: a picture of a report in a word."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from conformance.cli.console import complain
from conformance.cli.reports.writing import STDOUT, claim_files, write_file


@click.command()
@click.argument("report", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=STDOUT,
    show_default=True,
    help="The SVG file; - is stdout.",
)
def badge(report: Path, out: Path) -> None:
    """Draw a badge of a JSON report, as SVG.

    It says whether the LSTM conforms, and at which grade; "not judged" if the report allows no such statement, e.g.
    after `--profile quick`. Of several targets the worst one counts.
    """
    from conformance.report.status import UNUSABLE, UNWRITTEN
    from conformance.report.stored.badge import draw_badge
    from conformance.report.stored.read import ReportError, read_report

    (file,) = claim_files({"--out": out}).values()
    try:
        drawn = draw_badge(read_report(report))
        write_file(file, drawn.encode(), sys.stdout)
    except ReportError as error:
        complain(str(error))
        sys.exit(UNUSABLE)
    except OSError as error:
        complain(f"{out} cannot be written ({error.strerror}), so there is no badge")
        sys.exit(UNWRITTEN)
