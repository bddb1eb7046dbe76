"""What experiments found, as one sentence: what is wrong, under which conditions, and how sure that is."""

from collections.abc import Sequence

from conformance.diagnosis.experiments.laboratory import Finding, Laboratory
from conformance.diagnosis.experiments.where import ANYWHERE

ENDS_EARLY = (
    "the gradient is truncated",
    "the gradient ends",
    "the gradient is cut",
    "the gradient does not flow",
)  # how findings begin that a picture of the flow shows
FLOW = "lstm-conform flow TARGET draws how far it flows"
SMALL_IS_RIGHT = "one step is right if "  # how a finding about one step begins that names no formula
IN_PLACES = ("sample", "unit", "step", "places")  # what is wrong there only is no other formula


def says_less(term: Finding, numbers: Finding) -> bool:
    """Whether a finding about one step says less than the numbers for which answers are wrong.

    A cotangent reaches every part of a step.
    """
    if term.is_certain:
        return term.sentence.startswith(SMALL_IS_RIGHT)
    return numbers.is_certain and any(f"|{d}" in numbers.sentence for d in ("dy", "dh", "dc"))


def join_findings(cell: Finding, wiring: Finding) -> Finding:
    """Two mistakes as one finding; nothing computes both."""
    return Finding(f"{cell.sentence}; and {wiring.sentence}", True, (*cell.tried, *wiring.tried))


def describe_findings(
    about: str, conditions: Sequence[Finding | None], where: Finding | None = None, term: Finding | None = None
) -> str:
    """What is wrong, under which conditions, and how sure that is; empty if nothing was wrong.

    A formula comes first, if it is one that explains the answers; that they are wrong at all sizes goes without saying.
    """
    part = term.sentence if term and not (term.is_certain or term.is_condition) else ""
    term = term if term and term.is_certain else None
    where = where if where and where.is_certain else None
    given = [one for one in conditions if one and not (term and not one.is_limited)]
    found = [one for one in (*given, where, term) if one]
    if not found:
        return ""
    known = [one.sentence for one in given if not one.is_condition]
    where_wrong = f": {where.sentence}" if where and where.sentence != ANYWHERE else ""
    wrong = [f"its {about} are wrong {_join_conditions(given)}{where_wrong}"] if len(known) < len(given) else []
    sure = [] if all(one.is_certain for one in found) else ["this is not certain"]
    part = "" if any(word in where_wrong for word in IN_PLACES) else part
    formula, rest = ([term.sentence], []) if term else ([], [part or "cause unknown"] if wrong and not known else [])
    follow = [FLOW] if term and term.sentence.startswith(ENDS_EARLY) else []
    return "; ".join([*(f"it {words}" for words in known), *formula, *wrong, *sure, *rest, *follow])


def _join_conditions(given: Sequence[Finding]) -> str:
    """Those that leave something out, and then at which sizes, if that is at all."""
    limited = [one.sentence for one in given if one.is_condition and one.is_limited]
    return ", ".join(filter(None, [" and ".join(limited), *(one.sentence for one in given if not one.is_limited)]))


def describe_seen(laboratory: Laboratory) -> str:
    """That something wrong was seen, if nothing more is known of it; empty if nothing was."""
    if not laboratory.wrong:
        return ""
    about = "gradients" if all(wrong.backward for wrong in laboratory.wrong) else "answers"
    return f"its {about} to some questions are wrong, and no experiment says when; cause unknown"
