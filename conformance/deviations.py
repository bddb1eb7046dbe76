"""Deviations that are declared: where a backend is known not to conform, why, and the case that shows it.

A file of them is no way out of the judge: each is judged as well, and one that is no longer there fails the run.
"""

import tomllib
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conformance.property import Outcome, Verdict, broken
from lstm_spec import CLAUSES, Backend

if TYPE_CHECKING:
    from conformance.report import Report

KINDS = (Outcome.REFUTED, Outcome.ERRORED, Outcome.INCONCLUSIVE, Outcome.NOT_CLAIMED)


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
    target: str = ""  # the name of a backend; none: of every one
    expires: date | None = None

    def covers(self, verdict: Verdict) -> bool:
        """Whether the verdict is what is declared here."""
        return verdict.outcome is self.kind and self.clause in broken(verdict)


# ---------------------------------------------------------------- reading


def read(path: Path) -> tuple[Deviation, ...]:
    """The deviations in a file. Raises DeviationError where it means nothing, OSError where it cannot be read."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DeviationError(f"{path} is not TOML ({error}); correct it there") from error
    entries = found.pop("deviation", [])
    if found or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        odd = next(iter(found), "deviation")
        raise DeviationError(f"{path} has {odd!r}, expected tables [[deviation]] alone; put it into one of them")
    return tuple(_deviation(f"{path}, deviation {k}", path, entry) for k, entry in enumerate(entries, 1))


def _deviation(where: str, path: Path, entry: dict[str, Any]) -> Deviation:
    known = {field.name: field for field in fields(Deviation)}
    for name in entry:
        if name not in known:
            raise DeviationError(f"{where} has {name!r}, expected {', '.join(known)} alone; correct the name")
    for name in ("clause", "reason", "issue", "kind", "witness"):
        if name not in entry:
            raise DeviationError(f"{where} lacks {name!r}, expected {EXPECTED[name]}; add it")
    for name, value in entry.items():
        if not _is_right(name, value):
            raise DeviationError(f"{where}: {name} is {value!r}, expected {EXPECTED[name]}; correct it")
    made = {"kind": Outcome(entry["kind"]), "witness": path.parent / entry["witness"]}
    return Deviation(**{**entry, **made})


EXPECTED = {
    "clause": "the id of a clause (lstm-conform list clauses)",
    "reason": "why it deviates, in a sentence",
    "issue": "the URL where it is discussed",
    "kind": f"one of {', '.join(KINDS)}",
    "witness": "the path of a case that `run` wrote, from this file on",
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
    return value in {"clause": CLAUSES, "kind": KINDS}.get(name, (value,))


# ---------------------------------------------------------------- judging


def declared_for(backend: Backend, deviations: tuple[Deviation, ...]) -> tuple[Deviation, ...]:
    """Those that are about this backend."""
    return tuple(d for d in deviations if d.target in ("", backend.name))


def examined(report: "Report", backend: Backend, today: date | None = None) -> "Report":
    """The report with what is wrong about its deviations; each one's witness is asked again."""
    day = today or date.today()
    told = (_complaint(d, report, backend, day) for d in report.judged_deviations)
    return replace(report, complaints=tuple(complaint for complaint in told if complaint))


def _complaint(d: Deviation, report: "Report", backend: Backend, today: date) -> str:
    """What is wrong about a deviation; nothing where it is as it was declared."""
    from conformance.cases import CaseError, load, replay

    if d.expires and d.expires < today:
        return f"deviation {d.clause} expired on {d.expires}: mend it, or agree on another date"
    try:
        case = load(d.witness)
    except CaseError as error:
        return f"deviation {d.clause} lacks its witness: {error}"
    if d.clause not in (case.about["clause"], *case.prop.clauses):
        return f"deviation {d.clause} lacks its witness: {d.witness} is about {case.about['clause']}; name another"
    found, said = [v for v in report.verdicts if d.clause in broken(v)], replay(case, backend)
    shown = any(d.covers(v) for v in found)
    others = [v for v in found if v.outcome in (Outcome.REFUTED, Outcome.ERRORED) and not d.covers(v)]
    if others and not shown:
        return f"deviation {d.clause} fails otherwise: {others[0].outcome}, declared {d.kind}; correct its kind"
    if said.outcome is d.kind:
        return ""
    if said.outcome is Outcome.HOLDS and not shown:
        return f"deviation {d.clause} is not there any more: remove it"
    return f"deviation {d.clause}: its witness {d.witness} comes out as {said.outcome}, declared {d.kind}; renew it"
