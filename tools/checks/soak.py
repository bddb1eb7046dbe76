"""Looks for false alarms: every property on every installed backend that is known to be right, over a hard mix.

Prints the mix that came out, and error/bound per output and dtype (maximum and median over comparisons).
"""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from conformance.assertions.comparison import recorded_ratios
from conformance.problems.question import problem_of
from conformance.run.check import check
from conformance.targets.resolve import resolve
from lstm_spec import Problem

WANTED = {"T >= 200": 0.20, "H >= 64 with B = 1": 0.10, "weight scale >= 5": 0.10, "saturated": 0.10}
DTYPES = ("float32", "float64", "bfloat16", "float16")


class Soaked(NamedTuple):
    """What came of one backend at one dtype."""

    dtype: str
    examples: int
    inconclusive: int
    shares: Counter[str]
    ratios: dict[str, list[float]]
    alarms: list[str]


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--examples", default=185, show_default=True, help="Of each property, backend and dtype.")
@click.option("--seed", default=1, show_default=True)
@click.option("--jobs", default=2, show_default=True)
def main(targets: tuple[str, ...], examples: int, seed: int, jobs: int) -> None:
    """Exit 1 if anything but `holds` came out, or if the mix is not the one that was wanted."""
    console = Console(width=110)
    runs = [(target, dtype, examples, seed) for target, dtype in product(targets or ("numpy", "torch"), DTYPES)]
    with ProcessPoolExecutor(jobs) as pool:
        waiting = pool.map(soaked, *zip(*runs, strict=True))
        found = list(track(waiting, "soak", len(runs), console=console, disable=not console.is_terminal))
    ok = print_mix(console, found)
    print_ratios(console, found)
    alarms = [alarm for run in found for alarm in run.alarms]
    for alarm in alarms:
        console.print(alarm)
    total, apart = sum(run.examples for run in found), sum(run.inconclusive for run in found)
    console.print(f"{total:,} examples ({apart:,} inconclusive), seed {seed}: {len(alarms)} false alarms")
    sys.exit(bool(alarms) or not ok)


def soaked(target: str, dtype: str, examples: int, seed: int) -> Soaked:
    shares = Counter[str]()

    def observe(example: Any) -> None:
        shares.update(kinds(problem_of(example)))

    with recorded_ratios() as ratios:
        report = check(
            resolve(target),
            profile="soak",
            dtypes=(dtype,),
            examples=examples,
            run_seed=seed,
            observe=observe,
            diagnose=False,
        )
    wrong = [v for v in report.verdicts if v.outcome not in ("holds", "not claimed")]
    alarms = [f"{target} {dtype} {v.property.name}: {v.outcome}: {v.detail}" for v in wrong]
    counts = sum(v.examples for v in report.verdicts), sum(v.inconclusive for v in report.verdicts)
    return Soaked(dtype, *counts, shares, ratios, alarms)


def kinds(problem: Problem) -> list[str]:
    """Which of the hard kinds the problem is."""
    T, B, _, H = problem.sizes
    gates = [gate for gate in problem.layer[:4] if gate is not None]
    scale = max(float(np.std(a.astype(np.float64))) for gate in gates for a in (gate.W, gate.U))
    saturated = np.mean([np.mean(np.abs(gate.b.astype(np.float64)) >= 12) for gate in gates]) >= 0.1
    found = (T >= 200, H >= 64 and B == 1, scale >= 5, saturated)
    return [name for name, is_so in zip(WANTED, found, strict=True) if is_so]


def print_mix(console: Console, found: list[Soaked]) -> bool:
    shares, total = sum((run.shares for run in found), Counter[str]()), sum(run.examples for run in found)
    table = Table("mix", "share", "wanted", box=None)
    for name, wanted in WANTED.items():
        table.add_row(name, f"{shares[name] / total:.1%}", f"{wanted:.0%}")
    console.print(table)
    return all(shares[name] >= wanted * total for name, wanted in WANTED.items())


def print_ratios(console: Console, found: list[Soaked]) -> None:
    """The largest error in units of what is allowed, of each comparison."""
    table = Table("error / bound of", *(f"{dtype}: max, median" for dtype in DTYPES), "comparisons", box=None)
    for quantity in found[0].ratios:
        of = [[r for run in found if run.dtype == dtype for r in run.ratios.get(quantity, [])] for dtype in DTYPES]
        cells = [f"{max(values):.4f}, {np.median(values):.4f}" if values else "" for values in of]
        table.add_row(quantity, *cells, f"{sum(map(len, of)):,}")
    console.print(table)


if __name__ == "__main__":
    main()
