"""Pictures for `flow` and `gates`: legible at 600 pixels, in grey, and on light and dark pages."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np

from conformance.palette import CELL_STATE, EXPECTED, FAINT, HIDDEN_STATE, LETTERS, TARGETS
from conformance.story.drawing import make_figure, save_picture
from conformance.story.flow import Flow
from conformance.story.gates import EVENTS, History
from conformance.text import LONGEST_NAME, clean_line
from lstm_spec.types import Array

LEAST = 1e-10  # of the largest norm; smaller ones are not drawn
DASHES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v")
LINE = 0.055  # of the height, that a line of a label takes
HIGHEST, LOWER = 0.6, 0.15  # of the height: where a cliff is described, and how much lower the next one is
WIDTH = 27  # letters in a line of a label
WINDOWS = 90  # into which the lags are parted, to draw medians


class End(NamedTuple):
    """Where a line ends, and what it is called there."""

    lag: float
    norm: float
    name: str
    colour: str


def draw_flow(
    targets: Sequence[Flow], others: Sequence[Flow], cliffs: dict[str, int], path: Path, command: str
) -> None:
    """Gradient norms by lag, on logarithmic axes.

    `others` are the equations, the way along the cell, an RNN and its bound. The target with a cliff ends there, and
    what it lacks is hatched.
    """
    figure, axis = make_figure(size=(7, 4.6))
    top = max(float(flow.norms[np.isfinite(flow.norms)].max(initial=0)) for flow in (*targets, *others)) or 1.0
    axis.set(xscale="log", yscale="log", xlim=(1, len(others[0].norms)), ylim=(LEAST * top, 3 * top))
    axis.set(xlabel="lag + 1: steps back from the loss", ylabel="gradient: how much that input counts")
    axis.grid(alpha=0.35, lw=0.6)
    expected, along_cell, rnn, bound = others
    ends = [
        _draw_line(axis, expected, EXPECTED.light, lw=6, alpha=0.3),
        _draw_line(axis, along_cell, CELL_STATE.light, ls=":", lw=1.6),
        _draw_line(axis, rnn, HIDDEN_STATE.light, ls="-", lw=1.8),
        _draw_line(axis, bound, HIDDEN_STATE.light, ls=(0, (1, 2)), lw=1.4),
    ]
    for number, flow in enumerate(targets):
        colour, k = TARGETS[number % len(TARGETS)].light, number % len(DASHES)
        marks = {"marker": MARKERS[k], "markevery": (3 + 2 * k, 10), "ms": 5}
        ends.append(_draw_line(axis, flow, colour, ls=DASHES[k], lw=1.8, **marks))
        if flow.name in cliffs:
            height = HIGHEST - LOWER * (list(cliffs).index(flow.name) % 4)
            _draw_cliff(axis, flow, expected, cliffs[flow.name], colour, height)
    _label_ends(axis, [end for end in ends if end.name not in cliffs])
    _sign_picture(figure, path, command)


def _draw_line(axis: Any, flow: Flow, colour: str, **style: Any) -> End:
    """Draw the medians of a flow; where they end, to the right or at the floor."""
    steps, norms = _take_medians(np.where(np.isfinite(flow.norms), flow.norms, 0))
    floor = axis.get_ylim()[0]
    seen = norms > floor
    axis.plot(steps, np.where(norms > 0, norms, np.nan), c=colour, **style)
    last = int(np.flatnonzero(seen)[-1]) if seen.any() else 0
    is_right = last == len(steps) - 1
    return End(len(flow.norms) if is_right else steps[last], max(norms[last], floor), flow.name, colour)


def _take_medians(norms: Array) -> tuple[Array, Array]:
    """Steps back from the loss, 1 first, and the medians of the norms there; windows are equal on a log axis."""
    edges = np.unique(np.geomspace(1, len(norms) + 1, WINDOWS).astype(int))
    medians = [np.median(norms[low - 1 : high - 1]) for low, high in pairwise(edges)]
    return np.sqrt(edges[:-1] * (edges[1:] - 1)), np.array(medians)


def _draw_cliff(axis: Any, flow: Flow, expected: Flow, lag: int, colour: str, height: float) -> None:
    """The fall at the cliff, what is lacking beyond it, and a sentence at that height of the axes."""
    floor, step = axis.get_ylim()[0], lag + 1
    steps, wanted = _take_medians(expected.norms)
    _, found = _take_medians(np.where(np.isfinite(flow.norms), flow.norms, 0))
    wanted, found = (
        np.interp(beyond := np.r_[step, steps[steps > step]], steps, a).clip(floor) for a in (wanted, found)
    )
    is_end = not flow.norms[lag:].any()
    found = np.full_like(found, floor) if is_end else found
    axis.fill_between(beyond, found, wanted, color=colour, alpha=0.18, lw=0)
    axis.vlines(step, found[0], wanted[0], color=colour, lw=3)
    axis.plot(step, found[0], marker="X", ms=11, c=colour, clip_on=False, zorder=5)
    how = "ends at" if is_end else "falls at" if np.isfinite(flow.norms[lag:]).all() else "is no number from"
    said = f"{_wrap_name(flow.name)}\n{how} lag {lag}"
    where = {"transform": axis.get_xaxis_transform(), "va": "top", "parse_math": False}
    axis.text(step * 1.12, height, said, c=colour, size=10.5, weight="bold", **where)


def _wrap_name(name: str) -> str:
    """The name in lines that a label can have, broken behind signs where that is possible."""
    spaced = re.sub(r"([_:./])", r"\1 ", clean_line(name, LONGEST_NAME))
    return re.sub(r"([_:./]) ", r"\1", fill(spaced, WIDTH))


def _label_ends(axis: Any, ends: list[End]) -> None:
    """The names: at the floor where a line leaves through it, else right of the axes, one below the other."""
    longest, (floor, top) = axis.get_xlim()[1], axis.get_ylim()
    for end in (end for end in ends if end.lag < longest):
        is_left = end.lag < longest**0.3
        place = (end.lag * (1.07 if is_left else 0.9), floor * 2)
        axis.text(
            *place, _wrap_name(end.name), c=end.colour, size=10, ha="left" if is_left else "right", parse_math=False
        )
    right = sorted((end for end in ends if end.lag >= longest), key=lambda end: -end.norm)
    names = [_wrap_name(end.name) for end in right]
    heights = [float(np.log(end.norm / floor) / np.log(top / floor)) for end in right]
    places = move_apart(heights, [LINE * (name.count("\n") + 1) for name in names])
    for end, name, height, where in zip(right, names, heights, places, strict=True):
        style = {"c": end.colour, "size": 10, "va": "center", "annotation_clip": False, "parse_math": False}
        leader = {"arrowstyle": "-", "color": end.colour, "lw": 0.8}
        axis.annotate(name, (1, height), (1.05, where), xycoords="axes fraction", arrowprops=leader, **style)


def move_apart(heights: list[float], sizes: list[float]) -> list[float]:
    """Heights of labels from the highest to the lowest, moved as little as it takes for labels of these sizes."""
    places = list(heights)
    for _ in range(100):
        for k in range(len(places) - 1):
            lack = max((sizes[k] + sizes[k + 1]) / 2 - (places[k] - places[k + 1]), 0)
            places[k], places[k + 1] = places[k] + lack / 2, places[k + 1] - lack / 2
    return places


def draw_gates(history: History, path: Path, command: str) -> None:
    """Gates above, memories below, and over the steps what happens at them."""
    figure, axes = make_figure(5, size=(7, 5.4), sharex=True, sharey=True)
    names = {"i": "input\ngate", "f": "forget\ngate", "o": "output\ngate"}
    names |= {"c": "long-term\nmemory c", "h": "short-term\nmemory h"}
    for axis, (letter, name) in zip(axes, names.items(), strict=True):
        values, colour = getattr(history, letter), LETTERS[letter].light
        axis.fill_between(range(len(values)), values, step="mid", color=colour, alpha=0.35, lw=0)
        axis.step(range(len(values)), values, where="mid", color=colour)
        axis.set_ylabel(name, rotation=0, ha="right", va="center", color=colour)
        axis.set_ylim(-0.05, 1.1)
        axis.set_yticks([0, 1])
        for t in EVENTS:
            axis.axvline(t, color=FAINT.light, lw=0.8, ls=":")
    for t, (event, _) in EVENTS.items():
        axes[0].annotate(event, (t, 1.15), rotation=25, ha="left", va="bottom", size=10, annotation_clip=False)
    axes[-1].set_xlabel("step")
    _sign_picture(figure, path, command)


def _sign_picture(figure: Any, path: Path, command: str) -> None:
    """Put the command under the picture, and write it."""
    figure.supxlabel(clean_line(command, 90), size=8, family="monospace", parse_math=False)
    save_picture(figure, path, command)
