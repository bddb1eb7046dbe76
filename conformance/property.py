"""A property: one sentence that every LSTM satisfies, and the code that tries to refute it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lstm_spec import CLAUSES, Feature
from lstm_spec.clauses import Level


class Outcome(StrEnum):
    HOLDS = "holds"
    REFUTED = "refuted"
    NOT_CLAIMED = "not claimed"
    ERRORED = "errored"
    INCONCLUSIVE = "inconclusive"
    SUITE_ERROR = "suite error"


@dataclass(frozen=True)
class Difference:
    """The first element that is further off than allowed."""

    quantity: str
    where: dict[str, int]
    expected: float
    allowed: float
    got: float

    @property
    def ratio(self) -> float:
        """The error in units of the allowed error; infinite where nothing is allowed or the value is not finite."""
        error = abs(self.got - self.expected)
        return error / self.allowed if self.allowed > 0 and error < float("inf") else float("inf")


class Refuted(Exception):
    """The implementation is not an LSTM: the reason, and where it can be seen.

    `clause` is set where another clause than the property's is broken, e.g. a shape on the way to a value.
    """

    def __init__(self, reason: str, *, clause: str = "", difference: Difference | None = None) -> None:
        super().__init__(reason)
        self.reason, self.clause, self.difference = reason, clause, difference
        self.problem: Any = None  # what was drawn
        self.asked: Any = None  # the problem that the backend was asked last
        self.loss: Any = None  # and the cotangents, where that was for gradients


class Errored(Exception):
    """The implementation raised an exception of its own."""

    problem: Any = None  # as in Refuted
    asked: Any = None
    loss: Any = None


class Inconclusive(Exception):
    """This example lies outside the domain of a bound."""


class NotClaimed(Exception):
    """The backend does not offer what the property is about."""


@dataclass(frozen=True)
class Property:
    """A claim, the clauses it verifies, what it needs, and where its examples come from.

    `long`: too slow for many examples; `further`: of a feature beyond the core; `dtypes`: the only ones, where any.
    """

    name: str
    family: str
    clauses: tuple[str, ...]
    features: tuple[Feature, ...]
    on: Callable[[Any], Any]  # Context -> Hypothesis strategy
    refute: Callable[[Any, Any], None]
    long: bool = False
    further: bool = False
    dtypes: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Callable[[str], "Property"], tuple[str]]:
        """Another process has the same ones, under their names."""
        return named, (self.name,)

    @property
    def sentence(self) -> str:
        return self.name.replace("_", " ")

    def is_of(self, dtype: str) -> bool:
        """Whether it is asked at that dtype."""
        return not self.dtypes or dtype in self.dtypes

    @property
    def level(self) -> Level:
        """SHOULD where every clause it verifies is one."""
        levels = {CLAUSES[clause].level for clause in self.clauses}
        return Level.MUST if Level.MUST in levels else Level.SHOULD


@dataclass(frozen=True)
class Verdict:
    """What came out when a property was tried on a backend at a dtype."""

    property: Property
    dtype: str
    outcome: Outcome
    detail: str = ""
    examples: int = 0
    inconclusive: int = 0
    seconds: float = 0.0
    refutation: Refuted | None = None
    error: Errored | None = None  # what it raised


def broken(verdict: Verdict) -> tuple[str, ...]:
    """The clause that is known to be broken; all that the property verifies where none is."""
    clause = verdict.refutation.clause if verdict.refutation else ""
    return (clause,) if clause else verdict.property.clauses


PROPERTIES: list[Property] = []


def named(name: str) -> Property:
    """The property of that name. Raises KeyError."""
    for prop in PROPERTIES:
        if prop.name == name:
            return prop
    raise KeyError(name)


def verifies(
    *clauses: str,
    on: Callable[[Any], Any],
    needs: tuple[Feature, ...] = (),
    long: bool = False,
    further: bool = False,
    dtypes: tuple[str, ...] = (),
) -> Callable[[Callable[[Any, Any], None]], Callable[[Any, Any], None]]:
    """Register a function (backend, example) as a property of these clauses; the rest as in Property.

    Raises ValueError for a clause that does not exist.
    """
    for clause in clauses:
        if clause not in CLAUSES:
            raise ValueError(f"clause {clause!r} does not exist, expected one of lstm_spec.CLAUSES; correct the id")

    def register(function: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        family = function.__module__.rsplit(".", 1)[-1]
        PROPERTIES.append(Property(function.__name__, family, clauses, needs, on, function, long, further, dtypes))
        return function

    return register
