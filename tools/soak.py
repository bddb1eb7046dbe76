"""Looks for false alarms: every property on every installed backend that is known to be right, over a hard mix.

Prints the mix that came out, and error/bound per output (maximum, median and 1st percentile over comparisons).
"""

import sys
from collections import Counter
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from conformance.bounds import recorded_ratios
from conformance.checking import check, planned
from conformance.problems import problem_of
from conformance.report import Report
from conformance.targets import resolve
from lstm_spec import Problem

WANTED = {"T >= 200": 0.20, "H >= 64 with B = 1": 0.10, "weight scale >= 5": 0.10, "saturated": 0.10}


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--examples", default=76, show_default=True, help="Of each property, backend and dtype.")
@click.option("--seed", default=1, show_default=True)
def main(targets: tuple[str, ...], examples: int, seed: int) -> None:
    """Exit 1 if anything but `holds` came out, or if the mix is not the one that was wanted."""
    console, seen, shares = Console(width=110), Counter[str](), Counter[str]()

    def observe(example: Any) -> None:
        seen["examples"] += 1
        shares.update(kinds(problem_of(example)))

    with recorded_ratios() as ratios:
        reports = [judged(console, target, examples, seed, observe) for target in targets or ("numpy", "torch")]
    ok = print_mix(console, shares, seen["examples"])
    print_ratios(console, ratios)
    alarms = [(r, v) for r in reports for v in r.verdicts if v.outcome not in ("holds", "not claimed")]
    for report, verdict in alarms:
        console.print(f"{report.name} {verdict.dtype} {verdict.property.name}: {verdict.outcome}: {verdict.detail}")
    console.print(f"{seen['examples']:,} examples, seed {seed}: {len(alarms)} false alarms")
    sys.exit(bool(alarms) or not ok)


def judged(console: Console, target: str, examples: int, seed: int, observe: Any) -> Report:
    backend = resolve(target)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(target, total=planned(backend, "soak", (), (), ""))
        return check(
            backend,
            profile="soak",
            examples=examples,
            run_seed=seed,
            observe=observe,
            progress=lambda verdict: progress.advance(task),
        )


def kinds(problem: Problem) -> list[str]:
    """Which of the hard kinds the problem is."""
    T, B, _, H = problem.sizes
    gates = [gate for gate in problem.layer[:4] if gate is not None]
    scale = max(float(np.std(a)) for gate in gates for a in (gate.W, gate.U))
    saturated = np.mean([np.mean(np.abs(gate.b) >= 12) for gate in gates]) >= 0.1
    found = (T >= 200, H >= 64 and B == 1, scale >= 5, saturated)
    return [name for name, is_so in zip(WANTED, found, strict=True) if is_so]


def print_mix(console: Console, shares: Counter[str], total: int) -> bool:
    table = Table("mix", "share", "wanted", box=None)
    for name, wanted in WANTED.items():
        table.add_row(name, f"{shares[name] / total:.1%}", f"{wanted:.0%}")
    console.print(table)
    return all(shares[name] >= wanted * total for name, wanted in WANTED.items())


def print_ratios(console: Console, ratios: dict[str, list[float]]) -> None:
    table = Table("error / bound of", "max", "median", "1st percentile", "comparisons", box=None)
    for quantity, values in ratios.items():
        low, middle = np.percentile(values, (1, 50))
        table.add_row(quantity, f"{max(values):.4f}", f"{middle:.4f}", f"{low:.4f}", f"{len(values):,}")
    console.print(table)


if __name__ == "__main__":
    main()
