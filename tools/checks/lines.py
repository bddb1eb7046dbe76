"""What was measured, an item a line of a file: a measurement that was stopped goes on from there."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from conformance.journal import read_journal

LINES = click.Path(dir_okay=False, path_type=Path)
ABOUT_LINES = "File of what was found, an item a line: what it has is not asked again."
Entry = dict[str, Any]


def keep_lines(
    lines: Path | None, group: str, names: Iterable[str], ask: Callable[[str], Entry]
) -> Iterator[tuple[str, Entry]]:
    """What was found of each name; what the file lacks is asked and added to it, as one of this group.

    Progress is shown on the standard error.
    """
    known = read_group(lines, group) if lines and lines.exists() else {}
    for name in track(list(names), group, console=Console(stderr=True)):
        if name not in known:
            known[name] = ask(name)
            if lines:
                with lines.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"group": group, "name": name, **known[name]}) + "\n")
        yield name, known[name]


def read_group(lines: Path, group: str) -> dict[str, Entry]:
    """The entries of a group, by name."""
    return {entry["name"]: entry for entry in read_journal(lines) if entry["group"] == group}
