"""The commands that show and do not judge: flow, gates."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from conformance.cli.console import make_console

LAGS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def _check_svg(context: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    if path and path.suffix != ".svg":
        raise click.BadParameter(f"{str(path)!r} is no SVG, expected a name that ends in .svg")
    return path


SVG = click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_check_svg,
    help="Draw a picture into this file (needs the extra `plot`).",
)
DTYPE = click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float32",
    show_default=True,
    help="The dtype of all questions.",
)


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option(
    "--steps", type=click.IntRange(2, 100_000), default=2000, show_default=True, help="Length of the sequence."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the weights and inputs."
)
@click.option("--device", help="The device that a target is made for, e.g. cuda.")
@DTYPE
@SVG
def flow(targets: tuple[str, ...], steps: int, seed: int, device: str | None, dtype: str, svg: Path | None) -> None:
    """Show how the gradient fades back in time, next to that of the equations, that of an RNN, and its bound.

    Exit status 1 if the gradient of a target has a cliff, i.e. from some lag on it is always less than half of what the
    equations say, or if it is not a number somewhere. The default TARGET is numpy.
    """
    from rich.table import Table

    from conformance.story import flow as following

    problem, d = following.question(steps, seed, dtype)
    targets = targets or ("numpy",)
    backends = [_resolve_target(target, device) for target in targets]
    expected = following.of_equations(problem, d)
    found = [
        _ask_target(target, following.of_backend, backend, problem, d)._replace(name=target)
        for target, backend in zip(targets, backends, strict=True)
    ]
    flows = [*found, expected, following.of_carousel(problem, d), *following.of_elman(problem, d)]
    cliffs = {one.name: lag for one in found if (lag := following.cliff(one, expected)) is not None}
    table = Table("lag", *(one.name for one in flows), box=None, title="norm of the gradient of the loss by x")
    for lag in [lag for lag in LAGS if lag < steps - 1] + [steps - 1]:
        table.add_row(f"{lag:,}", *(f"{one.norms[lag]:.1e}" for one in flows))
    make_console().print(table)
    for one in found:
        click.echo(f"{one.name}: {_describe_cliff(one, cliffs.get(one.name), expected, steps)}")
    if svg:
        _draw("draw_flow", flows, cliffs, svg, _quote_command("flow", *targets))
    sys.exit(1 if cliffs or not all(map(following.finite, found)) else 0)


def _describe_cliff(one: Any, lag: int | None, expected: Any, steps: int) -> str:
    from conformance.story.flow import finite

    if not finite(one):
        return "the gradient is no number somewhere"
    if lag is None:
        return f"no cliff within {steps:,} steps"
    if not one.norms[lag:].any():
        return f"the gradient is cut off at lag {lag}"
    return f"from lag {lag} on the gradient is less than half of what the equations say"


@click.command()
@click.argument("target", default="numpy")
@click.option("--device", help="The device that a target is made for, e.g. cuda.")
@DTYPE
@SVG
def gates(target: str, device: str | None, dtype: str, svg: Path | None) -> None:
    """Show gates and memories while a fact arrives, is kept across a gap, and is forgotten."""
    from conformance.story.gates import EVENTS, bars, read, story

    problem = story(dtype)
    reading = _ask_target(target, read, _resolve_target(target, device), problem)
    names = {
        "i": "input gate",
        "f": "forget gate",
        "o": "output gate",
        "c": "long-term memory",
        "h": "short-term memory",
    }
    marks = "".join("|" if t in EVENTS else " " for t in range(len(problem.x)))
    click.echo(f"{'':20}{marks}")
    for letter, name in names.items():
        click.echo(f"{name + ' ' + letter:20}{bars(getattr(reading, letter))}")
    click.echo()
    for t, (said, _) in EVENTS.items():
        values = "  ".join(f"{letter} {getattr(reading, letter)[t]:.2f}" for letter in names)
        click.echo(f"step {t:2}  {said:32}{values}")
    if svg:
        _draw("draw_gates", reading, svg, _quote_command("gates", target))


def _quote_command(name: str, *targets: str) -> str:
    """The command without the file of the picture; the picture shows it."""
    context = click.get_current_context()
    given = [
        f"--{key} {value}"
        for key, value in context.params.items()
        if key not in ("svg", "target", "targets")
        and context.get_parameter_source(key) is not click.core.ParameterSource.DEFAULT
    ]
    return " ".join(["lstm-conform", name, *targets, *given])


def _resolve_target(target: str, device: str | None) -> Any:
    from conformance.targets.resolve import TargetError, resolve

    try:
        return resolve(target, device)
    except TargetError as error:
        click.echo(f"lstm-conform: {error}", err=True)
        sys.exit(3)


def _ask_target(target: str, question: Callable[..., Any], backend: Any, problem: Any, *more: Any) -> Any:
    """What the backend answers; exit 3 if it does not claim the dtype, or raises."""
    dtype, claimed = problem.dtype.name, backend.description.dtypes
    if dtype not in claimed:
        names = ", ".join(claimed) or "no dtype"
        click.echo(f"lstm-conform: {target} claims {names}, not {dtype}; choose another --dtype", err=True)
        sys.exit(3)
    try:
        return question(backend, problem, *more)
    except (Exception, SystemExit) as error:  # whatever a target may raise
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        click.echo(f"lstm-conform: {target} gave no answer to follow ({said}); lstm-conform run judges it", err=True)
        sys.exit(3)


def _draw(what: str, *arguments: Any) -> None:
    from conformance.story import pictures

    try:
        getattr(pictures, what)(*arguments)
    except ImportError as error:
        click.echo(f"lstm-conform: {error}", err=True)
        sys.exit(3)
    except OSError as error:
        click.echo(f"lstm-conform: {arguments[-2]} cannot be written ({error.strerror}); name another --svg", err=True)
        sys.exit(3)
