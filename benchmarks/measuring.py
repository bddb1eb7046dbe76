"""Time and memory, measured so that they can be compared: ratios within a round travel, seconds do not."""

import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

LEAST = 0.02  # seconds of one measurement: short ones are repeated


def seconds(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Of each, round by round; the first round, in which everything is cold, is not counted."""
    repeats = {name: _repeats(function) for name, function in functions.items()}
    found: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds):
        order = list(functions)
        for name in order[number % len(order) :] + order[: number % len(order)]:
            started = time.perf_counter()
            for _ in range(repeats[name]):
                functions[name]()
            found[name].append((time.perf_counter() - started) / repeats[name])
    return found


def _repeats(function: Callable[[], Any]) -> int:
    function()
    started = time.perf_counter()
    function()
    return max(1, int(LEAST / (time.perf_counter() - started)))


def ratio(found: dict[str, list[float]], one: str, other: str) -> float:
    return median(a / b for a, b in zip(found[one], found[other], strict=True))


def ceiling(dtype: str) -> float:
    """Multiplications and additions per second of a large matrix product."""
    a = np.ones((1024, 1024), dtype)
    spent = seconds({"product": lambda: a @ a}, 9)["product"]
    return 2 * 1024**3 / min(spent)


def products(sizes: tuple[int, int, int, int], backward: bool) -> int:
    """Multiplications and additions in the matrix products of a pass."""
    T, B, I, H = sizes
    return 2 * T * B * 4 * H * (I + H) * (3 if backward else 1)


def peak(function: Callable[[], Any]) -> int:
    """Bytes allocated at most while it runs."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
