"""What NumPy's time grows with: T, B and H one at a time, drawn on logarithmic axes (SVG).

A dotted line is what would be linear, from the largest size down: where the time lies above it, a fixed cost shows.
Run as python -m benchmarks.growth PATH, from the repository.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before NumPy is loaded

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click

from backends.numpy import backend as numpy_backend
from conformance.diagnosis.probes import make_probe
from conformance.palette import FAINT, INK
from conformance.story.drawing import make_figure, save_picture

SIZES = {"T": 64, "B": 16, "I": 64, "H": 128}  # of those that do not vary
VARIED = {"T": [2**k for k in range(0, 12)], "B": [2**k for k in range(0, 10)], "H": [2**k for k in range(2, 11)]}
GROWS = {"T": 1, "B": 1, "H": 2}  # the power of the products' cost


def seconds(sizes: dict[str, int], rounds: int) -> tuple[float, float]:
    """Forward, and forward + backward."""
    problem, d = make_probe(0, (sizes["T"], sizes["B"], sizes["I"], sizes["H"]), "float32")
    ways: tuple[Callable[[], object], ...] = (
        lambda: numpy_backend.forward(problem),
        lambda: numpy_backend.gradients(problem, d),
    )
    found: list[list[float]] = [[], []]
    for _ in range(rounds + 1):
        for way, times in zip(ways, found, strict=True):
            started = time.perf_counter()
            way()
            times.append(time.perf_counter() - started)
    forward, both = (median(times[1:]) for times in found)
    return forward, both


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--rounds", default=5, show_default=True)
def main(path: Path, rounds: int) -> None:
    """Write the picture there."""
    figure, axes = make_figure(1, 3, size=(9, 3.4), sharey=True)
    for axis, (letter, sizes) in zip(axes, VARIED.items(), strict=True):
        times = [seconds({**SIZES, letter: size}, rounds) for size in sizes]
        draw(axis, letter, sizes, [1000 * forward for forward, _ in times], [1000 * both for _, both in times])
    axes[0].set_ylabel("milliseconds")
    axes[0].legend()
    others = ", ".join(f"{k} = {n}" for k, n in SIZES.items())
    figure.suptitle(f"NumPy, float32, one thread; what does not vary: {others}  (python -m benchmarks.growth)", size=10)
    save_picture(figure, path, "benchmarks/growth.py")


def draw(axis: Any, letter: str, sizes: list[int], forward: list[float], both: list[float]) -> None:
    for name, times, marker, colour in (("forward", forward, "o-", INK), ("forward + backward", both, "s--", FAINT)):
        axis.loglog(sizes, times, marker, label=name, markersize=4, c=colour.light)
        power = GROWS[letter]
        guide = [times[-1] * (size / sizes[-1]) ** power for size in sizes]
        axis.loglog(sizes, guide, ":", c=colour.light)
    axis.set_xlabel(f"{letter} (dotted: proportional to {letter}{'²' if GROWS[letter] == 2 else ''})")
    axis.set_ylim(bottom=min(forward) / 3)
    axis.grid(True, which="major", alpha=0.3)


if __name__ == "__main__":
    main()
