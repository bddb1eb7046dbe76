"""Declared deviations, each held against its witness."""

from datetime import date

from conformance.cases.case import CaseError
from conformance.cases.load import load_case
from conformance.cases.replay import replay_case
from conformance.outcome import Outcome
from conformance.report.deviations import Deviation
from conformance.report.findings import Findings
from conformance.targets.raised import describe_raised
from conformance.verdict import Verdict, find_broken_clauses, join_clauses
from lstm_spec import Backend


def find_complaints(findings: Findings, backend: Backend, today: date | None = None) -> tuple[str, ...]:
    """What is wrong with the declared deviations, a sentence each; each one's witness is asked again."""
    day = today or date.today()
    complaints = (_try_to_compare(d, findings.verdicts, backend, day) for d in findings.judged_deviations)
    return tuple(complaint for complaint in complaints if complaint)


def _try_to_compare(d: Deviation, verdicts: list[Verdict], backend: Backend, today: date) -> str:
    """The complaint about a deviation, also if it cannot be compared: nothing else is lost then."""
    try:
        return _find_complaint(d, verdicts, backend, today)
    except Exception as error:
        return f"deviation {d.clause} cannot be held against its witness ({describe_raised(error)}); please report it"


def _find_complaint(d: Deviation, verdicts: list[Verdict], backend: Backend, today: date) -> str:
    """What is wrong with a deviation; empty if it is as it was declared."""
    if d.expires and d.expires < today:
        return f"deviation {d.clause} expired on {d.expires}: mend it, or agree on another date"
    try:
        case = load_case(d.witness)
    except CaseError as error:
        return f"deviation {d.clause} lacks its witness: {error}"
    shown = tuple(case.about["clause"].split())
    if d.clause not in (*shown, *case.prop.clauses):
        return f"deviation {d.clause} lacks its witness: {d.witness} is about {join_clauses(shown)}; name another"
    about, again = [v for v in verdicts if d.clause in find_broken_clauses(v)], replay_case(case, backend)
    is_shown = any(d.covers(v) for v in about)
    others = [v for v in about if v.outcome in (Outcome.REFUTED, Outcome.ERRORED) and not d.covers(v)]
    if others and not is_shown:
        return f"deviation {d.clause} fails otherwise: {others[0].outcome}, declared {d.kind}; correct its kind"
    if again.outcome is d.kind:
        return ""
    if again.outcome is Outcome.HOLDS and not is_shown:
        return f"deviation {d.clause} is not there any more: remove it"
    return f"deviation {d.clause}: its witness {d.witness} comes out as {again.outcome}, declared {d.kind}; renew it"
