"""The command `selftest`: the judge judged."""

from __future__ import annotations

import sys

import click

from conformance.cli.console import complain, make_console
from conformance.cli.options import DTYPE_NAMES, PROFILE_NAMES


@click.command()
@click.option(
    "--dtype", type=click.Choice(DTYPE_NAMES), default="float32", show_default=True, help="The dtype of all questions."
)
@click.option(
    "--profile",
    type=click.Choice(PROFILE_NAMES),
    default="quick",
    show_default=True,
    help="How many examples, and how large.",
)
@click.option(
    "--pairs",
    type=click.IntRange(min=0),
    default=0,
    help="Judge this number of pairs of mistakes, instead of single ones.",
)
@click.option("--device", help="The device of the mistakes; only cpu is possible.")
def selftest(dtype: str, profile: str, pairs: int, device: str | None) -> None:
    """Run the suite against every known mistake.

    Shows which of them it refutes on this machine. The exit status is 4 if it misses one that can be seen.
    """
    from rich.progress import track

    from conformance.faults.catalogue import FAULTS
    from conformance.report.status import PASSED, SUITE_ERROR, UNUSABLE
    from conformance.selftest.look import judge_faults, judge_pairs, print_score, score_sights

    if device not in (None, "cpu"):
        complain(f"the known mistakes run on cpu only, not on {device!r}; drop --device")
        sys.exit(UNUSABLE)
    console = make_console()
    looking = judge_pairs(pairs, 0, dtype, profile) if pairs else judge_faults(dtype, profile)
    total, hidden = pairs or len(FAULTS), not console.is_terminal
    score = score_sights(list(track(looking, "known mistakes", total, console=console, transient=True, disable=hidden)))
    print_score(console, score, dtype, profile)
    sys.exit(SUITE_ERROR if score.missed else PASSED)
