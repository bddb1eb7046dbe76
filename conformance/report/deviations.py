"""Deviations that a backend declares, with a reason, an issue and a witness."""

import tomllib
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.files import read_whole
from conformance.outcome import Outcome
from conformance.text import LONGEST_NAME, clean_line, is_printable, quote_value
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import CLAUSES, Backend

DECLARABLE = (Outcome.REFUTED, Outcome.ERRORED, Outcome.INCONCLUSIVE, Outcome.NOT_CLAIMED)


LARGEST_FILE = 2**17  # bytes
MOST_DOTS = 100  # in a line: Python's reader takes a key in pieces, with time that grows as their square
LONGEST = {"reason": 1_000, "issue": 1_000, "witness": 1_000}  # characters; of other fields, what a name may have


class DeviationError(ValueError):
    """The file is not one of deviations; the message is one sentence that names the entry, fit for a terminal."""

    def __init__(self, sentence: str) -> None:
        super().__init__(clean_line(sentence))


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
    """The deviations in a file. Raises DeviationError if it cannot be read, or makes no sense."""
    try:
        found = _parse_toml(read_whole(path, LARGEST_FILE).decode("utf-8-sig"))
    except OSError as error:
        raise DeviationError(f"{path} cannot be read ({error.strerror}); name a file of deviations") from error
    except (ValueError, RecursionError) as error:
        raise DeviationError(f"{path} is not TOML ({error}); correct it there") from error
    entries = found.pop("deviation", [])
    if found or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        odd = next(iter(found), "deviation")
        raise DeviationError(
            f"{path} has {quote_value(odd)}, expected only tables [[deviation]]; put it into one of them"
        )
    parsed = [_parse_entry(f"{path}, deviation {k}", path, entry) for k, entry in enumerate(entries, 1)]
    _refuse_repetition(path, parsed)
    return tuple(parsed)


def _refuse_repetition(path: Path, deviations: list[Deviation]) -> None:
    """Raises DeviationError if one deviation says what another one says already, but for its reason and its date."""
    first = dict[tuple[object, ...], int]()
    for k, one in enumerate(deviations, 1):
        earlier = first.setdefault((one.clause, one.kind, one.witness, one.target), k)
        if earlier != k:
            raise DeviationError(f"{path}, deviation {k} repeats deviation {earlier} ({one.clause}); keep one of them")


def _parse_toml(text: str) -> dict[str, Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"line {number} has more than {MOST_DOTS} dots")
    return tomllib.loads(text)


def _parse_entry(where: str, path: Path, entry: dict[str, Any]) -> Deviation:
    known = {field.name: field for field in fields(Deviation)}
    for name in entry:
        if name not in known:
            raise DeviationError(f"{where} has {quote_value(name)}, expected only {', '.join(known)}; correct the name")
    for name in ("clause", "reason", "issue", "kind", "witness"):
        if name not in entry:
            raise DeviationError(f"{where} lacks {name!r}, expected {EXPECTED[name]}; add it")
    for name, value in entry.items():
        if not _is_right(name, value):
            raise DeviationError(f"{where}: {name} is {quote_value(value)}, expected {EXPECTED[name]}; correct it")
    converted = {
        "kind": Outcome(entry["kind"]),
        "witness": path.parent / entry["witness"],
        "reason": " ".join(entry["reason"].split()),
    }
    return Deviation(**{**entry, **converted})


EXPECTED = {
    "clause": "the id of a clause (lstm-conform list clauses)",
    "reason": f"why it deviates, in a sentence of at most {LONGEST['reason']:,} characters that can be printed",
    "issue": "the URL where it is discussed",
    "kind": f"one of {', '.join(DECLARABLE)}",
    "witness": "the path of a case that `run` wrote, relative to this file",
    "target": "the name of a backend",
    "expires": "a date like 2027-01-31",
}


def _is_right(name: str, value: Any) -> bool:
    if name == "expires":
        return isinstance(value, date) and not isinstance(value, datetime)
    line = " ".join(value.split()) if name == "reason" and isinstance(value, str) else value
    if not is_printable(line, LONGEST.get(name, LONGEST_NAME)) or not line.strip():
        return False
    if name == "issue":
        return _is_address(value)
    return value in {"clause": CLAUSES, "kind": DECLARABLE}.get(name, (value,))


def _is_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and " " not in text
    except ValueError:  # e.g. of "http://["
        return False


# ---------------------------------------------------------------- judging


def select_deviations(backend: Backend, deviations: tuple[Deviation, ...]) -> tuple[Deviation, ...]:
    """The deviations that are about this backend."""
    return tuple(d for d in deviations if d.target in ("", backend.name))
