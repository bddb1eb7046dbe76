"""The values of options that several commands share, and how `run` reads its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.text import LONGEST_NAME, clean_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.report.deviations import Deviation
    from conformance.run.options import Options

PROFILE_NAMES = ("quick", "standard", "full", "soak")
DTYPE_NAMES = ("float32", "float64", "bfloat16", "float16")
WRITTEN = {
    "budget": "--diagnosis",
    "clauses": "--clause",
    "required": "--require",
    "dtypes": "--dtype",
    "name": "-k",
    "run_seed": "--seed",
}
SETTINGS, LARGEST_SETTINGS = Path("pyproject.toml"), 2**20  # bytes
LISTS = ("clauses", "properties", "faults", "backends")


def check_seconds(context: click.Context, option: click.Parameter, seconds: float | None) -> float | None:
    """The value of an option in seconds. Raises BadParameter unless it is above 0 and at most a day."""
    from conformance.targets.lending import check_timeout

    try:
        return None if seconds is None else check_timeout(seconds, option.human_readable_name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


class Configured(click.Command):
    """A command whose options may also stand in pyproject.toml; those on the command line win."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        settings = {} if {"-h", "--help"} & {*args} else read_settings(self)
        return super().make_context(info_name, args, parent, **{"default_map": settings, **extra})


def read_settings(command: click.Command) -> dict[str, Any]:
    """The table of pyproject.toml in this folder, by the names of parameters. Raises UsageError for what is wrong."""
    known = {name[2:]: option for option in command.params for name in option.opts if name.startswith("--")}
    (known["target"],) = (option for option in command.params if isinstance(option, click.Argument))
    found = {}
    for key, value in _read_table().items():
        try:
            if key not in known:
                raise ValueError(f"a value for one of the options {', '.join(sorted(known))}")
            found[str(known[key].name)] = _write_as_given(known[key], value)
        except ValueError as expected:
            what = f"[tool.lstm-conform] has {clean_line(f'{key} = {value!r}', LONGEST_NAME)}"
            raise click.UsageError(f"{SETTINGS}, {what}, expected {expected}; correct it there") from expected
    return found


def _write_as_given(option: click.Parameter, value: Any) -> Any:
    """The value as the command line would give it. Raises ValueError, which says what is expected."""
    if getattr(option, "is_flag", False):
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value
    is_list = getattr(option, "multiple", False) or option.nargs == -1
    values = value if is_list and isinstance(value, list) else [value]
    if any(isinstance(v, bool) or not isinstance(v, str | int | float) or "\0" in str(v) for v in values):
        raise ValueError("a text, or a list of texts" if is_list else "a text or a number")
    return [str(v) for v in values] if is_list else str(value)


def _read_table() -> dict[str, Any]:
    import tomllib

    from conformance.files import read_whole

    try:
        text = read_whole(SETTINGS, LARGEST_SETTINGS).decode("utf-8-sig") if SETTINGS.is_file() else ""
        return dict(tomllib.loads(text).get("tool", {}).get("lstm-conform", {}))
    except (OSError, ValueError, RecursionError, AttributeError, TypeError) as error:
        raise click.UsageError(f"{SETTINGS} cannot be read ({clean_line(str(error))}); correct it there") from error


class Listed(click.ParamType):  # type: ignore[type-arg]  # generic in the newest versions of click only
    """Values with commas between them, each of one type; as an option that may be repeated, all of them are wanted."""

    name = "list"

    def __init__(self, one: Any = click.STRING) -> None:
        self.one = one

    def convert(self, value: Any, option: click.Parameter | None, context: click.Context | None) -> tuple[Any, ...]:
        return tuple(self.one.convert(part.strip(), option, context) for part in value.split(","))


def join_lists(context: click.Context, option: click.Parameter, given: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    """All values of a repeated option, each once."""
    return tuple(dict.fromkeys(value for values in given for value in values))


ISOLATE = click.option(
    "--isolate/--no-isolate",
    default=None,
    help="Run the target in another process, so that a crash or a hang is a verdict.  [default: unless it is ours]",
)
TIMEOUT = click.option(
    "--timeout",
    type=float,
    callback=check_seconds,
    default=60,
    show_default=True,
    help="Seconds for each question to an isolated target.",
)
EXPERIMENTS = (
    "Seconds for the experiments that look for a cause.  [default: 5; 30 if the target compiles for each size]"
)
QUIET = click.option("--quiet", "-q", is_flag=True, help="Show no progress on stderr.")


def read_options(given: dict[str, Any], deviations_file: Path | None) -> Options:
    """The options of a run. Raises BadParameter for a clause, a grade, a requirement or deviations that are wrong."""
    from conformance.run.options import Options

    deviations = _read_deviations(deviations_file)
    return check_grade(lambda: Options(**{**given, "deviations": deviations}))


def check_grade(make: Callable[[], Options]) -> Options:
    """The options that are made. Raises BadParameter if one of them makes no sense, e.g. the grade."""
    from conformance.run.options import OptionError

    try:
        return make()
    except OptionError as error:
        written = WRITTEN.get(error.option, f"--{error.option}")
        raise click.BadParameter(str(error), param_hint=written) from error


def _read_deviations(file: Path | None) -> tuple[Deviation, ...]:
    from conformance.report.deviations import DeviationError, read_deviations

    try:
        return read_deviations(file) if file else ()
    except DeviationError as error:
        raise click.BadParameter(str(error), param_hint="--deviations") from error
