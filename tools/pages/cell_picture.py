"""Draws docs/cell.svg: the two paths, three gates, three inputs and two outputs of the cell, with the clauses' ids."""

from pathlib import Path
from typing import Any

import click
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

from conformance import palette
from conformance.story.drawing import make_figure, save_picture

LONG, SHORT = palette.CELL_STATE.light, palette.HIDDEN_STATE.light
INK, PAPER, FRAME = palette.INK.light, palette.PAPER.light, palette.FAINT.light
TOP, MIDDLE, LOW = 5.0, 2.4, 0.9  # the long-term path, the gates, the short-term path
GATES = {"f": (2.6, "σ", "forget gate", "CELL-2"), "i": (4.6, "σ", "input gate", "CELL-1")}
GATES |= {"g": (6.2, "tanh", "candidate", "CELL-3"), "o": (7.75, "σ", "output gate", "CELL-4")}


def arrow(
    axis: Any, start: tuple[float, float], end: tuple[float, float], colour: str = INK, width: float = 1.4
) -> None:
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 12, "shrinkA": 0, "shrinkB": 0}
    axis.add_patch(FancyArrowPatch(start, end, color=colour, lw=width, **style))


def line(axis: Any, *points: tuple[float, float], colour: str = INK, width: float = 1.4) -> None:
    axis.plot(*zip(*points, strict=True), color=colour, lw=width, solid_joinstyle="round")


def operation(axis: Any, x: float, y: float, sign: str) -> None:
    axis.add_patch(Circle((x, y), 0.26, facecolor=PAPER, edgecolor=INK, lw=1.4, zorder=3))
    axis.text(x, y, sign, ha="center", va="center", size=13, zorder=4)


def gate(axis: Any, letter: str) -> None:
    x, sign, name, clause = GATES[letter]
    colour = palette.LETTERS[letter].light
    box = FancyBboxPatch((x - 0.45, MIDDLE - 0.27), 0.9, 0.54, boxstyle="round,pad=0.06", zorder=3)
    box.set(facecolor=PAPER, edgecolor=colour, lw=2.2)
    axis.add_patch(box)
    axis.text(x, MIDDLE, sign, ha="center", va="center", size=12, zorder=4)
    axis.text(x + 0.1, MIDDLE - 0.46, f"{name}\n{clause}", ha="left", va="top", size=9.5, color=colour)
    arrow(axis, (x, LOW), (x, MIDDLE - 0.34))


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def draw(path: Path) -> None:
    """Draw the cell to PATH, an SVG."""
    figure, axis = make_figure(size=(8.6, 5.2))
    axis.add_patch(Rectangle((1.3, 0.3), 9.2, 5.6, facecolor=PAPER, edgecolor=FRAME, lw=1))

    line(axis, (0.2, TOP), (2.34, TOP), colour=LONG, width=3)
    line(axis, (2.86, TOP), (5.14, TOP), colour=LONG, width=3)
    line(axis, (5.66, TOP), (10.9, TOP), colour=LONG, width=3)
    arrow(axis, (10.9, TOP), (11.6, TOP), LONG, 3)
    axis.text(0.1, TOP + 0.25, "$c_{t-1}$", color=LONG, size=14)
    axis.text(10.75, TOP + 0.25, "$c_t$", color=LONG, size=14)
    axis.text(7.2, TOP + 0.2, "long-term memory", color=LONG, size=10.5)
    axis.text(3.1, TOP + 0.2, "keeps  FLOW-1", size=9.5)

    line(axis, (0.2, LOW), (7.75, LOW), colour=SHORT, width=3)
    axis.text(0.1, LOW + 0.25, "$h_{t-1}$", color=SHORT, size=14)
    arrow(axis, (1.9, -0.35), (1.9, LOW - 0.03))
    axis.text(2.05, -0.2, "$x_t$  input", size=12)
    axis.text(2.2, LOW - 0.38, "into every gate:  $W x_t + U h_{t-1} + b$", size=9)

    for letter in GATES:
        gate(axis, letter)
    operation(axis, 2.6, TOP, "×")
    arrow(axis, (2.6, MIDDLE + 0.34), (2.6, TOP - 0.27))
    axis.text(2.7, 3.75, "$f$  removes", size=9.5)

    operation(axis, 5.4, 3.7, "×")
    line(axis, (4.6, MIDDLE + 0.34), (4.6, 3.7))
    arrow(axis, (4.6, 3.7), (5.13, 3.7))
    line(axis, (6.2, MIDDLE + 0.34), (6.2, 3.7))
    arrow(axis, (6.2, 3.7), (5.67, 3.7))
    operation(axis, 5.4, TOP, "+")
    arrow(axis, (5.4, 3.97), (5.4, TOP - 0.27))
    axis.text(4.4, 3.25, "$i$", size=10.5)
    axis.text(6.3, 3.25, "$g$", size=10.5)
    axis.text(5.5, 4.35, "adds  CELL-5", size=9.5)

    operation(axis, 9.4, 3.7, "×")
    line(axis, (7.75, MIDDLE + 0.34), (7.75, 3.7))
    arrow(axis, (7.75, 3.7), (9.13, 3.7))
    axis.text(7.45, 3.25, "$o$", size=10.5)
    arrow(axis, (9.4, TOP), (9.4, 3.97))
    axis.text(9.5, 4.3, "tanh", size=9.5)
    line(axis, (9.4, 3.43), (9.4, LOW), (10.9, LOW), colour=SHORT, width=3)
    arrow(axis, (10.9, LOW), (11.6, LOW), SHORT, 3)
    axis.text(10.75, LOW + 0.25, "$h_t$", color=SHORT, size=14)
    axis.text(9.55, LOW + 1.6, "shows\nCELL-6", size=9)
    axis.text(7.2, LOW - 0.42, "short-term memory", color=SHORT, size=10.5)

    axis.set(xlim=(-0.1, 11.8), ylim=(-0.6, 6.1), aspect="equal")
    axis.axis("off")
    save_picture(figure, path, "tools/pages/cell_picture.py", bbox_inches="tight")


if __name__ == "__main__":
    draw()
