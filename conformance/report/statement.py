"""The statement: one sentence about a backend."""

from conformance.outcome import Outcome
from conformance.report.findings import Findings
from conformance.report.rules import claims_no_dtype, decide_status, list_failures, list_uncovered
from conformance.report.status import NOTHING, PASSED
from lstm_spec import GRADES, SPECIFICATION


def write_statement(f: Findings) -> str:
    """The statement about a backend, in one sentence."""
    return (_state_what_is_wrong(f) or _state_what_holds(f)) + (
        _name_deviations(f) if decide_status(f) == PASSED else ""
    )


def _state_what_is_wrong(f: Findings) -> str:
    """The reason why the backend does not conform, or why there is no statement; empty if there is none."""
    failures = list_failures(f)
    if failures:
        return f"does not conform: {len(failures)} of {len(f.verdicts)} verdicts are against it"
    if f.complaints:
        return f"does not conform as declared: {'; '.join(f.complaints)}"
    if claims_no_dtype(f):
        known = ", ".join(dict.fromkeys(dtype for _, dtype in GRADES))
        return f"does not conform: it claims no dtype, so nothing was asked; claim one of {known}"
    if f.select_verdicts(Outcome.SUITE_ERROR):
        return "no statement: the suite itself failed; please report it"
    if f.own_models:
        return f"measured at an error model of its own ({', '.join(f.own_models)}): not a conformance statement"
    if uncovered := list_uncovered(f):
        return f"does not conform: not claimed, or never conclusive: {', '.join(uncovered)}"
    if not f.verdicts or decide_status(f) == NOTHING:
        return "no statement: the options left nothing to test"
    return ""


def _state_what_holds(f: Findings) -> str:
    """The statement about a backend without a failure."""
    reservation = "" if f.offers_gradients else " (forward only)"
    if f.hides_gradients:
        reservation = " (forward only: it has gradients, but does not claim them)"
    if not f.request.is_whole:
        return "holds on this selection; nothing is said about the rest"
    if not f.request.is_thorough:
        return f"no fault found{reservation}, but too few examples were run for a statement"
    if f.request.profile == "quick":
        return f"no fault found by quick{reservation}; `--profile standard` decides at every dtype it claims"
    levels = ", ".join(f"{dtype} ({f.description.grade(dtype)})" for dtype in f.request.dtypes)
    return f"conforms to LSTM Specification {SPECIFICATION}{reservation} at {levels}"


def _name_deviations(f: Findings) -> str:
    """The deviations that it conforms with, as the end of a sentence."""
    count = len(f.judged_deviations)
    named = ", ".join(f"{d.clause}: {d.issue}" for d in f.judged_deviations)
    return f" with {count} declared deviation{'s' if count > 1 else ''} ({named})" if count else ""
