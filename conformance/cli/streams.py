"""The streams of the command. What they cannot take is noted, and never raised where something is printed.

So a closed pipe or a full disk loses no verdict, and no exception of ours can be taken for one of a target.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
import unicodedata
from typing import Any, TextIO

SPELLED = {  # what an old terminal shows instead; other letters lose their accents, and the rest is "?"
    "σ": "sigma",
    "∂": "d",
    "Σ": "sum",
    "Π": "prod",
    "γ": "gamma",
    "√": "sqrt",
    "∞": "inf",
    "×": "x",
    "÷": "/",
    "·": ".",
    "−": "-",
    "±": "+-",
    "≤": "<=",
    "→": "->",
    "←": "<-",
    "⁻": "^-",
    "‖": "||",
    "…": "...",
    **dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True)),
}


def spell_characters(error: UnicodeError) -> tuple[str, int]:
    """What to print instead of characters that a stream cannot encode: an error handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spell_character, error.object[error.start : error.end])), error.end


def _spell_character(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return SPELLED.get(character) or plain or "?"


codecs.register_error("lstm_conform.spell", spell_characters)


class Outlet(io.RawIOBase):
    """A descriptor that is written to until it fails; `failure` is why. What is written after that is dropped."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write some of the data; how many bytes."""
        size = memoryview(data).nbytes
        while self.failure is None:
            try:
                return os.write(self.descriptor, data)
            except BlockingIOError:  # another program made it so
                select.select([], [self.descriptor], [])
            except OSError as error:
                self.failure = error
        return size

    def writable(self) -> bool:
        """Whether it is for writing: always."""
        return True

    def fileno(self) -> int:
        """The descriptor, as a number."""
        return self.descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self.descriptor)


def own_streams() -> Outlet:
    """Put streams of ours in place of `sys.stdout` and `sys.stderr`; the outlet of the first.

    From now on descriptor 1 leads to stderr: what a target writes there, from C too, is no part of a report.
    """
    for number, how in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):  # a closed stdout must fail when written to
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, how)  # takes the lowest number that is free
    outlet = Outlet(os.dup(1))
    sys.stdout = open_text(outlet, sys.stdout)
    sys.stderr = open_text(Outlet(2), sys.stderr)
    os.dup2(2, 1)
    return outlet


def open_text(outlet: Outlet, former: TextIO | None) -> TextIO:
    """A text stream with the encoding of the former one; None if that was closed."""
    encoding = former.encoding if former else "utf-8"
    by_line = outlet.isatty() or outlet.descriptor == 2
    return io.TextIOWrapper(io.BufferedWriter(outlet), encoding, "lstm_conform.spell", line_buffering=by_line)
