"""What a conversion loses: collected while it runs, and told once, at the line of whoever called this package."""

import sys
import warnings
from typing import NamedTuple

import numpy as np

from lstm_spec.types import GATES, Array


class LossyConversion(UserWarning):
    """A bias was rounded, because one of the layouts keeps it as a sum of two numbers."""


class CancellingBiases(UserWarning):
    """Two biases nearly cancel, so an implementation that adds them apart is less accurate than its sum of them."""


LOST = 16  # roundoffs of a pre-activation, about as many as σ and tanh may lose by themselves
OURS = ("lstm_spec", "conformance")


class Loss(NamedTuple):
    """Numbers of one gate that are not what they were."""

    what: str
    gate: str
    how: str
    many: int
    all: int


class Losses:
    """Everything that one call loses."""

    def __init__(self) -> None:
        self.rounded: list[Loss] = []
        self.cancelling: list[Loss] = []

    def add(self, a: Array, b: Array, what: str, gate: str = "") -> Array:
        """a + b, to the last bit a where b is zero; noted where it had to be rounded."""
        with np.errstate(all="ignore"):
            total = a + b
            back = total - a
            lost = (a - (total - back)) + (b - back)  # Knuth, The Art of Computer Programming 2, 4.2.2, theorem B
            rounded = (lost != 0) & np.isfinite(a) & np.isfinite(b)
        if rounded.any():
            how = f"is rounded to {total.dtype}"
            self.rounded.append(Loss(what, gate, how, int(np.count_nonzero(rounded)), rounded.size))
        return np.where(b == 0, a, total)

    def look_for_cancelling(self, a: Array, b: Array, gate: str) -> None:
        """Note the numbers that lose more as a and b than as their sum."""
        with np.errstate(invalid="ignore"):  # a NaN loses nothing
            lost = ((a < 0) != (b < 0)) & (np.minimum(np.abs(a), np.abs(b)) > LOST / 2)
        if lost.any():
            loss = Loss("the two biases", gate, "nearly cancel", int(np.count_nonzero(lost)), lost.size)
            self.cancelling.append(loss)

    def warn(self) -> None:
        """Tell what was noted: at most one warning of each kind."""
        if self.rounded:
            text = f"{_describe(self.rounded)}; convert in a wider dtype to keep every bit"
            warnings.warn(text, LossyConversion, stacklevel=_count_own_frames())
        if self.cancelling:
            text = (
                f"{_describe(self.cancelling)}: added apart, they lose what their sum keeps; give the implementation"
                " the sum, as to_layout does"
            )
            warnings.warn(text, CancellingBiases, stacklevel=_count_own_frames())


def _describe(losses: list[Loss]) -> str:
    """Losses of the same kind as one: their numbers added, their gates listed."""
    kinds = dict.fromkeys((loss.what, loss.how) for loss in losses)
    return ", and ".join(_describe_kind([one for one in losses if (one.what, one.how) == kind]) for kind in kinds)


def _describe_kind(losses: list[Loss]) -> str:
    gates = [gate for gate in GATES if any(loss.gate == gate for loss in losses)]
    of_gates = f" of gate{'s' * (len(gates) > 1)} {', '.join(gates)}" if gates else ""
    many, all_numbers = sum(loss.many for loss in losses), sum(loss.all for loss in losses)
    return f"{losses[0].what}{of_gates} {losses[0].how} in {many} of {all_numbers} numbers"


def _count_own_frames() -> int:
    """How many frames above the caller of `warnings.warn` the first one lies that is not ours."""
    frame, count = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
        frame, count = frame.f_back, count + 1
    return count
