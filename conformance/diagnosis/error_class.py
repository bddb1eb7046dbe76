"""Of which class an error is that no known mistake explains: what was rounded, and does it add up?

Rounding leaves noise: where almost the same is asked again its errors are others, while those of a wrong formula stay.
It stays of one size, relative to the outputs, unless it is done in the accumulator: then it grows with the summands.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from conformance.arrays import limits
from conformance.diagnosis.dense_probes import Probes, Summands, nudged
from lstm_spec.types import Array

Errors = Callable[[Probes], list[Array] | None]  # part by part, each relative to the size of its part


class Class(NamedTuple):
    """Root mean squares of the relative error on few summands from 2^low to 2^high."""

    low: float
    high: float
    bits: str
    unit: float
    size: str


CLASSES = (
    Class(-10.4, -6.5, "bfloat16", 2.0**-8, "bfloat16 (2^-8)"),
    Class(-14.5, -10.4, "16 bits", 2.0**-11, "16-bit floats or TF32 (2^-11)"),
    Class(-28.0, -20.0, "32 bits", 2.0**-24, "float32 (2^-24)"),
)
NUDGE = 4  # units: enough for other roundings, and little for everything else
RESTLESS = 0.25  # the share of an error that a nudge changes: √2 of noise, 0.4 where digits are cut off
SUMMANDS = 16  # times as many, to tell whether an error grows with them


def class_of(errors: Errors, asked: Summands, dtype: np.dtype[Any]) -> str:
    """What may be said of the errors, or nothing where they are no noise of rounding wider than the dtype's own."""
    few = errors(asked.few)
    part, size = _worst(few)
    found = next((k for k in CLASSES if 2**k.low <= size < 2**k.high and k.unit > 4 * limits(dtype).eps), None)
    if few is None or found is None:
        return ""
    again = errors(nudged(asked.few, NUDGE * found.unit))
    if again is None or _rms(again[part] - few[part]) < RESTLESS * size:
        return ""
    if _grow_with_the_summands(errors, asked, size):
        return f"it accumulates in {found.bits}: errors of 2^{np.log2(found.unit):.0f} that grow with the summands"
    return f"errors as large as those of {found.size}"


def _grow_with_the_summands(errors: Errors, asked: Summands, size: float) -> bool:
    """Whether errors of that size on few summands grow: an accumulator's do so by about the root of the ratio."""
    ratio = asked.many.summands / asked.few.summands
    return ratio >= SUMMANDS and _worst(errors(asked.many))[1] > ratio ** (1 / 3) * size


def _worst(errors: list[Array] | None) -> tuple[int, float]:
    """The part in which they are largest, and how large."""
    sizes = [_rms(part) for part in errors or []]
    return max(enumerate(sizes), key=lambda item: item[1], default=(0, 0.0))


def _rms(a: Array) -> float:
    return float(np.sqrt(np.mean(a**2)))
