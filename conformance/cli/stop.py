"""Signals that ask the command to end: the first ends the judging in order, the second everything at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from conformance.report.status import BY_SIGNAL, INTERRUPTED

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "ended by a hangup"}


class Stop:
    """Whether a signal asked for an end."""

    def __init__(self) -> None:
        self.number = 0  # of the signal; 0 without any
        self._raises = False

    @property
    def status(self) -> int:
        """The exit status that tells the signal."""
        return BY_SIGNAL + self.number if self.number else INTERRUPTED

    @property
    def word(self) -> str:
        """What happened, as in "interrupted after 3 verdicts"."""
        return WORDS[signal.Signals(self.number).name] if self.number else WORDS["SIGINT"]

    def may_interrupt(self) -> bool:
        """Whether a KeyboardInterrupt may be the user's: a signal was heard, or is heard by somebody else."""
        return self.number > 0 or signal.getsignal(signal.SIGINT) not in (self.hear, signal.SIG_IGN)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """In this block a signal raises KeyboardInterrupt; elsewhere it is only noted."""
        self.check()
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def check(self) -> None:
        """Raise KeyboardInterrupt after a signal: the code of a target may have swallowed the first one."""
        if self.number:
            raise KeyboardInterrupt

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; a second one ends the process, whatever it does."""
        if self.number:
            _end_at_once(BY_SIGNAL + number)
        self.number = number
        if self._raises:
            raise KeyboardInterrupt


_end_process = os._exit  # while a target is in this process, that is another function


def _end_at_once(status: int) -> None:
    from multiprocessing import active_children

    for process in active_children():
        process.kill()
    _end_process(status)


@contextmanager
def heed_signals() -> Iterator[Stop]:
    """A Stop that hears the signals. One that is ignored stays so, as under nohup; only the main thread hears any.

    A KeyboardInterrupt without a signal is an exception of the target.
    """
    from conformance.targets.raised import MAY_BE_INTERRUPTED

    stop, former = Stop(), {}
    token = MAY_BE_INTERRUPTED.set(stop.may_interrupt)
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
        former = {number: signal.getsignal(number) for number in numbers}
        former = {number: handler for number, handler in former.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in former:
            signal.signal(number, stop.hear)
        yield stop
    finally:
        MAY_BE_INTERRUPTED.reset(token)
        for number, handler in former.items():
            signal.signal(number, handler)
