"""The values of options that several commands share, and how `run` reads its options."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.report.deviations import Deviation
    from conformance.run.options import Options

PROFILE_NAMES = ("quick", "standard", "full", "soak")
DTYPE_NAMES = ("float32", "float64", "bfloat16", "float16")
LISTS = ("clauses", "properties", "faults", "backends")


def _check_timeout(context: click.Context, option: click.Parameter, seconds: float) -> float:
    from conformance.targets.lending import check_timeout

    try:
        return check_timeout(seconds)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


ISOLATE = click.option(
    "--isolate/--no-isolate",
    default=None,
    help="Run the target in another process, so that a crash or a hang is a verdict.  [default: unless it is ours]",
)
TIMEOUT = click.option(
    "--timeout",
    type=float,
    callback=_check_timeout,
    default=60,
    show_default=True,
    help="Seconds for each question to an isolated target.",
)


def read_options(given: dict[str, Any], deviations_file: Path | None) -> Options:
    """The options of a run. Raises BadParameter for a clause, a grade, a requirement or deviations that are wrong."""
    from conformance.run.options import Options

    clauses = tuple(glob.upper() for glob in given["clauses"])
    _check_clauses(clauses)
    _check_required(given["required"])
    deviations = _read_deviations(deviations_file)
    return check_grade(lambda: Options(**{**given, "clauses": clauses, "deviations": deviations}))


def check_grade(make: Callable[[], Options]) -> Options:
    """The options that are made. Raises BadParameter if their grade does not exist."""
    try:
        return make()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--grade") from error


def _check_clauses(globs: tuple[str, ...]) -> None:
    from lstm_spec import CLAUSES

    for glob in globs:
        if not fnmatch.filter(CLAUSES, glob):
            reason = f"no clause matches {glob!r}; see lstm-conform list clauses"
            raise click.BadParameter(reason, param_hint="--clause")


def _check_required(required: tuple[str, ...]) -> None:
    from lstm_spec import CLAUSES, Feature

    for what in required:
        if what not in (*CLAUSES, *Feature, *DTYPE_NAMES):
            reason = f"{what!r} is no clause, feature or dtype; features are {', '.join(Feature)}"
            raise click.BadParameter(reason, param_hint="--require")


def _read_deviations(file: Path | None) -> tuple[Deviation, ...]:
    from conformance.report.deviations import DeviationError, read_deviations

    try:
        return read_deviations(file) if file else ()
    except DeviationError as error:
        raise click.BadParameter(str(error), param_hint="--deviations") from error


def check_is_writable(file: Path | None, option: str) -> None:
    """Create the file, if there is none. Raises BadParameter if it cannot be written."""
    if file:
        try:
            file.open("a", encoding="utf-8").close()
        except OSError as error:
            reason = f"{file} cannot be written ({error.strerror}); name a file in a folder that can be written"
            raise click.BadParameter(reason, param_hint=option) from error
