"""What runs too long is interrupted."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = {signal.ITIMER_REAL: signal.SIGALRM, signal.ITIMER_VIRTUAL: signal.SIGVTALRM}


@contextmanager
def raise_after(seconds: float, error: BaseException, timer: int = signal.ITIMER_VIRTUAL) -> Iterator[None]:
    """Raise the error inside after so many seconds, of the processor unless `timer` says so. Main thread only."""

    def interrupt(*_: Any) -> None:
        raise error

    before = signal.signal(SIGNALS[timer], interrupt)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(SIGNALS[timer], before)
