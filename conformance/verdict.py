"""The verdict: what came out when a property was tried on a backend at a dtype."""

from dataclasses import dataclass, field

from conformance.extent import Extents
from conformance.outcome import Errored, Outcome, Refuted
from conformance.property import Property
from conformance.tenths import Tenths
from lstm_spec import CLAUSES


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
    error: Errored | None = None  # what it raised, with the whole message, of which `detail` has one line
    extents: Extents = field(default_factory=dict)  # how large the questions were that it answered
    compiled: frozenset[tuple[int, ...]] | None = None  # the few T, B, I, H that a backend was asked that compiles
    used: Tenths = field(default_factory=dict)  # how much of what is allowed its comparisons used, by quantity


LISTED = 3  # clauses; of more, the first and the last are named


def find_broken_clauses(verdict: Verdict) -> tuple[str, ...]:
    """The clause that is known to be broken; if none is known, all that the property verifies."""
    clause = verdict.refutation.clause if verdict.refutation else ""
    return (clause,) if clause in CLAUSES else verdict.property.clauses


def join_clauses(ids: tuple[str, ...]) -> str:
    """The clauses as people read them."""
    return " ".join(ids) if len(ids) <= LISTED else f"{ids[0]} … {ids[-1]}"
