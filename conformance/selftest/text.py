"""The score of the selftest as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.selftest.look import Score, Sight


def print_score(console: Console, score: Score, dtype: str, profile: str) -> None:
    """Print how many faults were refuted, by family; those below the bound and those missed, by name."""
    from rich.table import Table

    table = Table("family", "refuted", "that can be seen", box=None, pad_edge=False, header_style="bold")
    for family, (refuted, visible) in score.families.items():
        table.add_row(family, str(refuted), str(visible))
    console.print(table)
    lines = [f"missed  {s.name}: {_describe_margin(s)}" for s in score.missed]
    lines += [f"below the bound  {s.name}: {_describe_margin(s)}" for s in score.below]
    refuted, visible = score.raw
    lines.append(
        f"at {dtype}, {profile} refutes {refuted} of the {visible} known mistakes that can be seen there "
        f"({score.macro:.1%} over families), in {score.seconds:.2g} s at the median"
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _describe_margin(sight: Sight) -> str:
    if not sight.tried:
        return "it changed no bit of any answer, at this dtype and profile"
    return f"what it changes, and its own rounding, come to {sight.margin:.3g} × what is allowed"
