"""What can come out when a property is tried, and the exceptions that say so."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
        """The error in units of the allowed error; infinite if nothing is allowed or the value is not finite."""
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
        self.loss: Any = None  # and the cotangents, if gradients were asked for
        self.smallest: Refuted | None = None  # the smallest failure, if that looked like rounding and this one does not

    @property
    def ratio(self) -> float:
        """The error in units of the allowed error; infinite if it is not a matter of size."""
        return self.difference.ratio if self.difference else float("inf")


class Errored(Exception):
    """The implementation did not answer. `is_exception`: it raised one; otherwise it crashed, hung or ended.

    `is_final`: it is not asked any more, so that no other example is of use.
    """

    def __init__(self, reason: str, *, is_exception: bool = False, message: str = "", is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_exception, self.message = is_exception, message  # the whole message of what it raised
        self.is_final = is_final

    problem: Any = None  # as in Refuted
    asked: Any = None
    loss: Any = None


class Inconclusive(Exception):
    """This example lies outside the domain of a bound."""


class NotClaimed(Exception):
    """The backend does not offer what the property is about."""
