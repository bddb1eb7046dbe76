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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any, TextIO

SPELLED = {  # what an old terminal shows instead; other letters lose their accents, and the rest is "?"
    "σ": "sigma",
    "∂": "d",
    "Σ": "sum",
    "Π": "prod",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "φ": "phi",
    "ψ": "psi",
    "√": "sqrt",
    "∞": "inf",
    "×": "x",
    "÷": "/",
    "·": ".",
    "−": "-",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "′": "'",
    "✅": "ok",
    "❌": "failed",
    "⚠": "!",
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
    sys.stderr = open_text(Outlet(os.dup(2)), sys.stderr, by_line=True)
    os.dup2(2, 1)
    return outlet


class Stream(io.TextIOWrapper):
    """A text stream of ours, or one that is lent to a target in place of `ours`."""

    ours: TextIO | None = None


def open_text(outlet: Outlet, former: TextIO | None, by_line: bool = False) -> Stream:
    """A text stream with the encoding of the former one; None if that was closed."""
    encoding, by_line = former.encoding if former else "utf-8", by_line or outlet.isatty()
    return Stream(io.BufferedWriter(outlet), encoding, "lstm_conform.spell", line_buffering=by_line)


def find_stderr() -> TextIO:
    """Our stderr, also while a target has another one."""
    return isinstance(sys.stderr, Stream) and sys.stderr.ours or sys.stderr


@contextmanager
def lend_stderr() -> Iterator[None]:
    """Lend `sys.stderr`, and the descriptors 1 and 2, to a target in this process.

    What is printed there goes to our stderr, as from a process of its own: another process copies it, as far as SHOWN.
    Without streams of ours there is nothing to lend.
    """
    ours = sys.stderr
    if sys.platform == "win32" or not isinstance(ours, Stream):
        return (yield)
    copier, output = _start_copier()
    former = {number: os.dup(number) for number in (1, 2)}
    for number in former:
        os.dup2(output, number)
    os.close(output)
    lent = sys.stderr = open_text(Outlet(2), ours, by_line=True)
    lent.ours = ours
    try:
        yield
    finally:
        sys.stderr = ours
        with suppress(ValueError):  # it is closed
            lent.flush()
        for number, kept in former.items():
            with suppress(OSError):  # the target closed it
                os.dup2(kept, number)
                os.close(kept)
        _end_copier(copier)


def _start_copier() -> tuple[Popen[bytes], int]:
    """A process that copies to stderr what is written into a descriptor."""
    from conformance.targets import keeper

    source, output = os.pipe()
    command = [sys.executable, "-I", "-S", keeper.__file__, keeper.SHOW, str(source)]
    copier = Popen(command, pass_fds=[source], stdin=PIPE, bufsize=0, start_new_session=True)
    os.close(source)
    return copier, output


def _end_copier(copier: Popen[bytes]) -> None:
    from conformance.targets.keeper import END, KILLING

    assert copier.stdin
    with suppress(OSError, TimeoutExpired):
        copier.stdin.write(END)
        copier.stdin.close()
        copier.wait(KILLING)
    copier.kill()
    copier.wait()
