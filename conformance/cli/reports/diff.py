"""Two reports compared: what became worse, what is mended, and what else changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.console import complain

if TYPE_CHECKING:
    from conformance.report.stored.changes import Comparison

BEGINNING = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"version"')  # of a report, whatever its file is called


def is_report(path: Path) -> bool:
    """Whether a file is, by its name or its beginning, a JSON report rather than a file of weights."""
    if path.suffix.lower() == ".json" or not path.is_file():  # nobody waits for a pipe
        return path.suffix.lower() == ".json"
    with suppress(OSError), path.open("rb") as file:
        return BEGINNING.match(file.read(80)) is not None
    return False


def diff_reports(old: Path, new: Path) -> int:
    """Print what changed from one report to the other; the exit status, FAILED if something became worse."""
    from conformance.report.status import FAILED, NOTHING, PASSED, UNUSABLE
    from conformance.report.stored.changes import compare_reports
    from conformance.report.stored.read import ReportError, read_report

    try:
        before, after = read_report(old), read_report(new)
    except ReportError as error:
        complain(str(error))
        return UNUSABLE
    found = compare_reports(before, after)
    for comparison in found:
        for line in _list_lines(comparison):
            print(line)
    if not any(target["verdicts"] for report in (before, after) for target in report["targets"]):
        print("nothing is judged in either of them")
        return NOTHING
    return FAILED if any(comparison.is_worse for comparison in found) else PASSED


def _list_lines(found: Comparison) -> Iterator[str]:
    from conformance.report.stored.changes import WORSE, Kind
    from conformance.text import clean_line

    worse = sum(change.kind in WORSE for change in found.changes)
    counts = f"{worse or 'nothing'} worse, {len(found.changes) - worse} changed otherwise, {found.same:,} as before"
    yield f"{clean_line(found.target, 200)}: {counts}"
    yield from (f"  {clean_line(note)}" for note in found.notes)
    for kind in Kind:
        changes = [change for change in found.changes if change.kind is kind]
        yield from [f"  {kind}"] * bool(changes)
        for change in changes:
            yield f"    {clean_line(f'{change.subject}: {change.before} → {change.after}', 1_000)}"
