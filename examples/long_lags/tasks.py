"""The tasks of 1997: adding and temporal order (Hochreiter & Schmidhuber 1997, experiments 4 and 6a), at any lag."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lstm_spec import Array

DTYPE = np.dtype("float32")


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
