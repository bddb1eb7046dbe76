"""The class of an error that no known fault makes: what was rounded, and does the error add up?

Rounding leaves noise: on almost the same problem its errors are different, while those of a wrong formula stay. The
noise has one size, relative to the outputs, unless the accumulator is too narrow: then it grows with the summands.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from conformance.arrays import limits
from conformance.diagnosis.probes import Probes, Summands, nudge_probes
from lstm_spec.types import Array

Errors = Callable[[Probes], list[Array] | None]  # part by part, each relative to the size of its part


class Class(NamedTuple):
    """Root mean squares of the relative error on few summands, from 2^low to 2^high."""

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
RESTLESS = 0.25  # the share of an error that a nudge changes: √2 of noise, 0.4 if digits are cut off
SUMMANDS = 16  # the ratio of many to few summands that is needed to see an error grow


def classify_errors(errors: Errors, summands: Summands, dtype: np.dtype[Any]) -> str:
    """The class of the errors in words; empty unless they are noise of a rounding coarser than the dtype's."""
    few = errors(summands.few)
    part, size = _find_worst_part(few)
    found = next((k for k in CLASSES if 2**k.low <= size < 2**k.high and k.unit > 4 * limits(dtype).eps), None)
    if few is None or found is None:
        return ""
    again = errors(nudge_probes(summands.few, NUDGE * found.unit))
    if again is None or _root_mean_square(again[part] - few[part]) < RESTLESS * size:
        return ""
    if _grows_with_summands(errors, summands, size):
        return f"it accumulates in {found.bits}: errors of 2^{np.log2(found.unit):.0f} that grow with the summands"
    return f"errors as large as those of {found.size}"


def _grows_with_summands(errors: Errors, summands: Summands, size: float) -> bool:
    """Whether errors of that size on few summands grow; those of an accumulator grow by about the root of the ratio."""
    ratio = summands.many.summands / summands.few.summands
    return ratio >= SUMMANDS and _find_worst_part(errors(summands.many))[1] > ratio ** (1 / 3) * size


def _find_worst_part(errors: list[Array] | None) -> tuple[int, float]:
    """The part in which the errors are largest, and how large they are."""
    sizes = [_root_mean_square(part) for part in errors or []]
    return max(enumerate(sizes), key=lambda item: item[1], default=(0, 0.0))


def _root_mean_square(a: Array) -> float:
    return float(np.sqrt(np.mean(a**2)))
