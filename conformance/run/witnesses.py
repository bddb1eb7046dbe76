"""Declared deviations, each held against its witness."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from conformance.outcome import Outcome
from conformance.verdict import broken
from lstm_spec import Backend

if TYPE_CHECKING:
    from conformance.report.report import Report
from conformance.report.deviations import Deviation


def examined(report: "Report", backend: Backend, today: date | None = None) -> "Report":
    """The report with what is wrong about its deviations; each one's witness is asked again."""
    day = today or date.today()
    told = (_complaint(d, report, backend, day) for d in report.judged_deviations)
    return replace(report, complaints=tuple(complaint for complaint in told if complaint))


def _complaint(d: Deviation, report: "Report", backend: Backend, today: date) -> str:
    """What is wrong about a deviation; nothing where it is as it was declared."""
    from conformance.cases.case import CaseError
    from conformance.cases.load import load_case
    from conformance.cases.replay import replay_case

    if d.expires and d.expires < today:
        return f"deviation {d.clause} expired on {d.expires}: mend it, or agree on another date"
    try:
        case = load_case(d.witness)
    except CaseError as error:
        return f"deviation {d.clause} lacks its witness: {error}"
    if d.clause not in (case.about["clause"], *case.prop.clauses):
        return f"deviation {d.clause} lacks its witness: {d.witness} is about {case.about['clause']}; name another"
    found, said = [v for v in report.verdicts if d.clause in broken(v)], replay_case(case, backend)
    shown = any(d.covers(v) for v in found)
    others = [v for v in found if v.outcome in (Outcome.REFUTED, Outcome.ERRORED) and not d.covers(v)]
    if others and not shown:
        return f"deviation {d.clause} fails otherwise: {others[0].outcome}, declared {d.kind}; correct its kind"
    if said.outcome is d.kind:
        return ""
    if said.outcome is Outcome.HOLDS and not shown:
        return f"deviation {d.clause} is not there any more: remove it"
    return f"deviation {d.clause}: its witness {d.witness} comes out as {said.outcome}, declared {d.kind}; renew it"
