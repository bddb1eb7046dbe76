"""The command `reproduce`: a question that refuted a backend is asked again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from conformance.cli.options import check_grade


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.argument("target", required=False)
@click.option("--device", help="The device that a target is made for, e.g. cuda.")
@click.option("--grade", default="", metavar="NAME", help="Judge at this grade, if the dtype has it, e.g. absolute.")
def reproduce(case: Path, target: str | None, device: str | None, grade: str) -> None:
    """Ask a question that refuted a backend again.

    CASE is a file that `run` wrote, TARGET the same backend or another one.
    """
    from conformance.cases.case import CaseError
    from conformance.cases.load import load_case
    from conformance.cases.replay import format_steps, list_steps, replay_case
    from conformance.outcome import Outcome
    from conformance.report.status import FAILED, NOTHING, PASSED, SUITE_ERROR, UNUSABLE
    from conformance.run.options import Options
    from conformance.targets.resolve import TargetError, resolve

    options = check_grade(lambda: Options(grade=grade))
    try:
        found = load_case(case)
        backend = options.apply_grade(resolve(target or _find_target(found.about["target"], case), device))
    except (CaseError, TargetError) as error:
        click.echo(f"lstm-conform: {error}", err=True)
        sys.exit(UNUSABLE)
    about, result = found.about, replay_case(found, backend)
    click.echo(f"{about['clause']}  {found.prop.sentence}  ({about['dtype']}, written with seed {about['seed']})")
    steps = [] if result.outcome is Outcome.SUITE_ERROR else list_steps(found, backend)
    for line in format_steps(steps):
        click.echo(line)
    verdict, status = {
        Outcome.REFUTED: ("still refuted", FAILED),
        Outcome.ERRORED: ("errored", FAILED),
        Outcome.HOLDS: ("holds: it is not refuted by this case any more", PASSED),
        Outcome.SUITE_ERROR: ("suite error", SUITE_ERROR),
        Outcome.NOT_CLAIMED: ("not claimed", NOTHING),
        Outcome.INCONCLUSIVE: ("inconclusive", NOTHING),
    }[result.outcome]
    click.echo(f"{verdict}: {result.detail}" if result.detail else verdict)
    sys.exit(status)


def _find_target(target: str, case: Path) -> str:
    """The target of a case, if it is an installed one or a fault: a file must not decide what is imported."""
    from conformance.cases.case import CaseError
    from conformance.targets.resolve import find_entry

    if not (find_entry(target) or target.startswith("fault:")):
        command = shlex.join(["lstm-conform", "reproduce", str(case), target])
        raise CaseError(
            f"{case} names {target!r}, and a file must not decide what is imported; if you trust it, {command}"
        )
    return target
