"""The commands that show and do not judge: flow, gates."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from conformance.cli.console import complain, make_console
from conformance.cli.lending import lend_backend
from conformance.cli.options import ISOLATE, TIMEOUT
from conformance.report.status import UNUSABLE, UNWRITTEN

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
@ISOLATE
@TIMEOUT
@DTYPE
@SVG
def flow(targets: tuple[str, ...], steps: int, seed: int, dtype: str, svg: Path | None, **lending: Any) -> None:
    """Show how much of a gradient is left.

    The loss is at the end of a sequence. Each column follows its gradient back through the steps: in every TARGET
    (default: numpy), in the equations, along the cell state only, and in an RNN, with its bound.

    The exit status is 1 if the gradient of a target has a cliff (from some lag on it is always less than half of that
    of the equations), or if some of it is not finite.
    """
    from rich.table import Table

    from conformance.story import flow as story
    from conformance.story.pictures import draw_flow

    question = story.make_question(steps, seed, dtype)
    targets = targets or ("numpy",)
    followed = [
        ask_target(target, dtype, story.follow_backend, question, lending)._replace(name=target) for target in targets
    ]
    expected = story.follow_equations(question)
    flows = [*followed, expected, story.follow_cell_state(question), *story.follow_elman(question)]
    cliffs = {one.name: lag for one in followed if (lag := story.find_cliff(one, expected)) is not None}
    table = Table("lag", *(one.name for one in flows), box=None, title="norm of the gradient of the loss by x")
    for lag in [lag for lag in LAGS if lag < steps - 1] + [steps - 1]:
        table.add_row(f"{lag:,}", *(f"{one.norms[lag]:.1e}" for one in flows))
    make_console().print(table)
    for one in followed:
        print(f"{one.name}: {_describe_flow(one, cliffs.get(one.name), steps)}")
    if svg:
        _draw(svg, draw_flow, followed, flows[len(followed) :], cliffs, svg, _quote_command("flow", *targets))
    sys.exit(1 if cliffs or not all(map(story.is_finite, followed)) else 0)


def _describe_flow(one: Any, lag: int | None, steps: int) -> str:
    from conformance.story.flow import is_finite

    if not is_finite(one):
        return "some of the gradient is not finite"
    if lag is None:
        return f"no cliff within {steps:,} steps"
    if not one.norms[lag:].any():
        return f"the gradient is cut off at lag {lag}"
    return f"from lag {lag} on the gradient is less than half of that of the equations"


@click.command()
@click.argument("target", default="numpy")
@click.option("--device", help="The device that a target is made for, e.g. cuda.")
@ISOLATE
@TIMEOUT
@DTYPE
@SVG
def gates(target: str, dtype: str, svg: Path | None, **lending: Any) -> None:
    """Show gates and memories at work.

    A fact arrives, is kept across a gap, and is forgotten on request.
    """
    from conformance.story.gates import EVENTS, draw_bars, follow_story, make_story
    from conformance.story.pictures import draw_gates

    problem = make_story(dtype)
    history = ask_target(target, dtype, follow_story, problem, lending)
    names = {
        "i": "input gate",
        "f": "forget gate",
        "o": "output gate",
        "c": "long-term memory",
        "h": "short-term memory",
    }
    marks = "".join("|" if t in EVENTS else " " for t in range(len(problem.x)))
    print(f"{'':20}{marks}")
    for letter, name in names.items():
        print(f"{name + ' ' + letter:20}{draw_bars(getattr(history, letter))}")
    print()
    for t, (event, _) in EVENTS.items():
        values = "  ".join(f"{letter} {getattr(history, letter)[t]:.2f}" for letter in names)
        print(f"step {t:2}  {event:32}{values}")
    if svg:
        _draw(svg, draw_gates, history, svg, _quote_command("gates", target))


def _quote_command(name: str, *targets: str) -> str:
    """The command without what does not change the picture, which shows it."""
    context = click.get_current_context()
    given = [
        f"--{key} {value}"
        for key, value in context.params.items()
        if key not in ("svg", "target", "targets", "isolate", "timeout")
        and context.get_parameter_source(key) is not click.core.ParameterSource.DEFAULT
    ]
    return " ".join(["lstm-conform", name, *targets, *given])


def ask_target(target: str, dtype: str, follow: Callable[..., Any], question: Any, lending: dict[str, Any]) -> Any:
    """What `follow` makes of the target's answers; exits with 3 if it cannot be used or gives none."""
    from conformance.outcome import Errored, Refuted
    from conformance.targets.border import guard_backend
    from conformance.targets.lending import Loan
    from conformance.targets.raised import describe_raised, find_telling_line
    from conformance.targets.resolve import TargetError

    try:
        with lend_backend(Loan(target, **lending)) as backend:
            if dtype not in backend.description.dtypes:
                names = ", ".join(backend.description.dtypes) or "no dtype"
                _give_up(f"{target} claims {names}, not {dtype}; choose another --dtype")
            return follow(guard_backend(backend), question)
    except TargetError as error:
        _give_up(str(error))
    except (Errored, Refuted) as error:
        reason = find_telling_line(error)
    except Exception as error:  # whatever may be wrong with an answer
        reason = describe_raised(error)
    _give_up(f"{target} gave no answer to follow ({reason}); lstm-conform run judges it")


def _draw(path: Path, draw: Callable[..., None], *arguments: Any) -> None:
    try:
        draw(*arguments)
    except ImportError as error:
        _give_up(str(error))
    except OSError as error:
        _give_up(f"{path} cannot be written ({error.strerror}); name another --svg", UNWRITTEN)


def _give_up(reason: str, status: int = UNUSABLE) -> NoReturn:
    complain(reason)
    sys.exit(status)
