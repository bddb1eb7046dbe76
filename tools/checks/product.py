"""Judges a backend on every combination of lengths, directions, layers and variants, and prints the table.

A cell says for how many of its examples, each a forward and a gradient pass, it holds; of the others nothing can be
said. What is refuted is printed with its form and its number. Exit status 1 if anything was refuted.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from conformance.assertions.comparison import recorded_ratios
from conformance.assertions.network import assert_network_conforms, assert_network_gradients_conform
from conformance.outcome import Errored, Inconclusive, NotClaimed, Refuted
from conformance.problems.build import build_loss, build_problem
from conformance.problems.fillings import USUAL
from conformance.problems.form import ACTIVATIONS, BOTH, FORWARD, REVERSE, Form
from conformance.problems.sizes import SMALL
from conformance.report.status import UNUSABLE
from conformance.targets.resolve import TargetError, resolve
from lstm_spec import Backend, Cotangents, Feature, Problem

VARIANTS = {
    "standard": Form(),
    "peephole": Form(kind="peephole"),
    "coupled": Form(kind="coupled"),
    "projected": Form(projection="narrow"),
    "clipped": Form(clip=0.75),
    "1997": Form(kind="1997 simplified"),
    "no forget gate": Form(kind="no forget gate"),
    "configured": Form(kind="configured", activations=ACTIVATIONS[2]),
    "configured peephole": Form(kind="configured peephole", activations=ACTIVATIONS[4]),
    "h clipped": Form(projection="narrow", projection_clip=0.2),
}
DIRECTIONS = {"forward": FORWARD, "reverse": REVERSE, "both": BOTH}
DTYPES = ("float32", "float64")


class Cell(NamedTuple):
    """One combination: its name in the table, and its form."""

    variant: str
    place: str  # lengths, direction, layers
    form: Form
    dtype: str


class Judged(NamedTuple):
    """What came of the examples of a cell."""

    cell: Cell
    counts: Counter[str]
    ratios: dict[str, float]  # the largest error, in units of what is allowed
    refuted: list[str]


def cells() -> Iterator[Cell]:
    combinations = product(VARIANTS.items(), ("", "any"), DIRECTIONS.items(), (1, 2, 3), DTYPES)
    for (variant, form), lengths, (direction, both), layers, dtype in combinations:
        made = replace(form, lengths=lengths, directions=both, layers=layers)
        yield Cell(variant, f"{'lengths, ' if lengths else ''}{direction}, {layers}", made, dtype)


def drawn(cell: Cell, seed: int, claims: frozenset[Feature]) -> tuple[Problem, Cotangents]:
    """The example of that number: small, of any kinds of numbers, some lengths 0 where those are claimed."""
    rng = np.random.default_rng([seed, *map(ord, f"{cell.variant} {cell.place}")])
    form = cell.form
    if form.lengths and Feature.ZERO_LENGTHS in claims and rng.random() < 0.3:
        form = replace(form, lengths="zeros")
    sizes = tuple(int(rng.choice(SMALL[k])) for k in "TBIH")
    kinds = tuple(str(rng.choice(USUAL[k].split())) for k in ("x", "W", "U", "b", "h", "c", "dy", "dh", "dc"))
    problem = build_problem(np.dtype(cell.dtype), form, sizes, kinds[:6], int(rng.integers(2**32)))
    return problem, build_loss(problem, kinds[6:], seed)


def judge(cell: Cell, target: str, device: str | None, examples: int, seed: int) -> Judged:
    backend, counts, refuted = resolve(target, device), Counter[str](), []
    ratios: dict[str, float] = {}
    if not cell.form.features <= backend.description.features:
        return Judged(cell, counts, {}, [])
    for number in range(seed, seed + examples):
        problem, d = drawn(cell, number, backend.description.features)
        with recorded_ratios() as found, np.errstate(all="ignore"):
            said = outcome(backend, problem, d)
        counts[said.split(":")[0]] += 1
        if said.startswith("refuted"):
            refuted.append(f"{cell.variant}, {cell.place}, {cell.dtype}, number {number}: {said}")
        for name, largest in ((name.split(" of ")[0], max(values)) for name, values in found.items()):
            ratios[name] = max(ratios.get(name, 0.0), largest)
    return Judged(cell, counts, ratios, refuted)


def outcome(backend: Backend, problem: Problem, d: Cotangents) -> str:
    try:
        assert_network_conforms(backend, problem)
        if backend.offers(Feature.GRADIENTS):
            assert_network_gradients_conform(backend, problem, d)
    except (Inconclusive, NotClaimed):
        return "inconclusive"
    except (Refuted, Errored) as error:
        return f"refuted: {error}"
    return "holds"


@click.command()
@click.argument("target", default="numpy")
@click.option("--device", default=None)
@click.option("--examples", default=20, show_default=True, help="Of each combination, at each dtype.")
@click.option("--seed", default=0, show_default=True, help="The number of the first.")
@click.option("--jobs", default=2, show_default=True)
def main(target: str, device: str | None, examples: int, seed: int, jobs: int) -> None:
    console, all_cells = Console(), list(cells())
    try:
        resolve(target, device)
    except TargetError as error:
        console.print(f"{error}", style="red", highlight=False)
        sys.exit(UNUSABLE)
    with ProcessPoolExecutor(jobs) as pool:
        asked = [pool.submit(judge, cell, target, device, examples, seed) for cell in all_cells]
        found = [one.result() for one in track(asked, description="judging", console=Console(stderr=True))]
    print_table(console, found)
    print_summary(console, found)
    sys.exit(1 if any(one.refuted for one in found) else 0)


def print_table(console: Console, found: list[Judged]) -> None:
    table = Table("lengths, direction, layers", *VARIANTS, box=None)
    for place in dict.fromkeys(one.cell.place for one in found):
        row = [_said([one for one in found if (one.cell.variant, one.cell.place) == (v, place)]) for v in VARIANTS]
        table.add_row(place, *row)
    console.print(table)


def _said(found: list[Judged]) -> str:
    """Of all dtypes together."""
    counts = sum((one.counts for one in found), Counter[str]())
    if not counts:
        return "not claimed"
    if counts["refuted"]:
        return f"[red]REFUTED {counts['refuted']}[/]"
    return f"[green]holds {counts['holds']} of {sum(counts.values())}[/]"


def print_summary(console: Console, found: list[Judged]) -> None:
    counts, worst = sum((one.counts for one in found), Counter[str]()), Counter[str]()
    for one in found:
        for name, ratio in one.ratios.items():
            worst[name] = max(worst[name], ratio)  # type: ignore[assignment]
    console.print(", ".join(f"{name} {ratio:.2f}" for name, ratio in worst.items()), highlight=False)
    console.print("(the largest error in units of what is allowed; 1 where a cell state may lie on its bound)")
    for line in [line for one in found for line in one.refuted][:20]:
        console.print(line, style="red", highlight=False)
    total = sum(counts.values())
    share = counts["inconclusive"] / max(total, 1)
    console.print(f"{total:,} examples: {counts['refuted']} refuted, {share:.1%} inconclusive", highlight=False)


if __name__ == "__main__":
    main()
