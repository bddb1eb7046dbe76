"""Writes docs/kill-matrix.md: which property refutes which known fault, and after how many examples.

A number is of one search, with seed 0. It ends after eight examples (two, for slow properties).
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress

import conformance.properties  # noqa: F401  fills the registry
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.files import write_whole
from conformance.journal import read_journal
from conformance.outcome import Outcome
from conformance.property import PROPERTIES, Property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES, Profile

SEARCH = Profile("matrix", 8, PROFILES["quick"].reach, long_examples=2, beyond_core_examples=8)
BY_THE_EQUATIONS = ("values", "gradients", "numbers", "sizes")  # the families that compare with them
ONLY_AT_FLOAT64 = ("takes_the_biases_in_float32", "takes_the_tanh_in_float32", "computes_in_float32_throughout")
Row = dict[str, int]  # examples until refuted, by property; without those that did not refute it
Asked = dict[str, int | None]  # the same, with None for those that did not refute it


class Section(NamedTuple):
    """The known faults of one layer, of networks or of modules, and the properties that may refute them."""

    title: str
    networks: bool
    modules: bool = False

    @property
    def faults(self) -> dict[str, Fault]:
        """The faults by name."""
        asked = (self.networks, self.modules)
        return {name: fault for name, fault in FAULTS.items() if (fault.networks, bool(fault.module)) == asked}

    @property
    def families(self) -> dict[str, list[Property]]:
        """The properties by family, in their order."""
        found: dict[str, list[Property]] = defaultdict(list)
        for prop in PROPERTIES:
            is_of_modules = prop.family == "modules"
            if is_of_modules if self.modules else prop.beyond_core == self.networks and not is_of_modules:
                found[prop.family].append(prop)
        return found

    @property
    def properties(self) -> list[Property]:
        """The properties, family by family."""
        return [prop for family in self.families.values() for prop in family]


ONE_LAYER = Section("One layer of the standard cell", False)
NETWORKS = Section("Lengths, directions, layers and variants", True)
MODULES = Section("Modules that are built once and asked often", True, modules=True)
SECTIONS = (ONE_LAYER, NETWORKS, MODULES)


def find_section(name: str) -> Section:
    """The section of the fault of that name."""
    return next(section for section in SECTIONS if name in section.faults)


def judge_fault(name: str, known: Collection[str] = ()) -> Asked:
    """What the properties of its section find of the fault of that name, but for those that are known."""
    return {p.name: count_examples(p, name) for p in find_section(name).properties if p.name not in known}


def count_examples(prop: Property, name: str) -> int | None:
    """The number of examples until the property refutes the fault; None if it does not."""
    dtype = "float64" if name in ONLY_AT_FLOAT64 else "float32"
    with np.errstate(all="ignore"):
        verdict = judge_property(prop, FAULTS[name].backend(), dtype, SEARCH, shrink=False)
    return verdict.examples if verdict.outcome in (Outcome.REFUTED, Outcome.ERRORED) else None


# ---------------------------------------------------------------- what was found, a line a fault


def read_lines(path: Path) -> dict[str, Asked]:
    """What the lines of the file say of each known fault; nothing if there is no file."""
    found: dict[str, Asked] = {name: {} for name in FAULTS}
    for entry in read_journal(path) if path.exists() else ():
        if entry["fault"] in FAULTS:
            found[entry["fault"]] |= entry["found"]
    return found


def list_unfinished(found: dict[str, Asked]) -> list[str]:
    """The faults of which a property has not been asked."""
    return [name for name, asked in found.items() if {p.name for p in find_section(name).properties} - asked.keys()]


def judge_missing(path: Path, jobs: int, minutes: float) -> None:
    """Judge what the file lacks, and add a line of each fault to it; begins none after so many minutes."""
    found, until = read_lines(path), time.monotonic() + 60 * minutes
    names = list_unfinished(found)
    left, running = iter(names), dict[Future[Asked], str]()
    progress = Progress(*Progress.get_default_columns(), console=Console(stderr=True))
    with ProcessPoolExecutor(jobs) as pool, path.open("a", encoding="utf-8") as file, progress:
        task = progress.add_task("known faults", total=len(names))
        while True:
            for name in islice(left, jobs - len(running) if time.monotonic() < until else 0):
                running[pool.submit(judge_fault, name, tuple(found[name]))] = name
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                file.write(json.dumps({"fault": running.pop(done), "found": done.result()}) + "\n")
                file.flush()
                progress.advance(task)


# ---------------------------------------------------------------- the page


def write_page(rows: dict[str, Row]) -> str:
    """The matrix in Markdown, one table for each family of properties."""
    parts = ["<!-- Generated by `make kill-matrix`. Do not edit. -->\n# The kill matrix", INTRODUCTION]
    for section in SECTIONS:
        mine = {name: rows[name] for name in section.faults}
        parts += [f"## {section.title}", summarize(section, mine)]
        parts += [write_table(family.replace("_", " "), of, mine) for family, of in section.families.items()]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = f"""This page shows which property refutes which known fault (`lstm-conform list faults`), and after how
many examples. Each search has seed 0, and ends after {SEARCH.examples} examples ({SEARCH.long_examples}, for slow
properties). It runs at float32, or at float64 if float32 cannot show the fault. An empty cell means that the search did
not refute the fault. A run of the suite asks more: `standard` tries {PROFILES["standard"].examples} examples of the
plain LSTM and {PROFILES["standard"].beyond_core_examples} of networks, and larger ones. [The known faults, dtype by
dtype](selftest.md), says what such a run refutes."""


def summarize(section: Section, rows: dict[str, Row]) -> str:
    """The number of faults that are refuted, by family of faults."""
    lines = ["| family of faults | known | refuted |", "|---|---|---|"]
    by_family: dict[str, list[str]] = defaultdict(list)
    for name in rows:
        by_family[section.faults[name].family].append(name)
    for family, names in by_family.items():
        lines.append(f"| {family} | {len(names)} | {sum(bool(rows[name]) for name in names)} |")
        lines[-1] += "" if section.networks else f" {sum(is_refuted_alone(rows[name]) for name in names)} |"
    if not section.networks:  # of networks nearly every property compares with the equations
        lines[0], lines[1] = f"{lines[0]} without comparing with the equations |", f"{lines[1]}---|"
        share = f"{share_alone(rows):.1%} (the mean over families)"
        lines += ["", f"Forward faults that are refuted without comparing with the equations: {share}."]
    return "\n".join(lines)


@cache
def list_comparing() -> frozenset[str]:
    """The properties that compare with the equations."""
    return frozenset(prop.name for prop in PROPERTIES if prop.family in BY_THE_EQUATIONS)


def is_refuted_alone(found: Row) -> bool:
    """Whether a property that does not compare with the equations refutes it."""
    return bool(found.keys() - list_comparing())


def share_alone(rows: dict[str, Row]) -> float:
    """The share of forward faults that are refuted without comparing with the equations, as a mean over families."""
    by_family: dict[str, list[bool]] = defaultdict(list)
    for name, found in rows.items():
        if FAULTS[name].kind == "forward":
            by_family[FAULTS[name].family].append(is_refuted_alone(found))
    return float(np.mean([np.mean(refuted) for refuted in by_family.values()]))


def write_table(family: str, of: list[Property], rows: dict[str, Row]) -> str:
    """The table of a family of properties, below a legend of its columns."""
    legend = [f"{k}. {prop.sentence} ({', '.join(prop.clauses)})" for k, prop in enumerate(of, 1)]
    head = "| fault | " + " | ".join(str(k) for k in range(1, len(of) + 1)) + " |"
    lines = [f"### {family}", "", *legend, "", head, "|---" * (len(of) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(str(found.get(prop.name, "")) for prop in of) + " |" for name, found in rows.items()
    ]
    return "\n".join(lines)


def read_page(text: str) -> dict[str, Row]:
    """The rows of a page."""
    rows: dict[str, Row] = defaultdict(dict)
    for section, part in zip(SECTIONS, text.split("\n## ")[1:], strict=True):
        for table, of in zip(part.split("\n### ")[1:], section.families.values(), strict=True):
            for line in table.splitlines():
                name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
                if name in section.faults:
                    rows[name] |= {prop.name: int(cell) for prop, cell in zip(of, cells, strict=True) if cell}
    return dict(rows)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--lines",
    type=click.Path(path_type=Path),
    required=True,
    help="File of what was found, a fault a line: what it has is not judged again. Remove it if the tree is another.",
)
@click.option("--jobs", default=2, show_default=True, help="Number of worker processes.")
@click.option("--minutes", default=1440.0, show_default=True, help="Begin no fault after this time; go on later.")
def main(path: Path, lines: Path, jobs: int, minutes: float) -> None:
    """Judge what the lines lack, and write the page to PATH. Exit status 1 if some of it is left for later."""
    judge_missing(lines, jobs, minutes)
    found = read_lines(lines)
    if left := list_unfinished(found):
        click.echo(f"{len(left)} of {len(FAULTS)} faults are left: run this again")
        sys.exit(1)
    rows = {name: {prop: many for prop, many in asked.items() if many} for name, asked in found.items()}
    write_whole(path, write_page(rows).encode())
    for section in SECTIONS:
        click.echo(summarize(section, {name: rows[name] for name in section.faults}))


if __name__ == "__main__":
    main()
