"""What an exception of somebody else's code says: its whole message, and the one line of it that is shown.

Reading the message runs code of the exception's class. Nothing that this raises gets out, but for an interrupt of the
user's.
"""

import re
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from conformance.text import clean_line

KEPT = 100_000  # bytes of a message
SHOWN, SHOWN_NAME = 500, 100  # characters of a line, and of the name of a type
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
FROM_TRACEBACK = "most recent call last"  # what raised it comes last
MAY_BE_INTERRUPTED = ContextVar[Callable[[], bool]]("MAY_BE_INTERRUPTED")  # by the user; without a value nobody knows


def read_message(error: BaseException) -> str:
    """The whole message as valid UTF-8; of one above KEPT bytes the beginning and the end."""
    try:
        text = str.__str__(str(error))  # a subclass of str becomes a plain one
    except BaseException as other:
        raise_interrupt(other)
        text = f"(its message cannot be read: that raised {name_type(other)})"
    ends = text if len(text) <= 2 * KEPT else text[:KEPT] + text[-KEPT:]
    raw = ends.encode("utf-8", "backslashreplace")
    if len(raw) > KEPT:
        between = f"\n… ({len(text):,} characters in all) …\n".encode()
        raw = raw[: KEPT * 3 // 4] + between + raw[-KEPT // 5 :]
    return raw.decode("utf-8", "ignore")


def find_telling_line(error: BaseException) -> str:
    """The line of the message that says most: the first with any words, or the last one of a traceback."""
    lines = [line for line in COLOURS.sub("", read_message(error)).splitlines() if re.search(r"\w", line)]
    is_traceback = any(FROM_TRACEBACK in line for line in lines)
    return clean_line(lines[-1 if is_traceback else 0], SHOWN) if lines else "(no message)"


def describe_raised(error: BaseException) -> str:
    """The type and the most telling line, for a sentence."""
    return f"{name_type(error)}: {find_telling_line(error)}"


def raise_interrupt(error: BaseException) -> None:
    """Raise it again if it is a KeyboardInterrupt that may be the user's; any other one is an exception of a target."""
    if issubclass(type(error), KeyboardInterrupt) and hears_interrupts():
        raise error


def hears_interrupts() -> bool:
    """Whether a KeyboardInterrupt may be the user's: processes that judge for another one block the signal."""
    from multiprocessing import parent_process

    if sys.platform == "win32" or parent_process() is None:
        return MAY_BE_INTERRUPTED.get(lambda: True)()
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def name_type(value: Any, with_module: bool = False) -> str:
    """The name of a value's type as one printable line, whatever its class and its metaclass do."""
    kind = type(value)
    name = type.__dict__["__name__"].__get__(kind)
    module = type.__dict__["__module__"].__get__(kind) if with_module else ""
    named = f"{str.__str__(module)}.{name}" if isinstance(module, str) and module else name
    return clean_line(named, SHOWN_NAME)
