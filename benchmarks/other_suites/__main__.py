"""Prints how many known faults other people's checks notice, and how many this suite does."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from benchmarks.other_suites.found import CHOSEN, JUDGES, try_fault
from benchmarks.other_suites.table import list_unnoticed, replace_table, write_table


def check_names(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, or all of them if none is given. Raises BadParameter for one that cannot be compared."""
    for name in names:
        if name not in CHOSEN:
            reason = "is no fault that one layer in float32 can show; see lstm-conform list faults"
            raise click.BadParameter(f"{name!r} {reason}")
    return names or CHOSEN


@click.command()
@click.argument("names", nargs=-1, metavar="[FAULT]...", callback=check_names)
@click.option("--by", "judges", multiple=True, type=click.Choice(JUDGES), help="Who judges; all if not given.")
@click.option("--each", is_flag=True, help="Also print who did not notice each fault.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write who noticed each fault there.")
@click.option("--page", type=click.Path(exists=True, path_type=Path), help="Put the table into that file.")
def main(
    names: tuple[str, ...], judges: tuple[str, ...], each: bool, json_file: Path | None, page: Path | None
) -> None:
    """Print who notices which FAULT: all that one layer in float32 can show, if none is given."""
    console = Console(stderr=True)
    tried = track(names, "known faults", console=console, disable=not console.is_terminal)
    found = [try_fault(name, judges or JUDGES) for name in tried]
    if each:
        click.echo("\n".join(list_unnoticed(found)) + "\n")
    click.echo(write_table(found))
    if json_file:
        json_file.write_text(json.dumps({e.fault.name: e.noticed for e in found}, indent=1) + "\n", encoding="utf-8")
    if page:
        page.write_text(replace_table(page.read_text(encoding="utf-8"), write_table(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
