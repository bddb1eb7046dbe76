"""How many planted mistakes the diagnosis names: those of tests/planted, whose code does not use the catalogue.

Run python -m benchmarks.naming in the repository.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import click

from tests.planted.entry import Planted
from tests.planted.faults import NEEDS_TORCH, PLANTED, Found, diagnose_planted, groups, tally, tally_of_groups

WIDTH = 48


def describe_results(found: Sequence[Found]) -> Iterator[str]:
    """One line for each planted mistake, then the totals."""
    yield f"{'planted':{WIDTH}}{'made by':16}{'verdict':12}what the diagnosis says"
    for each in found:
        by, sentence = each.planted.by, each.diagnosis.sentence
        yield f"{each.planted.name[: WIDTH - 2]:{WIDTH}}{by:16}{describe_verdict(each):12}{sentence}"
    yield from (
        "",
        *count_named("family", found, lambda p: p.family),
        "",
        *count_named("made by", found, lambda p: p.by),
    )
    yield from ("", f"{'all':16}{tally(found)}", f"{'one for many':16}{tally_of_groups(found)}")
    yield from ("", "mathematically the same, and counted as one there:")
    for name, group in groups(found).items():
        if len(group) > 1:
            yield f"  {name}: {'; '.join(each.planted.name for each in group)}"


def describe_verdict(found: Found) -> str:
    """Whether the diagnosis names the right fault, in one word or two."""
    if found.misnamed:
        return "MISNAMED"
    if found.planted.novel:
        return "not known"
    return "uniquely" if found.uniquely else "named" if found.named else "UNNAMED"


def count_named(title: str, found: Sequence[Found], kind: Callable[[Planted], str]) -> Iterator[str]:
    """One line for each kind of planted mistake: how many of them are named."""
    yield f"{title:16}named"
    for name in dict.fromkeys(kind(each.planted) for each in found):
        yield f"{name:16}{tally(each for each in found if kind(each.planted) == name)}"


@click.command()
@click.option("--torch/--no-torch", default=True, help="Include the mistakes that are made with torch.")
@click.option("--how", is_flag=True, help="Print only how each mistake was made.")
def main(torch: bool, how: bool) -> None:
    """Print which planted mistakes the diagnosis names, and how many."""
    chosen = [planted for planted in PLANTED if torch or planted.by not in NEEDS_TORCH]
    if how:
        lines: Iterable[str] = (f"{planted.name:{WIDTH}}{planted.by:16}{planted.how}" for planted in chosen)
    else:
        lines = describe_results([diagnose_planted(planted) for planted in chosen])
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
