"""What an implementation offers: two functions, and what it says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lstm_spec.accuracy import DEFAULT_GRADES, ErrorModel
from lstm_spec.types import Answer, Cotangents, Gradients, Problem


class Feature(StrEnum):
    """What a backend may claim beyond the core, and one thing it may disclaim (DETERMINISTIC)."""

    GRADIENTS = "gradients"
    LENGTHS = "lengths"
    REVERSE = "reverse"  # alone
    BIDIRECTIONAL = "bidirectional"
    LAYERS = "layers"
    PROJECTION = "projection"
    FULL_PROJECTION = "full projection"  # P = H
    PEEPHOLES = "peepholes"
    COUPLED = "coupled"
    NO_FORGET_GATE = "no forget gate"
    SIMPLIFIED_1997 = "1997 simplified"
    CELL_CLIP = "cell clip"
    EMPTY_SEQUENCE = "empty sequence"  # T = 0 or a length of 0
    EMPTY_BATCH = "empty batch"  # B = 0
    DETERMINISTIC = "deterministic"  # the same question gets the same bits


LARGEST = 2**20


def multiple_of(n: int) -> range:
    """The sizes n, 2n, 3n, ..."""
    return range(n, LARGEST, n)


def at_most(n: int) -> range:
    """The sizes 0 ... n (whether 0 is asked is a Feature)."""
    return range(0, n + 1)


@dataclass(frozen=True)
class Shapes:
    """The sizes a kernel can do; problems honour it and the verdict prints it."""

    T: range = at_most(LARGEST)
    B: range = at_most(LARGEST)
    I: range = at_most(LARGEST)
    H: range = at_most(LARGEST)


@dataclass(frozen=True)
class Description:
    """What a backend says of itself.

    `grades` names, per dtype, a grade of `lstm_spec.accuracy` or holds an error model of its own; where it is silent
    the grade is "relative", and with 16 bits "op-by-op".
    """

    version: str = ""
    device: str = "cpu"
    dtypes: tuple[str, ...] = ("float32", "float64")
    features: frozenset[Feature] = frozenset({Feature.DETERMINISTIC})
    shapes: Shapes = Shapes()
    grades: Mapping[str, str | ErrorModel] = field(default_factory=dict)

    def grade(self, dtype: str) -> str | ErrorModel:
        """The grade it is judged at."""
        return self.grades.get(dtype, DEFAULT_GRADES.get(dtype, "relative"))


@dataclass(frozen=True)
class Backend:
    """An implementation. Arrays in and out are NumPy's, inputs are read-only, one dtype per Problem.

    `gradients` returns the Answer of the very pass it differentiated.
    """

    name: str
    forward: Callable[[Problem], Answer]
    gradients: Callable[[Problem, Cotangents], tuple[Answer, Gradients]] | None = None
    description: Description = Description()

    def offers(self, feature: Feature) -> bool:
        """Whether the feature is claimed; gradients need the function too."""
        claimed = feature in self.description.features
        return claimed and (feature is not Feature.GRADIENTS or self.gradients is not None)


class BackendUnavailable(Exception):
    """This backend cannot be used here: why, and what would help."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason, self.remedy = reason, remedy
