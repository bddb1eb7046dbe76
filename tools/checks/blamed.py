"""How often a cause is named of right implementations of odd construction, at a grade that they do not meet.

The only cause that may be named is the true one: what the odd construction loses.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from conformance.diagnosis.diagnosis import diagnose
from conformance.diagnosis.experiments.diagnose import Inquiry, inquire
from conformance.diagnosis.experiments.term.formula import NAMES
from conformance.targets.border import guard_backend
from tests.planted.odd import ODD, Odd
from tools.checks.halves import print_scores
from tools.checks.lines import ABOUT_LINES, LINES, keep_lines

NONE, TRUE, FALSE, MET = "no cause named", "the true cause named", "another cause named", "meets its grade"
OUTCOMES = (NONE, TRUE, FALSE, MET)
PARTS = (*NAMES.values(), "the cell state is", "the hidden state is")
SECONDS = 60.0  # at most for one of them: what is measured does not depend on the machine


class Blamed(NamedTuple):
    """What is said of a right implementation, and of that what names a cause."""

    sentence: str
    causes: tuple[str, ...]

    def compare(self, odd: Odd) -> str:
        """Whether a cause was named, and whether it is the true one."""
        if not self.sentence:
            return MET
        return FALSE if any(not re.search(odd.truth, cause) for cause in self.causes) else TRUE if self.causes else NONE


def examine(odd: Odd, dtype: str) -> Blamed:
    """What `diagnose` says of it, and what `run` says of known faults."""
    backend = guard_backend(odd.build())
    inquiry = inquire(backend, dtype, seconds=SECONDS)
    with np.errstate(all="ignore"):
        known = diagnose(backend, dtype)
    sentences = [inquiry.sentence, known.sentence if known and not known.right else ""]
    causes = [inquiry.sentence] if names_cause(inquiry) else []
    if known and (known.fitting or known.error_class):
        causes.append(known.sentence)
    return Blamed("; ".join(filter(None, sentences)), tuple(causes))


def names_cause(inquiry: Inquiry) -> bool:
    """Whether experiments named a formula, a part of the cell, or what came before as the cause."""
    has_history = any(row.experiment in ("before", "process") and row.finding for row in inquiry.rows)
    return inquiry.has_formula or has_history or any(part in inquiry.sentence for part in PARTS)


@click.command()
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float64", show_default=True)
@click.option("--lines", type=LINES, help=ABOUT_LINES)
def main(dtype: str, lines: Path | None) -> None:
    """Print what is said of each right implementation, and how many of them were given a cause."""

    def ask(name: str) -> dict[str, Any]:
        blamed = examine(ODD[name], dtype)
        return {"sentence": blamed.sentence, "outcome": blamed.compare(ODD[name])}

    found = list(keep_lines(lines, f"right, {dtype}", ODD, ask))
    for name, entry in found:
        click.echo(f"{entry['outcome']}: {name}\n    {entry['sentence']}")
    print_scores([entry["outcome"] for _, entry in found], OUTCOMES)


if __name__ == "__main__":
    main()
