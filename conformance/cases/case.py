"""A failure on disk: what a case file is."""

from typing import Any, NamedTuple

from conformance.cases.expectations import Asked
from conformance.property import Property

FORMAT = "lstm-spec case 1"


class CaseError(Exception):
    """The file is not a case, or not whole; the message is one sentence with the remedy."""


class Case(NamedTuple):
    """What a failing example was, and of what."""

    example: Any
    prop: Property
    asked: Asked
    about: dict[str, str]  # target, clause, dtype, seed, reason, versions
