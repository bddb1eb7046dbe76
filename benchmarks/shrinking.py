"""How small a counterexample is shown, and how long it takes to find it: over the catalogue of known mistakes.

Prints per family the median of the numbers that are not zero in the first refutation of each mistake, the longest time
spent on making it smaller, and the longest until Hypothesis had asked the smallest again (it has to fail each time).
"""

import sys
import time
from collections import defaultdict
from statistics import median
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from conformance import arrays
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.run import search
from conformance.run.check import check

WANTED, AT_MOST = 6, search.SHRINKING


class Measured(NamedTuple):
    """What came of one mistake."""

    non_zeros: int
    shrinking: float  # seconds from the first failure to the last problem that had not failed before
    repeated: float  # seconds from the first failure to the last
    asking: float  # seconds of the longest question after the first failure


def measured(fault: Fault) -> Measured | None:
    """None where nothing is refuted."""
    dtype = "float64" if "float32" in fault.name else "float32"
    failed_at: list[float] = []
    anew: list[float] = []
    asking = [0.0]

    class Noting(search.Trial):
        def __call__(self, example: Any) -> None:
            started = time.perf_counter()
            try:
                super().__call__(example)
            finally:
                if self.failed_at and started > self.failed_at:
                    asking.append(time.perf_counter() - started)

        def _remember(self, example: Any, error: Any) -> None:
            known = arrays.fingerprint(example) in self.failing
            super()._remember(example, error)
            failed_at.append(time.perf_counter())
            if not known:
                anew.append(failed_at[-1])

    usual, search.Trial = search.Trial, Noting  # type: ignore[misc]
    try:
        report = check(fault.backend(), profile="quick", dtypes=(dtype,), maxfail=1, strict=True, diagnose=False)
    finally:
        search.Trial = usual  # type: ignore[misc]
    found = [v.refutation for v in report.failures if v.refutation and v.refutation.problem is not None]
    if not found:
        return None
    first = failed_at[0]
    return Measured(non_zeros(found[0].problem), anew[-1] - first, failed_at[-1] - first, max(asking))


def non_zeros(example: Any) -> int:
    """In every array of an example."""
    return sum(int(np.count_nonzero(a)) for a in arrays_in(example))


def arrays_in(example: Any) -> list[Any]:
    if isinstance(example, np.ndarray):
        return [example]
    if isinstance(example, tuple):
        return [a for part in example for a in arrays_in(part)]
    return [a for part in vars(example).values() for a in arrays_in(part)] if hasattr(example, "__dict__") else []


@click.command()
@click.option("--every", default=1, show_default=True, help="Only every so-manyth mistake.")
def main(every: int) -> None:
    """Exit 1 where the median is above six, or shrinking took longer than two seconds and one more example."""
    console, found = Console(width=110), defaultdict(list)
    faults = [fault for fault in FAULTS.values() if not fault.networks][::every]
    for fault in track(faults, "known mistakes", console=console, disable=not console.is_terminal):
        result = measured(fault)
        if result:
            found[fault.family].append(result)
    table = Table("family", "mistakes", "median non-zeros", "longest shrinking (s)", "and asking again (s)", box=None)
    for family, results in found.items():
        table.add_row(family, str(len(results)), *figures(results))
    everything = [result for results in found.values() for result in results]
    table.add_row("all", str(len(everything)), *figures(everything))
    console.print(table)
    late = [result for result in everything if result.shrinking > AT_MOST + result.asking]
    sys.exit(median(result.non_zeros for result in everything) > WANTED or bool(late))


def figures(results: list[Measured]) -> tuple[str, str, str]:
    sizes, shrinking, repeated, _ = zip(*results, strict=True)
    return f"{median(sizes):g}", f"{max(shrinking):.2f}", f"{max(repeated):.2f}"


if __name__ == "__main__":
    main()
