"""What all pictures of matplotlib (extra `plot`) share: the palette's colours, and SVG for light and dark pages."""

from io import BytesIO
from pathlib import Path
from typing import Any

from conformance.files import write_whole
from conformance.palette import FAINT, INK, PAPER, write_dark_rules

INKED = ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.labelcolor", "ytick.labelcolor")
FRAMES = ("axes.edgecolor", "xtick.color", "ytick.color", "grid.color")
PAPERS = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")


def make_figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any) -> tuple[Any, Any]:
    """A figure of that size in inches, and its axes. Raises ImportError with the remedy if matplotlib is missing."""
    try:
        from matplotlib import rcParams
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('--svg needs matplotlib; pip install "lstm-spec[plot]"') from error
    colours: dict[Any, Any] = (
        dict.fromkeys(INKED, INK.light) | dict.fromkeys(FRAMES, FAINT.light) | dict.fromkeys(PAPERS, PAPER.light)
    )
    rcParams.update(colours | {"font.size": 11, "svg.hashsalt": "lstm-spec", "axes.axisbelow": True})
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def save_picture(figure: Any, path: Path, command: str, **options: Any) -> None:
    """Write the SVG, whole or not at all; it names the command that drew it, and has dark colours, too."""
    drawn = BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": command, "Title": command}, **options)
    text = drawn.getvalue().decode("utf-8")
    assert text.count("</style>") == 1, "matplotlib writes one style sheet"
    write_whole(path, text.replace("</style>", f"{write_dark_rules()}</style>").encode("utf-8"))
