"""The rules that turn findings into an exit status: what fails, what only warns, and what was not covered."""

from conformance.outcome import Outcome
from conformance.report.findings import Findings
from conformance.report.stages import find_stage
from conformance.report.status import BY_SIGNAL, CORE, FAILED, NOTHING, PASSED, SUITE_ERROR
from conformance.verdict import Verdict
from lstm_spec import CLAUSES, GRADES, Feature
from lstm_spec.clauses import Level
from lstm_spec.contract import DTYPES

STRICTEST_FIRST = ("relative", "absolute", "wide", "op-by-op")  # grades, at each dtype


def list_failures(f: Findings) -> list[Verdict]:
    """What errored, and what is refuted if a MUST is at stake, or any clause with `strict`.

    Those at the most precise dtype come first, then those of the first of STAGES.
    """
    failed = [v for v in f.verdicts if v.outcome in (Outcome.REFUTED, Outcome.ERRORED) and not _is_allowed(v, f)]
    undeclared = (v for v in failed if not f.is_declared(v))
    return sorted(undeclared, key=lambda v: (DTYPES.index(v.dtype), find_stage(v)))


def list_warnings(f: Findings) -> list[Verdict]:
    """The refuted SHOULD clauses, which do not count against the backend."""
    return [v for v in f.select_verdicts(Outcome.REFUTED) if _is_allowed(v, f) and not f.is_declared(v)]


def _is_allowed(verdict: Verdict, f: Findings) -> bool:
    is_should = verdict.property.level is Level.SHOULD
    return verdict.outcome is Outcome.REFUTED and is_should and not f.request.strict


def list_uncovered(f: Findings) -> list[str]:
    """Clauses of the core, and required ones, that nothing was found to hold for; only a whole run has a core."""
    missing = [what for what in f.request.required if not _is_met(what, f)]
    if not f.request.is_whole or has_no_wanted_dtype(f):
        return missing
    families = CORE + (("GRAD", "FLOW") if f.offers_gradients else ())
    core = [id for id in CLAUSES if id.split("-")[0] in families and CLAUSES[id].level is Level.MUST]
    declared = {deviation.clause for deviation in f.deviations}
    return [id for id in core if not (id in declared or _is_covered(id, f) or _is_excused(id, f))] + missing


def _list_outcomes(clause: str, f: Findings) -> list[set[Outcome]]:
    """What came out of the clause's properties, dtype by dtype."""
    about = [v for v in f.verdicts if clause in v.property.clauses]
    return [{v.outcome for v in about if v.dtype == dtype} for dtype in f.request.dtypes]


def _is_covered(clause: str, f: Findings) -> bool:
    return bool(f.request.dtypes) and all(Outcome.HOLDS in outcomes for outcomes in _list_outcomes(clause, f))


def _is_excused(clause: str, f: Findings) -> bool:
    """Whether features or shapes exclude it (never the cell), or vacuous bounds, if those are accepted."""
    excuses = {Outcome.HOLDS} if clause.startswith("CELL") else {Outcome.NOT_CLAIMED, Outcome.HOLDS}
    if f.own_models and f.request.accept_declared:
        excuses.add(Outcome.INCONCLUSIVE)
    return bool(f.request.dtypes) and all(outcomes <= excuses for outcomes in _list_outcomes(clause, f))


def _is_met(required: str, f: Findings) -> bool:
    if required in CLAUSES:
        return _is_covered(required, f)
    if required in {dtype for _, dtype in GRADES}:
        return required in {v.dtype for v in f.select_verdicts(Outcome.HOLDS)}
    if required == Feature.GRADIENTS and not f.offers_gradients:
        return False
    return required in f.description.features


def has_no_wanted_dtype(f: Findings) -> bool:
    """Whether the options name only dtypes that the backend does not claim."""
    return bool(f.description.dtypes) and bool(f.request.wanted) and not f.request.dtypes


def claims_no_dtype(f: Findings) -> bool:
    """Whether nothing could be asked because the backend claims no dtype."""
    return not f.request.dtypes and not has_no_wanted_dtype(f)


def decide_status(f: Findings) -> int:
    """The exit status, as in the table of docs/reports.md."""
    if f.cut and f.cut.status > BY_SIGNAL:
        return f.cut.status
    if list_failures(f) or f.complaints:
        return FAILED
    if f.cut:
        return f.cut.status
    if f.select_verdicts(Outcome.SUITE_ERROR):
        return SUITE_ERROR
    if list_uncovered(f) or (f.own_models and not f.request.accept_declared) or claims_no_dtype(f) or f.unread:
        return FAILED
    if all(v.outcome in (Outcome.NOT_CLAIMED, Outcome.INCONCLUSIVE) for v in f.verdicts):
        return NOTHING
    return PASSED
