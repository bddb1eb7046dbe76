"""What changed from one report to another one; a target that is judged less than before has become worse."""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from conformance.numbers import format_times
from conformance.outcome import Outcome
from conformance.report.rules import STRICTEST_FIRST
from conformance.report.statement import CONFORMS
from conformance.report.status import PASSED
from conformance.report.stored.read import Data

FAILING = (Outcome.REFUTED, Outcome.ERRORED)
JUDGED = (Outcome.HOLDS, *FAILING)
ABSENT = "absent"
CONDITIONS = ("target", "profile", "seed", "whole")


class Kind(StrEnum):
    """What a change is; the first three are for the worse."""

    REFUTED = "refuted or errored now"
    UNJUDGED = "no longer judged"
    WEAKER = "weaker now"
    MENDED = "mended"
    JUDGED = "judged now"
    STRONGER = "stronger now"
    OTHER = "different now"


WORSE = (Kind.REFUTED, Kind.UNJUDGED, Kind.WEAKER)


class Change(NamedTuple):
    """What was so before and is another way now."""

    kind: Kind
    subject: str
    before: str
    after: str


class Comparison(NamedTuple):
    """What changed for one target, and how many of its verdicts did not."""

    target: str
    changes: list[Change]
    same: int
    notes: list[str]  # what was asked in another way

    @property
    def is_worse(self) -> bool:
        return any(change.kind in WORSE for change in self.changes)


def compare_reports(old: Data, new: Data) -> list[Comparison]:
    """What changed, target by target. Targets of one name are the same, and so are the only ones of two reports."""
    before, after = _name_targets(old), _name_targets(new)
    if len(before) == len(after) == 1 and not old["unavailable"] and not new["unavailable"]:
        after = dict(zip(before, after.values(), strict=True))
    reasons = {one["name"]: one["reason"] for one in new["unavailable"]}
    found = [_compare_targets(key, before.get(key), after.get(key), reasons) for key in {**before, **after}]
    unknown = {name: reason for name, reason in reasons.items() if (name, 0) not in before}
    lost = {name: Change(Kind.OTHER, "the target", ABSENT, reason) for name, reason in unknown.items()}
    return found + [Comparison(name, [change], 0, []) for name, change in lost.items()]


def _name_targets(report: Data) -> dict[tuple[str, int], Data]:
    """The targets by name; the second of a name has another number."""
    seen = Counter[str]()
    named = {}
    for target in report["targets"]:
        named[target["target"], seen[target["target"]]] = target
        seen[target["target"]] += 1
    return named


def _compare_targets(key: tuple[str, int], old: Data | None, new: Data | None, reasons: dict[str, str]) -> Comparison:
    if old and not new:
        missing = Change(Kind.UNJUDGED, "the target", old["statement"], reasons.get(key[0], ABSENT))
        return Comparison(key[0], [missing], 0, [])
    before, after = (_find_verdicts(target) for target in (old, new))
    pairs = {**before, **after}
    changes = [c for pair in pairs if (c := _compare_verdicts(pair, before.get(pair), after.get(pair)))]
    same = sum(_state(before.get(pair)) == _state(after.get(pair)) for pair in pairs)
    if not (old and new):
        return Comparison(key[0], changes, same, ["it was not judged before"])
    changes += [*_compare_grades(old, new), *_compare_statements(old, new)]
    notes = [f"{name}: {old[name]}, now {new[name]}" for name in CONDITIONS if old[name] != new[name]]
    return Comparison(key[0], changes, same, notes)


def _find_verdicts(target: Data | None) -> dict[tuple[str, str], Data]:
    return {(v["property"], v["dtype"]): v for v in target["verdicts"]} if target else {}


# ---------------------------------------------------------------- verdicts


def _compare_verdicts(pair: tuple[str, str], old: Data | None, new: Data | None) -> Change | None:
    kind = _find_kind(old, new)
    if kind is None:
        return None
    clause = _find_clause(new or old or {})
    subject = f"{clause} {pair[1]}  {pair[0].replace('_', ' ')}"
    return Change(kind, subject, _state(old), _state(new) + _describe_evidence(new))


def _find_kind(old: Data | None, new: Data | None) -> Kind | None:
    """What the change is; None if there is none."""
    before, after = (one["outcome"] if one else ABSENT for one in (old, new))
    if _state(old) == _state(new):
        return None
    if new and after in FAILING:
        was_as_bad = old and before in FAILING and (old["against"] or not new["against"])
        return Kind.OTHER if was_as_bad else Kind.REFUTED
    if after == Outcome.HOLDS:
        return Kind.MENDED if before in FAILING else Kind.JUDGED
    return Kind.UNJUDGED if before in JUDGED else Kind.OTHER


def _state(verdict: Data | None) -> str:
    """The outcome, and whether it is one that does not count."""
    if verdict is None:
        return ABSENT
    reservation = ", as declared" if verdict["declared"] else "" if verdict["against"] else ", but only a SHOULD"
    return f"{verdict['outcome']}{reservation if verdict['outcome'] in FAILING else ''}"


def _find_clause(verdict: Data) -> str:
    clause = verdict.get("clause", "")
    return clause if clause in verdict["clauses"] else verdict["clauses"][0]


def _describe_evidence(verdict: Data | None) -> str:
    """By how much it is off; or what it raised, or why it is not judged."""
    if verdict is None or verdict["outcome"] == Outcome.HOLDS:
        return ""
    if "difference" in verdict:
        found = verdict["difference"]
        return f" ({found['quantity']} is off by {format_times(float(found['ratio']))} × what is allowed)"
    return f" ({verdict['detail']})" if verdict["detail"] else ""


# ---------------------------------------------------------------- grades and the statement


def _compare_grades(old: Data, new: Data) -> Iterator[Change]:
    for dtype in {**old["grades"], **new["grades"]}:
        before, after = ({**one["grades"], **one["passes_at"]}.get(dtype) for one in (old, new))
        if before != after:
            kind = Kind.STRONGER if _rank_grade(after) < _rank_grade(before) else Kind.WEAKER
            yield Change(kind, f"grade at {dtype}", _name_grade(before), _name_grade(after))


def _rank_grade(grade: Any) -> int:
    """0 for the strictest; an error model of its own comes after all names, and no grade at all is the last."""
    if isinstance(grade, str) and grade in STRICTEST_FIRST:
        return STRICTEST_FIRST.index(grade)
    return len(STRICTEST_FIRST) + (grade is None)


def _name_grade(grade: Any) -> str:
    if grade is None:
        return "not claimed"
    if isinstance(grade, str):
        return grade
    return f"an error model of its own ({', '.join(f'{name} = {value}' for name, value in grade.items() if value)})"


def _compare_statements(old: Data, new: Data) -> Iterator[Change]:
    """A change if the target no longer passes or no longer conforms, or if it does by now."""
    was, now = ((one["exit_status"] == PASSED, one["conclusion"] == CONFORMS) for one in (old, new))
    if was != now:
        lost = any(a and not b for a, b in zip(was, now, strict=True))
        yield Change(Kind.WEAKER if lost else Kind.STRONGER, "the statement", old["statement"], new["statement"])
