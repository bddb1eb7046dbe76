"""The command `selftest`: the judge judged."""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from conformance.cli.console import complain, make_console
from conformance.cli.options import DTYPE_NAMES, PROFILE_NAMES, QUIET
from conformance.cli.progress import show_progress
from conformance.cli.stop import heed_signals


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
@click.option("--few-sizes", is_flag=True, help="Ask the few sizes that are asked of what compiles for each.")
@QUIET
@click.option("--device", help="The device of the mistakes; only cpu is possible.")
def selftest(dtype: str, profile: str, pairs: int, few_sizes: bool, device: str | None, quiet: bool) -> None:
    """Run the suite against every known fault.

    Shows which of them it refutes on this machine. The exit status is 4 if it misses one that can be seen.
    """
    from conformance.faults.catalogue import FAULTS
    from conformance.report.status import PASSED, SUITE_ERROR, UNUSABLE
    from conformance.selftest.look import Sight, judge_faults, print_score, score_sights
    from conformance.selftest.pairs import judge_pairs

    if device not in (None, "cpu"):
        complain(f"the known faults run on cpu only, not on {device!r}; drop --device")
        sys.exit(UNUSABLE)
    console = make_console()
    looking = judge_pairs(pairs, 0, dtype, profile) if pairs else judge_faults(dtype, profile, compiles=few_sizes)
    total, sights = pairs or len(FAULTS), list[Sight]()
    with (
        heed_signals() as stop,
        suppress(KeyboardInterrupt),
        stop.interrupting(),
        show_progress("selftest", "known faults", total, quiet) as advance,
    ):
        for sight in looking:
            stop.check()
            sights.append(sight)
            advance("", sight.name if sight.is_visible and not sight.is_refuted else "")
    score = score_sights(sights)
    if sights:
        print_score(console, score, dtype, profile)
    if len(sights) < total:
        complain(f"{stop.word} after {len(sights)} of {total} known faults")
        sys.exit(stop.status)
    sys.exit(SUITE_ERROR if score.missed else PASSED)
