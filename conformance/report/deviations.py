"""Deviations that a backend declares, with a reason, an issue and a witness."""

import tomllib
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.outcome import Outcome
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import CLAUSES, Backend

DECLARABLE = (Outcome.REFUTED, Outcome.ERRORED, Outcome.INCONCLUSIVE, Outcome.NOT_CLAIMED)


class DeviationError(ValueError):
    """The file is not one of deviations; the message is one sentence that names the entry."""


@dataclass(frozen=True)
class Deviation:
    """A clause that a backend is known to break."""

    clause: str
    reason: str
    issue: str  # where it is discussed
    kind: Outcome  # what comes out of the clause's properties
    witness: Path  # a case that `run` wrote
    target: str = ""  # the name of a backend; empty: every backend
    expires: date | None = None

    def covers(self, verdict: Verdict) -> bool:
        """Whether the verdict is what is declared here."""
        return verdict.outcome is self.kind and self.clause in find_broken_clauses(verdict)


# ---------------------------------------------------------------- reading


def read_deviations(path: Path) -> tuple[Deviation, ...]:
    """The deviations in a file. Raises DeviationError if the file makes no sense, OSError if it cannot be read."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DeviationError(f"{path} is not TOML ({error}); correct it there") from error
    entries = found.pop("deviation", [])
    if found or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        odd = next(iter(found), "deviation")
        raise DeviationError(f"{path} has {odd!r}, expected only tables [[deviation]]; put it into one of them")
    return tuple(_parse_entry(f"{path}, deviation {k}", path, entry) for k, entry in enumerate(entries, 1))


def _parse_entry(where: str, path: Path, entry: dict[str, Any]) -> Deviation:
    known = {field.name: field for field in fields(Deviation)}
    for name in entry:
        if name not in known:
            raise DeviationError(f"{where} has {name!r}, expected only {', '.join(known)}; correct the name")
    for name in ("clause", "reason", "issue", "kind", "witness"):
        if name not in entry:
            raise DeviationError(f"{where} lacks {name!r}, expected {EXPECTED[name]}; add it")
    for name, value in entry.items():
        if not _is_right(name, value):
            raise DeviationError(f"{where}: {name} is {value!r}, expected {EXPECTED[name]}; correct it")
    converted = {"kind": Outcome(entry["kind"]), "witness": path.parent / entry["witness"]}
    return Deviation(**{**entry, **converted})


EXPECTED = {
    "clause": "the id of a clause (lstm-conform list clauses)",
    "reason": "why it deviates, in a sentence",
    "issue": "the URL where it is discussed",
    "kind": f"one of {', '.join(DECLARABLE)}",
    "witness": "the path of a case that `run` wrote, relative to this file",
    "target": "the name of a backend",
    "expires": "a date like 2027-01-31",
}


def _is_right(name: str, value: Any) -> bool:
    if name == "expires":
        return isinstance(value, date) and not isinstance(value, datetime)
    if not isinstance(value, str) or not value.strip():
        return False
    if name == "issue":
        return urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).netloc)
    return value in {"clause": CLAUSES, "kind": DECLARABLE}.get(name, (value,))


# ---------------------------------------------------------------- judging


def select_deviations(backend: Backend, deviations: tuple[Deviation, ...]) -> tuple[Deviation, ...]:
    """The deviations that are about this backend."""
    return tuple(d for d in deviations if d.target in ("", backend.name))
