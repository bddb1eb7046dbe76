"""The command `statement`: a report as a paragraph of a paper."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from conformance.cli.console import complain


@click.command()
@click.argument("report", type=click.Path(path_type=Path))
def statement(report: Path) -> None:
    """Print what a paper can say of a JSON report.

    It has the statement, the clauses that held of those that were claimed, the largest sizes, the versions, the
    profile, the seed and the SHA-256 of the file.
    """
    from hashlib import sha256

    from conformance.report.status import UNUSABLE
    from conformance.report.stored.citation import write_paragraphs
    from conformance.report.stored.read import ReportError, read_report

    try:
        found = read_report(report)
    except ReportError as error:
        complain(str(error))
        sys.exit(UNUSABLE)
    print(write_paragraphs(found, sha256(report.read_bytes()).hexdigest()))
