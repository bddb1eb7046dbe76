"""How the nets learn: Adam, until fresh sequences are right or the updates are spent."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from long_lags.nets import H, Net, Weights, uniform
from long_lags.tasks import DTYPE, Task
from lstm_spec import Array


class Learning(NamedTuple):
    """Fixed before looking."""

    H: int = H  # of either net
    batch: int = 64
    largest: float = 1.0  # norm of a gradient; longer ones are shortened to it
    updates: int = 4_000
    ask_every: int = 100
    fresh: int = 2_000  # sequences of a test
    share: float = 0.99  # of them that have to be right


LEARNING = Learning()


def of_net(net: Net) -> dict[str, Any]:
    """All that is fixed for it."""
    return {"of": net.of, "rate": net.rate} | LEARNING._asdict()


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
    weights["V"], weights["a"] = uniform(rng, task.outputs, H), np.zeros(task.outputs, DTYPE)
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
