"""Which of two nets remembers: an Elman RNN and an LSTM learn the long-lag tasks of 1997, at lags of 10 to 500 steps.

The LSTM is that of any backend, through its public `gradients`; everything else stands here. Hochreiter & Schmidhuber
1997, experiments 4 (adding) and 6a (temporal order). Lag: the least number of steps from the last input that matters to
the end. Fixed before looking: LEARNING below, for both nets and both tasks alike; each net's initial weights, which are
those that help it to remember; and its rate, chosen on seeds 0 and 100, which are not among those of the figures.

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
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from conformance.targets import TargetError, resolve
from lstm_spec import Array, Backend, Cotangents, Gate, Parameters, Problem, State

Weights = dict[str, Array]
DTYPE = np.dtype("float32")


class Learning(NamedTuple):
    """Fixed before looking."""

    H: int = 16
    batch: int = 64
    largest: float = 1.0  # norm of a gradient; longer ones are shortened to it
    updates: int = 4_000
    ask_every: int = 100
    fresh: int = 2_000  # sequences of a test
    share: float = 0.99  # of them that have to be right


LEARNING = Learning()


# ---------------------------------------------------------------- the tasks


class Batch(NamedTuple):
    """Sequences of one length, which is drawn for each batch, and what is to be said at their end."""

    x: Array  # (T, B, I)
    target: Array  # (B,)


@dataclass(frozen=True)
class Task:
    """What is read, what is asked, and when an answer is right."""

    name: str
    inputs: int
    outputs: int
    longest: Callable[[int], int]  # sequence at a lag
    draw: Callable[[np.random.Generator, int, int], Batch]  # at a lag, so many sequences
    loss: Callable[[Array, Array], tuple[float, Array]]  # of outputs (B, O) and targets: the loss, and its gradient
    right: Callable[[Array, Array], Array]  # (B,)


def adding(rng: np.random.Generator, lag: int, B: int) -> Batch:
    """Two of the numbers are marked, both in the first half; a quarter of their sum, and one half, is asked for.

    One of the first ten, and one of the first T/2 - 1 that are not marked then. A number that stands first counts 0.
    """
    least = 2 * lag
    T = int(rng.integers(least, least + least // 10 + 1))
    x = np.zeros((T, B, 2), DTYPE)
    x[..., 0] = rng.uniform(-1, 1, (T, B))
    x[0, :, 1] = x[-1, :, 1] = -1
    first = rng.integers(0, 10, B)
    second = rng.integers(0, least // 2 - 1, B)
    second += second >= first
    k = np.arange(B)
    ones, twos = x[first, k, 0].copy(), x[second, k, 0].copy()
    x[first, k, 1] = x[second, k, 1] = 1
    ones[first == 0] = twos[second == 0] = 0
    return Batch(x, (0.5 + (ones + twos) / 4).astype(DTYPE))


def squared(out: Array, target: Array) -> tuple[float, Array]:
    error = out[:, 0] - target
    return float((error**2).mean()), (2 * error / len(error))[:, None]


def near(out: Array, target: Array) -> Array:
    return np.abs(out[:, 0] - target) < 0.04


def temporal_order(rng: np.random.Generator, lag: int, B: int) -> Batch:
    """E, noise, X or Y, noise, X or Y, noise, B: which two, in which order?

    They are the symbols number T/10 to T/5 and T/2 to 3 T/5, counted from 1, of the T of the shortest sequence. In 1997
    each of the four outputs had to err by less than 0.3; here the largest names the class.
    """
    least = -(-5 * lag // 2)
    T = int(rng.integers(least, least + least // 10 + 1))
    symbols = rng.integers(4, 8, (T, B))  # a, b, c, d
    symbols[0], symbols[-1] = 0, 1  # E and B
    k, asked = np.arange(B), rng.integers(0, 2, (2, B))  # X or Y
    for which, (low, high) in zip(asked, ((least // 10, least // 5), (least // 2, 3 * least // 5)), strict=True):
        symbols[rng.integers(max(low, 2), high + 1, B) - 1, k] = 2 + which
    return Batch(np.eye(8, dtype=DTYPE)[symbols], 2 * asked[0] + asked[1])


def cross_entropy(out: Array, target: Array) -> tuple[float, Array]:
    k = np.arange(len(out))
    p = np.exp(out - out.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -float(np.log(np.maximum(p[k, target], 1e-30)).mean())
    p[k, target] -= 1
    return loss, p / len(out)


def named(out: Array, target: Array) -> Array:
    return out.argmax(axis=1) == target


TASKS = {
    task.name: task
    for task in (
        Task("adding", 2, 1, lambda lag: 2 * lag * 11 // 10, adding, squared, near),
        Task("temporal order", 8, 4, lambda lag: -(-5 * lag // 2) * 11 // 10, temporal_order, cross_entropy, named),
    )
}


# ---------------------------------------------------------------- the nets


class Net(NamedTuple):
    """From inputs to the last hidden state h (B, H), and from dh to the gradients of the weights."""

    name: str
    of: str  # the backend, or this file
    rate: float  # of its learning at first; it goes down to 0 in equal steps
    new: Callable[[np.random.Generator, int, int], Weights]  # for so many inputs, and sequences so long
    last: Callable[[Weights, Array], Array]
    learn: Callable[[Weights, Array, Callable[[Array], Array]], Weights]  # given what makes dh of h


def uniform(rng: np.random.Generator, *shape: int) -> Array:
    edge = 1 / np.sqrt(LEARNING.H)
    return rng.uniform(-edge, edge, shape).astype(DTYPE)


def lstm(backend: Backend) -> Net:
    """The backend's."""
    H = LEARNING.H

    def new(rng: np.random.Generator, I: int, T: int) -> Weights:
        """b_f = log(1 … T - 1), b_i = -b_f: it keeps for so many steps. Tallec & Ollivier 2018, arXiv:1804.11188."""
        found = {f"{part}_{k}": uniform(rng, H, n) for k in "ifgo" for part, n in (("W", I), ("U", H))}
        kept = np.log(rng.uniform(1, T - 1, H)).astype(DTYPE)
        return found | {"b_f": kept, "b_i": -kept, "b_g": np.zeros(H, DTYPE), "b_o": np.zeros(H, DTYPE)}

    def problem(w: Weights, x: Array) -> Problem:
        p = Parameters(*(Gate(w[f"W_{k}"], w[f"U_{k}"], w[f"b_{k}"]) for k in "ifgo"))
        zero = np.zeros((1, x.shape[1], H), DTYPE)
        return Problem(((p,),), x, State(zero, zero))

    def last(w: Weights, x: Array) -> Array:
        return backend.forward(problem(w, x)).state.h[0]

    def learn(w: Weights, x: Array, dh: Callable[[Array], Array]) -> Weights:
        asked = problem(w, x)
        zero = np.zeros_like(asked.state.h)
        d = Cotangents(np.zeros((*x.shape[:2], H), DTYPE), State(dh(last(w, x))[None], zero))
        assert backend.gradients is not None
        (p,) = backend.gradients(asked, d)[1].parameters[0]
        return {f"{part}_{k}": getattr(getattr(p, k), part) for k in "ifgo" for part in "WUb"}

    return Net("LSTM", backend.name, 0.02, new, last, learn)


def elman() -> Net:
    """h_t = tanh(W x_t + U h_{t-1} + b), for a batch: `lstm_spec.contrast` has it for one sample."""
    H = LEARNING.H

    def new(rng: np.random.Generator, I: int, T: int) -> Weights:
        """U orthogonal, by which nothing shrinks but in tanh: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120."""
        q, r = np.linalg.qr(rng.standard_normal((H, H)))
        return {"W": uniform(rng, H, I), "U": (q * np.sign(np.diag(r))).astype(DTYPE), "b": np.zeros(H, DTYPE)}

    def states(w: Weights, x: Array) -> Array:
        h = np.zeros((len(x) + 1, x.shape[1], H), DTYPE)
        z = x @ w["W"].T + w["b"]
        for t in range(len(x)):
            np.tanh(z[t] + h[t] @ w["U"].T, out=h[t + 1])
        return h

    def learn(w: Weights, x: Array, dh: Callable[[Array], Array]) -> Weights:
        h = states(w, x)
        d, dz = dh(h[-1]), np.empty_like(h[1:])
        for t in reversed(range(len(x))):
            dz[t] = d * (1 - h[t + 1] ** 2)
            d = dz[t] @ w["U"]
        rows = dz.reshape(-1, H)
        return {"W": rows.T @ x.reshape(len(rows), -1), "U": rows.T @ h[:-1].reshape(-1, H), "b": rows.sum(axis=0)}

    return Net("RNN", "long_memory.py", 0.01, new, lambda w, x: states(w, x)[-1], learn)


CUT_OFF = "LSTM, gradient cut off after 50 steps"


def cut_off(backend: Backend, steps: int) -> Backend:
    """The backend, but its gradient sees the last steps alone: what a truncated back-propagation learns."""

    def gradients(problem: Problem, d: Cotangents) -> Any:
        early = max(0, len(problem.x) - steps)
        before = backend.forward(replace(problem, x=problem.x[:early])).state if early else problem.state
        assert backend.gradients is not None
        return backend.gradients(replace(problem, x=problem.x[early:], state=before), replace(d, y=d.y[early:]))

    return replace(backend, name=f"{backend.name}, cut off after {steps} steps", gradients=gradients)


# ---------------------------------------------------------------- learning


class Adam:
    """Kingma & Ba 2015, with their constants; a gradient that is too long is shortened first."""

    def __init__(self, weights: Weights, rate: float) -> None:
        self.rate = rate
        self.n, self.m, self.v = 0, {k: 0 * a for k, a in weights.items()}, {k: 0 * a for k, a in weights.items()}

    def move(self, weights: Weights, gradients: Weights) -> None:
        """The weights, in place."""
        self.n += 1
        norm = np.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients.values()))
        shorter = min(1.0, LEARNING.largest / norm) if norm > 0 else 1.0
        for k, g in gradients.items():
            g = g * DTYPE.type(shorter)
            self.m[k] += (1 - 0.9) * (g - self.m[k])
            self.v[k] += (1 - 0.999) * (g * g - self.v[k])
            m, v = self.m[k] / (1 - 0.9**self.n), self.v[k] / (1 - 0.999**self.n)
            rate = self.rate * (1 - self.n / LEARNING.updates)
            weights[k] -= (rate * m / (np.sqrt(v) + 1e-8)).astype(DTYPE)


class Asked(NamedTuple):
    """One run."""

    task: Task
    net: Net
    lag: int
    seed: int


def trained(run: Asked, progress: Callable[[int, float, float], None]) -> dict[str, Any]:
    """How many updates it took until the fresh sequences were right; `solved` says whether they ever were."""
    task, net, started = run.task, run.net, time.perf_counter()
    rng = np.random.default_rng([run.seed, run.lag])
    weights = net.new(rng, task.inputs, task.longest(run.lag))
    weights["V"], weights["a"] = uniform(rng, task.outputs, LEARNING.H), np.zeros(task.outputs, DTYPE)
    adam, share, losses = Adam(weights, net.rate), 0.0, [0.0]
    for update in range(1, LEARNING.updates + 1):
        x, target = task.draw(rng, run.lag, LEARNING.batch)
        of_readout: Weights = {}

        def back(h: Array, target: Array = target, of_readout: Weights = of_readout) -> Array:
            loss, d = task.loss(h @ weights["V"].T + weights["a"], target)
            losses[0] = loss
            of_readout |= {"V": d.T @ h, "a": d.sum(axis=0)}
            return d @ weights["V"]

        gradients = net.learn(weights, x, back)
        adam.move(weights, gradients | of_readout)
        if update % LEARNING.ask_every == 0:
            share = tested(run, weights, update)
            progress(update, losses[0], share)
            if share >= LEARNING.share:
                break
    found = {"solved": share >= LEARNING.share, "updates": update, "right": round(share, 4)}
    return found | {"seconds": round(time.perf_counter() - started, 1)}


def tested(run: Asked, weights: Weights, update: int) -> float:
    """The share of fresh sequences that are right."""
    rng, right = np.random.default_rng([run.seed, run.lag, update]), []
    for _ in range(20):
        x, target = run.task.draw(rng, run.lag, LEARNING.fresh // 20)
        right.append(run.task.right(run.net.last(weights, x) @ weights["V"].T + weights["a"], target))
    return float(np.concatenate(right).mean())


# ---------------------------------------------------------------- all of it


def file_of(folder: Path, run: Asked) -> Path:
    return folder / f"{run.net.name}-{run.task.name}-{run.lag}-{run.seed}.json".replace(" ", "-").replace(",", "")


def learning(net: Net) -> dict[str, Any]:
    return {"of": net.of, "rate": net.rate} | LEARNING._asdict()


def learn_all(folder: Path, runs: list[Asked]) -> None:
    """A file for each run; those that have one are not run again."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress:
        for run in runs:
            path, title = file_of(folder, run), f"{run.task.name}, lag {run.lag}, {run.net.name}, seed {run.seed}"
            if path.exists():
                continue
            bar = progress.add_task(title, total=LEARNING.updates)

            def told(update: int, loss: float, share: float, bar: Any = bar, title: str = title) -> None:
                said = f"{title}: {share:.1%} right, loss {loss:.4f}"
                progress.update(bar, completed=update, description=said)

            about = {"task": run.task.name, "lag": run.lag, "net": run.net.name, "seed": run.seed}
            found = about | {"learning": learning(run.net)} | trained(run, told)
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
            other = [net for net in nets if net.name == one["net"] and learning(net) != one["learning"]]
        except (ValueError, TypeError, LookupError) as error:
            raise click.ClickException(f"{path} is no result of this program; remove it") from error
        if other:
            raise click.ClickException(f"{path} was learnt otherwise, by {one['learning']}; name another --out")
        ones.append(one)
    return ones


def summary(ones: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Task by task, lag by lag, net by net."""
    groups: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for one in ones:
        groups.setdefault((one["task"], one["lag"], one["net"]), []).append(one)
    return [
        {
            "task": task,
            "lag": lag,
            "net": net,
            "of": ones[0]["learning"]["of"],
            "rate": ones[0]["learning"]["rate"],
            "seeds": len(ones),
            "solved": sum(one["solved"] for one in ones),
            "right, median": float(np.median([one["right"] for one in ones])),
            "updates, median": float(np.median([one["updates"] for one in ones])),
            "seconds, median": float(np.median([one["seconds"] for one in ones])),
        }
        for (task, lag, net), ones in sorted(groups.items())
    ]


STYLES = {"LSTM": "o-", "RNN": "s--", CUT_OFF: "^:"}


def drawn(rows: list[dict[str, Any]], path: Path) -> None:
    """Share of right answers against the lag, one panel for each task."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "lstm-spec"
    tasks = [task for task in TASKS if any(row["task"] == task for row in rows)]
    figure, axes = pyplot.subplots(1, len(tasks), figsize=(8, 3.6), sharey=True, layout="constrained", squeeze=False)
    for axis, task in zip(axes[0], tasks, strict=True):
        for net, style in STYLES.items():
            mine = [row for row in rows if (row["task"], row["net"]) == (task, net)]
            axis.semilogx([row["lag"] for row in mine], [100 * row["right, median"] for row in mine], style, label=net)
        axis.set_title(task)
        axis.set_xlabel("lag, steps")
        axis.set_xticks(lags := sorted({row["lag"] for row in rows}), map(str, lags))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.set_ylim(0, 105)
    axes[0][0].set_ylabel("right answers, %")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(STYLES))
    figure.supxlabel("median over seeds, python examples/long_memory.py", size=8, family="monospace")
    figure.savefig(path, metadata={"Date": None, "Creator": "examples/long_memory.py"})


COLUMNS = ("task", "lag", "net", "solved", "right, median", "updates, median", "seconds, median")


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row under COLUMNS."""
    found = f"{row['solved']} of {row['seeds']}", f"{row['right, median']:.1%}", f"{row['updates, median']:,.0f}"
    return row["task"], str(row["lag"]), row["net"], *found, f"{row['seconds, median']:.0f}"


def page(rows: list[dict[str, Any]]) -> str:
    """The table in Markdown."""
    of, every = ", ".join(sorted({row["of"] for row in rows if row["net"] == "LSTM"})) or "none", LEARNING.ask_every
    rates = ", ".join(f"{rate} ({net})" for net, rate in {row["net"]: row["rate"] for row in rows}.items())
    about = ", ".join(f"{name} {value}" for name, value in LEARNING._asdict().items())
    table = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, rows)]
    parts = [
        "<!-- Generated by examples/long_memory.py. Do not edit. -->",
        "# Who remembers",
        f"The LSTM is that of {of}. Lag: the least number of steps from the last input that matters to the end.\n"
        f"Solved: {LEARNING.share:.0%} of {LEARNING.fresh:,} fresh sequences right, asked every {every} updates.",
        "\n".join("| " + " | ".join(line) + " |" for line in table),
        f"For both nets and both tasks: {about}. Rates, chosen on\nseeds that are not among these: {rates}.",
        'By `make long-memory`: `python examples/long_memory.py`, and then `--net "cut off" --lag 100`; what is\n'
        "finished is not run again.",
    ]
    return "\n\n".join(parts) + "\n"


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
    made = {
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
        about = {"generated by": "examples/long_memory.py", "learning": LEARNING._asdict(), "rows": rows}
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
