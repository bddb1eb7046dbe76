"""Pictures for `flow` and `gates`, drawn by matplotlib (extra `plot`): SVG, legible without colour."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from conformance.files import write_whole
from conformance.story.flow import Flow
from conformance.story.gates import EVENTS, History

STYLES = ("-", "--", ":", "-.", (0, (1, 3)), (0, (6, 1, 1, 1)), (0, (3, 1, 3, 3)))
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")  # Okabe & Ito 2008
LEAST = 1e-16  # of the largest norm; smaller ones are not drawn


def _load_pyplot() -> Any:
    """Raises ImportError with the remedy if matplotlib is missing."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError('--svg needs matplotlib; pip install "lstm-spec[plot]"') from error
    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 11, "svg.hashsalt": "lstm-spec"})
    return pyplot


def draw_flow(flows: Sequence[Flow], cliffs: dict[str, int], path: Path, command: str) -> None:
    """Gradient norms by lag on logarithmic axes; a cliff has a vertical line."""
    pyplot = _load_pyplot()
    figure, axis = pyplot.subplots(figsize=(7, 5.2), layout="constrained")
    top = max(float(flow.norms[np.isfinite(flow.norms)].max(initial=0)) for flow in flows)
    for flow, style, colour in zip(flows, STYLES * 9, COLOURS * 9, strict=False):
        visible = flow.norms > LEAST * top
        lags = [int(k) + 1 for k in np.flatnonzero(visible)]
        axis.loglog(lags, flow.norms[visible], ls=style, c=colour, lw=1.5)
        last = max(lags, default=1)
        axis.plot([], [], ls=style, c=colour, label=f"{flow.name}" + ("" if visible.all() else f" (gone after {last})"))
    for lag in cliffs.values():
        axis.axvline(lag + 1, color="black", lw=0.8)
        axis.annotate(f" cliff at lag {lag}", (lag + 1, 1e-6 * top), ha="left", va="center", size=10)
    axis.set_xlabel("lag + 1, steps")
    axis.set_ylabel("norm of the gradient of the loss by x")
    axis.set_ylim(LEAST * top, 3 * top)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, fontsize=8)
    _save(figure, path, command)


def draw_gates(history: History, path: Path, command: str) -> None:
    """Gates above, memories below, and over the steps what happens at them."""
    pyplot = _load_pyplot()
    figure, axes = pyplot.subplots(5, 1, figsize=(7, 5.4), sharex=True, sharey=True, layout="constrained")
    names = {"i": "input\ngate", "f": "forget\ngate", "o": "output\ngate"}
    names |= {"c": "long-term\nmemory c", "h": "short-term\nmemory h"}
    for axis, (letter, name), colour in zip(axes, names.items(), COLOURS, strict=False):
        values = getattr(history, letter)
        axis.fill_between(range(len(values)), values, step="mid", color=colour, alpha=0.35)
        axis.step(range(len(values)), values, where="mid", color=colour)
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
        axis.set_ylim(-0.05, 1.1)
        axis.set_yticks([0, 1])
        for t in EVENTS:
            axis.axvline(t, color="black", lw=0.6, ls=":")
    for t, (event, _) in EVENTS.items():
        axes[0].annotate(event, (t, 1.15), rotation=25, ha="left", va="bottom", size=9, annotation_clip=False)
    axes[-1].set_xlabel("step")
    _save(figure, path, command)


def _save(figure: Any, path: Path, command: str) -> None:
    figure.supxlabel(command, size=8, family="monospace")
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix[1:], metadata={"Date": None, "Creator": command})
    write_whole(path, drawn.getvalue())
