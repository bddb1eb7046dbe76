"""Which of two nets remembers: an Elman RNN and an LSTM learn the long-lag tasks of 1997, at lags of 10 to 500 steps.

The LSTM is that of any backend, through its public `gradients`; everything else stands in long_lags/. Lag: the least
number of steps from the last input that matters to the end. Fixed before looking: long_lags/learning.py, for both nets
and both tasks alike; each net's initial weights, which are those that help it to remember; and its rate, chosen on
seeds 0 and 100, which are not among those of the figures.

    python examples/long_memory.py --lag 10 --seed 1    # seconds
    python examples/long_memory.py                      # all of it: hours, an hour of them at lags up to 100
    python examples/long_memory.py --net RNN --lag 10 --seed 0 --seed 100 --rate 0.005 --out tried  # a better one?

What is finished lies in a file of its own and is not run again: it may be stopped, and several may run side by side.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the products are small
os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from long_lags import learning
from long_lags.learning import Asked
from long_lags.nets import CUT_OFF, Net, cut_off, elman, lstm
from long_lags.results import COLUMNS, cells, drawn, page, summary
from long_lags.tasks import DTYPE, TASKS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from conformance.targets.resolve import TargetError, resolve
from lstm_spec import Backend


def file_of(folder: Path, run: Asked) -> Path:
    return folder / f"{run.net.name}-{run.task.name}-{run.lag}-{run.seed}.json".replace(" ", "-").replace(",", "")


def learn_all(folder: Path, runs: list[Asked]) -> None:
    """A file for each run; those that have one are not run again."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress:
        for run in runs:
            path, title = file_of(folder, run), f"{run.task.name}, lag {run.lag}, {run.net.name}, seed {run.seed}"
            if path.exists():
                continue
            bar = progress.add_task(title, total=learning.LEARNING.updates)

            def told(update: int, loss: float, share: float, bar: Any = bar, title: str = title) -> None:
                said = f"{title}: {share:.1%} right, loss {loss:.4f}"
                progress.update(bar, completed=update, description=said)

            about = {"task": run.task.name, "lag": run.lag, "net": run.net.name, "seed": run.seed}
            found = about | {"learning": learning.of_net(run.net)} | learning.trained(run, told)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(found) + "\n", encoding="utf-8")
            part.replace(path)  # whole, or not there
            progress.remove_task(bar)


def finished(folder: Path, nets: list[Net]) -> list[dict[str, Any]]:
    """What every run in the folder found.

    Raises click.ClickException where a file is none of this program's, or of one of the nets, learnt otherwise.
    """
    ones = []
    for path in sorted(folder.glob("*-*-*.json")):
        try:
            one = json.loads(path.read_text(encoding="utf-8"))
            _ = one["task"], one["lag"], one["seed"], one["solved"], one["right"], one["updates"], one["seconds"]
            other = [net for net in nets if net.name == one["net"] and learning.of_net(net) != one["learning"]]
        except (ValueError, TypeError, LookupError) as error:
            raise click.ClickException(f"{path} is no result of this program; remove it") from error
        if other:
            raise click.ClickException(f"{path} was learnt otherwise, by {one['learning']}; name another --out")
        ones.append(one)
    return ones


def asked_for(target: str) -> Backend:
    """Under the name by which it was asked for. Raises click.ClickException for one that cannot learn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise click.ClickException('the picture needs matplotlib; pip install "lstm-spec[plot]"')
    try:
        backend = replace(resolve(target), name=target)
    except TargetError as error:
        raise click.ClickException(str(error)) from error
    if backend.gradients is None:
        raise click.ClickException(
            f"{target} claims no gradients, without which nothing is learnt; name another --target"
        )
    net, rng = lstm(backend), np.random.default_rng(0)
    try:
        net.learn(net.new(rng, 2, 3), np.zeros((3, 2, 2), DTYPE), lambda h: h)
    except Exception as error:  # whatever a target may raise
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise click.ClickException(f"{target} does not learn ({said}); lstm-conform run judges it") from error
    return backend


@click.command()
@click.option("--target", default="numpy", show_default=True, help="Whose LSTM.")
@click.option("--task", "tasks", multiple=True, type=click.Choice(list(TASKS)), default=tuple(TASKS))
@click.option("--lag", "lags", multiple=True, type=click.IntRange(min=10), default=(10, 50, 100, 500))
@click.option("--net", "nets", multiple=True, type=click.Choice(["LSTM", "RNN", "cut off"]), default=("LSTM", "RNN"))
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), default=(1, 2, 3, 4, 5), show_default=True)
@click.option("--rate", type=float, help="Of learning, in place of each net's own.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("long-memory"), show_default=True)
def main(
    target: str,
    tasks: tuple[str, ...],
    lags: tuple[int, ...],
    nets: tuple[str, ...],
    seeds: tuple[int, ...],
    rate: float | None,
    out: Path,
) -> None:
    """Learn, and print what came of it and of whatever OUT already has: a file for each run, a summary, a picture.

    A run that is stopped begins anew; those that are finished do not.
    """
    if rate is not None and not 0 < rate < np.inf:
        raise click.BadParameter(
            f"{rate} is no rate, expected a number above 0; the LSTM's own is 0.02", param_hint="--rate"
        )
    backend = asked_for(target)
    made: dict[str, Callable[[], Net]] = {
        "LSTM": lambda: lstm(backend),
        "RNN": elman,
        "cut off": lambda: lstm(cut_off(backend, 50))._replace(name=CUT_OFF),
    }
    learners = [made[net]() for net in nets]
    learners = [net._replace(rate=rate or net.rate) for net in learners]
    runs = [Asked(TASKS[task], net, lag, seed) for lag in lags for task in tasks for net in learners for seed in seeds]
    try:
        out.mkdir(parents=True, exist_ok=True)
        finished(out, learners)
        learn_all(out, runs)
        rows = summary(finished(out, learners))
        about = {"generated by": "examples/long_memory.py", "learning": learning.LEARNING._asdict(), "rows": rows}
        (out / "summary.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        (out / "long-memory.md").write_text(page(rows), encoding="utf-8")
        drawn(rows, out / "long-memory.svg")
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written ({error.strerror}); name another --out") from error
    table = Table(*COLUMNS, box=None)
    for row in rows:
        table.add_row(*cells(row))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
