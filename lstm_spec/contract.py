"""What an implementation offers: two functions, and what it says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

from lstm_spec.accuracy import DEFAULT_GRADES, ErrorModel
from lstm_spec.types import Answer, Cotangents, Feature, Gradients, Problem

LARGEST = 2**20
DTYPES = ("float64", "float32", "float16", "bfloat16")  # the dtypes that a backend can claim


def multiple_of(n: int) -> range:
    """The sizes n, 2n, 3n, ... below 2^20, for a field of `Shapes`. Raises TypeError or ValueError if n is no size."""
    _check_size("multiple_of", n)
    return range(n, LARGEST, n)


def at_most(n: int) -> range:
    """The sizes 0 to n, for a field of `Shapes`. A size of 0 is asked only if the backend claims that feature, too.

    Raises TypeError or ValueError if n is no size.
    """
    _check_size("at_most", n)
    return range(0, n + 1)


def _check_size(name: str, n: Any) -> None:
    if isinstance(n, bool) or not isinstance(n, SupportsIndex):
        raise TypeError(f"{name}({n!r}) is no range of sizes, expected a whole number; e.g. {name}(64)")
    if not 1 <= int(n) <= LARGEST:
        raise ValueError(f"{name}({n!r}) is no range of sizes, expected 1 to {LARGEST:,}; e.g. {name}(64)")


@dataclass(frozen=True)
class Shapes:
    """The sizes that a kernel can do. The judge draws no problem of another size, and its verdict prints them."""

    T: range = at_most(LARGEST)
    B: range = at_most(LARGEST)
    I: range = at_most(LARGEST)
    H: range = at_most(LARGEST)


@dataclass(frozen=True)
class Description:
    """What a backend says about itself.

    `grades` has, by dtype, the name of a grade of `lstm_spec.accuracy`, or an error model of the backend. A dtype that
    it lacks has the grade "relative", or "op-by-op" with 16 bits.
    """

    version: str = ""
    device: str = "cpu"
    dtypes: tuple[str, ...] = ("float32", "float64")
    features: frozenset[Feature] = frozenset({Feature.DETERMINISTIC})
    shapes: Shapes = Shapes()
    grades: Mapping[str, str | ErrorModel] = field(default_factory=dict)

    def grade(self, dtype: str) -> str | ErrorModel:
        """The grade at which the backend is judged with this dtype, or its own error model."""
        return self.grades.get(dtype, DEFAULT_GRADES.get(dtype, "relative"))


@dataclass(frozen=True)
class Backend:
    """An implementation. Arrays in and out are NumPy's, inputs are read-only, one dtype per Problem (or two, ACC-5).

    `gradients` returns the Answer of the very pass it differentiated.
    """

    name: str
    forward: Callable[[Problem], Answer]
    gradients: Callable[[Problem, Cotangents], tuple[Answer, Gradients]] | None = None
    description: Description = Description()

    def offers(self, feature: Feature) -> bool:
        """Whether the backend claims the feature. To offer gradients it also has to have the function."""
        claimed = feature in self.description.features
        return claimed and (feature is not Feature.GRADIENTS or self.gradients is not None)

    def differentiate(self, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        """The answer and the gradients of one and the same pass, where d are the cotangents of the answer.

        Raises GradientsNotOffered if the backend has no function `gradients`, and whatever that function raises.
        """
        if self.gradients is None:
            raise GradientsNotOffered(self.name)
        return self.gradients(problem, d)


class BackendUnavailable(Exception):
    """This backend cannot be used here: `reason` says why, `remedy` what would help."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason, self.remedy = reason, remedy


class GradientsNotOffered(Exception):
    """This backend was asked for gradients, and has no function for them."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"backend {name!r} offers no gradients; give it a function, Backend(..., gradients=...), "
            "or ask for its forward pass only"
        )
