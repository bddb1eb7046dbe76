"""The command `reproduce`: a question that refuted a backend is asked again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli.console import complain
from conformance.cli.lending import lend_backend
from conformance.cli.options import ISOLATE, TIMEOUT, check_grade

if TYPE_CHECKING:
    from conformance.cases.case import Case
    from conformance.cases.crash import Crash
    from lstm_spec import Backend


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.argument("target", required=False)
@click.option("--device", help="The device that a target is made for, e.g. cuda.")
@click.option("--grade", default="", metavar="NAME", help="Judge at this grade, if the dtype has it, e.g. absolute.")
@ISOLATE
@TIMEOUT
def reproduce(
    case: Path, target: str | None, device: str | None, grade: str, isolate: bool | None, timeout: float
) -> None:
    """Ask a question that refuted a backend, or killed it, again.

    CASE is a file that `run` wrote, TARGET the same backend or another one.
    """
    from conformance.cases.case import CaseError
    from conformance.cases.crash import is_crash, load_crash
    from conformance.cases.load import load_case
    from conformance.report.status import UNUSABLE
    from conformance.run.options import Options
    from conformance.targets.lending import Loan
    from conformance.targets.resolve import TargetError

    options = check_grade(lambda: Options(grade=grade))
    try:
        crash = load_crash(case) if is_crash(case) else None
        found = crash or load_case(case)
        named = target or _find_target(found.target, case)
        if crash:
            device, isolate = device or crash.device, True if isolate is None else isolate
        with lend_backend(Loan(named, device, isolate, timeout)) as backend:
            lines, status = _ask_again(found, options.apply_to(backend))
    except (CaseError, TargetError) as error:
        complain(str(error))
        sys.exit(UNUSABLE)
    for line in lines:
        print(line)
    sys.exit(status)


def _ask_again(found: Case | Crash, backend: Backend) -> tuple[list[str], int]:
    """Which question it is, and what comes out now; the exit status."""
    from conformance.cases.crash import Crash, ask_crash, describe_crash
    from conformance.cases.replay import format_steps, list_steps, replay_case
    from conformance.outcome import Outcome
    from conformance.report.status import FAILED, NOTHING, PASSED, SUITE_ERROR
    from conformance.text import clean_line
    from conformance.verdict import join_clauses

    if isinstance(found, Crash):
        title = f"no answer to {describe_crash(found)}"
        result, steps = ask_crash(found, backend), []
    else:
        about, result = found.about, replay_case(found, backend)
        named = join_clauses(tuple(about["clause"].split()))
        title = f"{named}  {found.prop.sentence}  ({about['dtype']}, written with seed {about['seed']})"
        steps = [] if result.outcome is Outcome.SUITE_ERROR else list_steps(found, backend)
    verdict, status = {
        Outcome.REFUTED: ("still refuted", FAILED),
        Outcome.ERRORED: ("errored", FAILED),
        Outcome.HOLDS: ("holds" if result.detail else "holds: it is not refuted by this case any more", PASSED),
        Outcome.SUITE_ERROR: ("suite error", SUITE_ERROR),
        Outcome.NOT_CLAIMED: ("not claimed", NOTHING),
        Outcome.INCONCLUSIVE: ("inconclusive", NOTHING),
    }[result.outcome]
    outcome = f"{verdict}: {clean_line(result.detail)}" if result.detail else verdict
    return [title, *format_steps(steps), outcome], status


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
