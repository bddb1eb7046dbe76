"""The statement: one sentence about a backend."""

from conformance.outcome import NotClaimed, Outcome
from conformance.problems.sizes import find_least_sizes, limit_examples
from conformance.report.findings import Findings
from conformance.report.rules import claims_no_dtype, decide_status, list_failures, list_uncovered, list_warnings
from conformance.report.status import NOTHING
from conformance.verdict import find_broken_clauses
from lstm_spec import GRADES, SPECIFICATION

CONFORMS, DOES_NOT_CONFORM, NO_FAULT, NOT_JUDGED = "conforms", "does not conform", "no fault found", "not judged"
ANY_NUMBER = 400  # examples of a property: with fewer, some that a profile asks for are not tried


def write_statement(f: Findings) -> str:
    """The statement about a backend, in one sentence."""
    return _state_what_is_wrong(f) or _state_what_holds(f)


def draw_conclusion(f: Findings) -> str:
    """The statement in three words at most: CONFORMS, DOES_NOT_CONFORM, NO_FAULT or NOT_JUDGED."""
    if list_grades_held(f):
        return CONFORMS
    if (list_failures(f) and not f.lenient) or write_statement(f).startswith(DOES_NOT_CONFORM):
        return DOES_NOT_CONFORM
    is_undecided = f.cut or (not f.lenient and _state_what_is_wrong(f))
    return NOT_JUDGED if is_undecided else NO_FAULT


def list_grades_held(f: Findings) -> dict[str, str]:
    """By dtype the grade at which it conforms; empty if the statement is none of conformance."""
    if f.cut or not _allows_conformance(f) or not (f.lenient or not _state_what_is_wrong(f)):
        return {}
    about = (f.lenient or f).description
    return {dtype: str(about.grade(dtype)) for dtype in f.request.dtypes}


def _allows_conformance(f: Findings) -> bool:
    """Whether enough was asked for a statement of conformance."""
    return f.request.is_whole and f.request.is_thorough and f.request.profile != "quick"


def _state_what_is_wrong(f: Findings) -> str:
    """The reason why the backend does not conform, or why there is no statement; empty if there is none."""
    failures = list_failures(f)
    if f.cut:
        against = f", {len(failures)} of them against it" if failures else ""
        done = f"{len(f.verdicts)} of {f.cut.planned} verdicts"
        return f"{f.cut.reason} after {done}{against}; nothing is said about the rest"
    if f.lenient:
        return _state_what_holds(f.lenient, _name_other_grades(f))
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
        own = f"measured at an error model of its own ({', '.join(f.own_models)})"
        return f"{own}: not a conformance statement{_name_exceptions(f)}"
    if uncovered := list_uncovered(f):
        return f"does not conform: not claimed, or never conclusive: {', '.join(uncovered)}{_name_what_is_too_large(f)}"
    if f.unread:
        return f"not decided: no fault found, but {'; '.join(f.unread)}"
    if not f.verdicts or decide_status(f) == NOTHING:
        why = f": {f.request.unmatched}" if f.request.unmatched else ""
        return f"no statement: the options left nothing to test{why}"
    return ""


def _name_what_is_too_large(f: Findings) -> str:
    """Why nothing can be asked at these shapes; empty if something can."""
    try:
        find_least_sizes(f.description.shapes)
    except NotClaimed as error:
        return f"; {error}"
    return ""


def _name_other_grades(f: Findings) -> str:
    """The grades at which it passes, and those at which it does not."""
    named = (f"{other} (not at {f.description.grade(dtype)})" for dtype, other in f.other_grades.items())
    return f" at grade {' and '.join(dict.fromkeys(named))}"


def _state_what_holds(f: Findings, grades: str = "") -> str:
    """The statement about a backend without a failure, or without one at other grades than its own."""
    reservation = "" if f.offers_gradients else " (forward only)"
    if f.hides_gradients:
        reservation = " (forward only: it has gradients, but does not claim them)"
    exceptions = grades + _name_exceptions(f)
    if not f.request.is_whole:
        return f"holds on this selection{exceptions}; nothing is said about the rest"
    if not f.request.is_thorough:
        return f"no fault found{reservation}{exceptions}, but too few examples were run for a statement"
    if f.request.profile == "quick":
        rest = "`--profile standard` decides at every dtype it claims"
        return f"no fault found by quick{reservation}{exceptions}{_name_left_out(f)}; {rest}"
    levels = ", ".join(f"{dtype} ({f.description.grade(dtype)})" for dtype in f.request.dtypes)
    said = f"conforms{grades} to LSTM Specification {SPECIFICATION}{reservation} at {levels}"
    return f"{said}{_name_exceptions(f)}{_name_left_out(f)}"


def _name_left_out(f: Findings) -> str:
    """The properties that its shapes exclude, by their first clauses; empty without any."""
    excluded = [v.property for v in f.select_verdicts(Outcome.NOT_CLAIMED) if v.detail.startswith("its shapes")]
    left_out = {prop.name: prop.clauses[0] for prop in excluded}
    what = f"{len(left_out)} propert{'y' if len(left_out) == 1 else 'ies'}"
    named = f"; its shapes leave out {what} ({', '.join(dict.fromkeys(left_out.values()))})" if left_out else ""
    few = f"; it compiles for every size, so only {len(f.compiled_sizes)} were asked" if f.description.compiles else ""
    return named + few + _name_few_examples(f)


def _name_few_examples(f: Findings) -> str:
    """How many examples a property got at most, if its shapes make every problem large; empty if they do not."""
    try:
        most = limit_examples(ANY_NUMBER, f.description.shapes)
    except NotClaimed:
        return ""
    tried = f"{most} example{'s' if most > 1 else ''} of a property"
    return f"; its shapes make every problem large, so at most {tried} were tried" if most < ANY_NUMBER else ""


def _name_exceptions(f: Findings) -> str:
    """The declared deviations and the warnings that it conforms with; empty without any."""
    declared = [f"{d.clause}: {d.issue}" for d in f.judged_deviations]
    refuted = list(dict.fromkeys(find_broken_clauses(v)[0] for v in list_warnings(f)))
    named = [_count_exceptions("declared deviation", declared), _count_exceptions("warning", refuted)]
    return "".join(f" {word} {what}" for word, what in zip(("with", "and"), filter(None, named), strict=False))


def _count_exceptions(noun: str, named: list[str]) -> str:
    return f"{len(named)} {noun}{'s' if len(named) > 1 else ''} ({', '.join(named)})" if named else ""
