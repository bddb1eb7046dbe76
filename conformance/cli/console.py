"""The terminal that commands write to, and the sentences on stderr."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.streams import find_stderr
from conformance.text import clean_line

if TYPE_CHECKING:
    from rich.console import Console

TRACEBACK = "LSTM_CONFORM_TRACEBACK"  # an environment variable, for who works on the suite
OURS = ("conformance", "lstm_spec", "backends")


def make_console(on_stderr: bool = False) -> Console:
    """A console that prints to what is now stdout, or stderr."""
    from rich.console import Console

    stream = find_stderr() if on_stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 150, soft_wrap=False)


def complain(sentence: str) -> None:
    """Print a sentence on stderr."""
    print(f"lstm-conform: {sentence}", file=find_stderr())


def describe_suite_error(error: BaseException) -> str:
    """What was raised by our mistake, and where in our code, as a part of a sentence.

    Also prints the traceback if the environment variable TRACEBACK is set.
    """
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    home = Path(__file__).parents[2]
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    places = [(path.relative_to(home), line) for path, line in frames if home in path.parents]
    inside = [f" at {path}:{line}" for path, line in places if path.parts[0] in OURS]
    return clean_line(f"{type(error).__name__}{inside[-1] if inside else ''}: {error}", 300)
