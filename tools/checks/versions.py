"""Runs the suite with the oldest and the newest versions of what it needs, on several Pythons, and says what differs.

Each environment is made by uv, which has to be on the PATH (pip install uv). In each, a right LSTM and a wrong one are
judged, with the command and with pytest, and the first case that the first environment wrote is asked again.

    python -m tools.checks.versions --python 3.11 --python 3.13
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from conformance.report.status import FAILED, PASSED

ROOT = Path(__file__).parents[2]
AGES = {"oldest": "lowest-direct", "newest": "highest"}
BUILT = ("numpy", "ml-dtypes", "safetensors")  # the oldest version of these is the oldest that need not be compiled
RIGHT, WRONG = "numpy", "fault:swaps_input_and_forget_gates"
NOT_COMPARED = ("case",)  # of a verdict: where it was written


class Environment(NamedTuple):
    """A Python, how old the versions are, and where it is installed."""

    python: str
    age: str
    folder: Path

    @property
    def name(self) -> str:
        return f"Python {Path(self.python).parent.parent.name or self.python}, {self.age}"

    def run(self, command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in its folder."""
        done = [str(self.folder / "bin" / command), *map(str, arguments)]
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(done, cwd=self.folder, env=clean, capture_output=True, text=True, check=False)


class Found(NamedTuple):
    """What came of one environment: its versions, exit statuses by what was run, and the reports of both LSTMs."""

    name: str
    versions: str
    statuses: dict[str, tuple[int, int]]  # what came, and what was expected
    reports: list[dict[str, Any]]

    @property
    def unexpected(self) -> list[str]:
        return [
            f"{what} ended with {got}, not {wanted}" for what, (got, wanted) in self.statuses.items() if got != wanted
        ]


@click.command()
@click.option("--python", "pythons", multiple=True, default=("3.11", "3.12", "3.13"), show_default=True)
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Where environments are made, and kept.")
def main(pythons: tuple[str, ...], into: Path | None) -> None:
    """Exit 1 if anything did not end as it should."""
    console, found = Console(width=150), list[Found]()
    with TemporaryDirectory() as scratch:
        home = into or Path(scratch)
        environments = [Environment(p, age, home / f"{k}-{age}") for k, p in enumerate(pythons) for age in AGES]
        for environment in track(environments, "environments", console=console, disable=not console.is_terminal):
            make_environment(environment)
            found.append(try_environment(environment, environments[0]))
    print_table(console, found)
    sys.exit(any(each.unexpected for each in found))


def make_environment(environment: Environment) -> None:
    """Install the package. Raises ClickException if uv is missing, or cannot do it."""
    uv = shutil.which("uv")
    if uv is None:
        raise click.ClickException("uv is not on the PATH; pip install uv")
    wheels = [word for name in BUILT for word in ("--only-binary", name)]
    install = ["pip", "install", "--quiet", "--python", str(environment.folder / "bin/python"), *wheels]
    for step in (
        ["venv", "--quiet", "--clear", "--python", environment.python, str(environment.folder)],
        [*install, "--resolution", AGES[environment.age], f"{ROOT}[conformance]"],
    ):
        done = subprocess.run([uv, *step], capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"{environment.name}: uv {step[0]} failed: {done.stderr.strip()}")


def try_environment(environment: Environment, first: Environment) -> Found:
    """Judge a right LSTM and a wrong one there; ask the first case of `first` again."""
    statuses, reports = dict[str, tuple[int, int]](), []
    for target, expected in ((RIGHT, PASSED), (WRONG, FAILED)):
        file = environment.folder / f"{expected}.json"
        judged = environment.run("lstm-conform", "run", target, "--profile", "quick", "--json", file)
        statuses[f"run {target}"] = judged.returncode, expected
        reports.append(json.loads(file.read_text(encoding="utf-8"))["targets"][0])
        tests = environment.run("pytest", "--pyargs", "conformance", "--lstm", target, "-q", "-p", "no:cacheprovider")
        statuses[f"pytest {target}"] = tests.returncode, expected
    case = next(path for v in _read_report(first)["verdicts"] if (path := v["case"]))
    asked = environment.run("lstm-conform", "reproduce", first.folder / case)
    statuses["reproduce"] = asked.returncode, FAILED
    return Found(environment.name, list_versions(environment), statuses, reports)


def _read_report(environment: Environment) -> dict[str, Any]:
    """The report on the wrong LSTM."""
    report = json.loads((environment.folder / f"{FAILED}.json").read_text(encoding="utf-8"))
    return dict(report["targets"][0])


def list_versions(environment: Environment) -> str:
    """The versions of what the package needs."""
    code = (
        "import re; from importlib.metadata import requires, version;"
        "needed = [r for r in requires('lstm-spec') if 'extra' not in r or 'conformance' in r];"
        "names = sorted({re.split(r'[^\\w-]', r)[0] for r in needed});"
        "print(', '.join(f'{name} {version(name)}' for name in names))"
    )
    return environment.run("python", "-c", code).stdout.strip()


def list_differences(found: Found, first: Found) -> Iterator[str]:
    """Each verdict that is not that of the first environment, to the last digit, and each other likely cause."""
    for here, there in zip(found.reports, first.reports, strict=True):
        if here["likely_cause"] != there["likely_cause"]:
            yield f"{here['name']}: the likely cause is {here['likely_cause']!r}, there {there['likely_cause']!r}"
        for one, other in zip(here["verdicts"], there["verdicts"], strict=True):
            names = [k for k in one if k not in NOT_COMPARED and one[k] != other.get(k)]
            if names:
                yield f"{here['name']}, {one['property']}: another {', '.join(names)}"


def print_table(console: Console, found: list[Found]) -> None:
    """What was expected and what came, and what differs from the first environment."""
    table = Table("environment", "versions", "as expected", box=None)
    for each in found:
        table.add_row(each.name, each.versions, "\n".join(each.unexpected) or f"all {len(each.statuses)}")
    console.print(table)
    for each in found[1:]:
        differences = list(list_differences(each, found[0]))
        console.print(f"{each.name}: {len(differences)} verdicts differ from those of {found[0].name}", highlight=False)
        for line in differences[:10]:
            console.print(f"  {line}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
