"""What experiments found, as a table for people and as data for other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from conformance.diagnosis.experiments.diagnose import Row

QUESTIONS = {
    "before": "what came before, and where it lies in memory",
    "network": "in which networks",
    "when": "at which sizes",
    "where": "in which places",
    "term": "what one step computes",
    "wiring": "what each layer and direction takes",
    "on what": "for which numbers",
    "process": "in which process",
    "calls": "which calls it takes",
    "contract": "what its contract asks besides numbers",
}


def make_experiment_table(rows: Sequence[Row]) -> Table:
    """A line for each experiment: what it asks, what it found, and what came of its questions."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("experiment", "on its", "found", "asked", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        found = row.finding.sentence if row.finding else row.note
        table.add_row(QUESTIONS[row.experiment], row.about, escape(found), _count_tried(row))
    return table


def _count_tried(row: Row) -> str:
    counts = Counter(said for _, said in row.finding.tried) if row.finding else Counter[str]()
    return ", ".join(f"{many} {said}" for said, many in counts.items())


def experiment_data(row: Row) -> dict[str, Any]:
    """An experiment as JSON data."""
    finding = row.finding
    return {
        "experiment": row.experiment,
        "about": row.about,
        "found": finding.sentence if finding else "",
        "certain": bool(finding and finding.is_certain),
        "note": row.note,
        "tried": [{"asked": asked, "outcome": said} for asked, said in finding.tried] if finding else [],
    }
