"""How many mistakes of other people's code the diagnosis names: tests/planted, which are not the catalogue's.

Run as python -m benchmarks.naming, from the repository.
"""

from collections.abc import Callable, Iterator, Sequence

import click

from tests.planted.entry import Planted
from tests.planted.faults import NEEDS_TORCH, PLANTED, Found, diagnosed, groups, tally, tally_of_groups

WIDTH = 48


def lines(found: Sequence[Found]) -> Iterator[str]:
    yield f"{'planted':{WIDTH}}{'made by':16}{'verdict':12}what the diagnosis says"
    for each in found:
        by, said = each.planted.by, each.diagnosis.sentence
        yield f"{each.planted.name[: WIDTH - 2]:{WIDTH}}{by:16}{verdict(each):12}{said}"
    yield from ("", *totals("family", found, lambda p: p.family), "", *totals("made by", found, lambda p: p.by))
    yield from ("", f"{'all':16}{tally(found)}", f"{'one for many':16}{tally_of_groups(found)}")
    yield from ("", "mathematically one, and counted as one there:")
    for name, group in groups(found).items():
        if len(group) > 1:
            yield f"  {name}: {'; '.join(each.planted.name for each in group)}"


def verdict(found: Found) -> str:
    """In a word."""
    if found.misnamed:
        return "MISNAMED"
    if found.planted.novel:
        return "not known"
    return "uniquely" if found.uniquely else "named" if found.named else "UNNAMED"


def totals(title: str, found: Sequence[Found], kind: Callable[[Planted], str]) -> Iterator[str]:
    yield f"{title:16}named"
    for name in dict.fromkeys(kind(each.planted) for each in found):
        yield f"{name:16}{tally(each for each in found if kind(each.planted) == name)}"


@click.command()
@click.option("--torch/--no-torch", default=True, help="With those that are made with torch, or without.")
@click.option("--how", is_flag=True, help="Print how each was made, and nothing else.")
def main(torch: bool, how: bool) -> None:
    """Print which planted mistakes are named, and how many."""
    chosen = [planted for planted in PLANTED if torch or planted.by not in NEEDS_TORCH]
    if how:
        told = (f"{planted.name:{WIDTH}}{planted.by:16}{planted.how}" for planted in chosen)
    else:
        told = lines([diagnosed(planted) for planted in chosen])
    click.echo("\n".join(told))


if __name__ == "__main__":
    main()
