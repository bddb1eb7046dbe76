"""How small a counterexample is shown, and how long it takes to find it: over the catalogue of known mistakes.

Prints per family the median of the numbers that are not zero in the first refutation of each mistake, and the longest
time spent on making it smaller.
"""

import sys
import time
from collections import defaultdict
from statistics import median
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from conformance import runner
from conformance.checking import check
from conformance.faults import FAULTS, Fault

WANTED, AT_MOST = 6, runner.SHRINKING


def measured(fault: Fault) -> tuple[int, float] | None:
    """Numbers that are not zero, and seconds from the first failure to the last; None where nothing is refuted."""
    dtype = "float64" if "float32" in fault.name else "float32"
    failed_at: list[float] = []

    class Noting(runner._Trial):
        def _remember(self, example: Any, error: Any) -> None:
            failed_at.append(time.perf_counter())
            super()._remember(example, error)

    usual, runner._Trial = runner._Trial, Noting  # type: ignore[misc]
    try:
        report = check(fault.backend(), profile="quick", dtypes=(dtype,), maxfail=1, strict=True, diagnose=False)
    finally:
        runner._Trial = usual  # type: ignore[misc]
    found = [v.refutation for v in report.failures if v.refutation and v.refutation.problem is not None]
    return (non_zeros(found[0].problem), failed_at[-1] - failed_at[0]) if found else None


def non_zeros(example: Any) -> int:
    """In every array of an example."""
    return sum(int(np.count_nonzero(a)) for a in arrays(example))


def arrays(example: Any) -> list[Any]:
    if isinstance(example, np.ndarray):
        return [example]
    if isinstance(example, tuple):
        return [a for part in example for a in arrays(part)]
    return [a for part in vars(example).values() for a in arrays(part)] if hasattr(example, "__dict__") else []


@click.command()
@click.option("--every", default=1, show_default=True, help="Only every so-manyth mistake.")
def main(every: int) -> None:
    """Exit 1 where the median is above six, or shrinking took longer than two seconds and one more example."""
    console, found = Console(width=110), defaultdict(list)
    for fault in track(
        list(FAULTS.values())[::every], "known mistakes", console=console, disable=not console.is_terminal
    ):
        result = measured(fault)
        if result:
            found[fault.family].append(result)
    table = Table("family", "mistakes", "median non-zeros", "longest shrinking (s)", box=None)
    for family, results in found.items():
        sizes, seconds = zip(*results, strict=True)
        table.add_row(family, str(len(results)), f"{median(sizes):g}", f"{max(seconds):.2f}")
    console.print(table)
    sizes, seconds = zip(*(result for results in found.values() for result in results), strict=True)
    console.print(f"{len(sizes)} mistakes: median {median(sizes):g} non-zeros, longest shrinking {max(seconds):.2f} s")
    sys.exit(median(sizes) > WANTED)


if __name__ == "__main__":
    main()
