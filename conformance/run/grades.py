"""Named grades at which everything holds that is refuted at the grade that a backend names."""

from collections.abc import Iterator
from dataclasses import replace

from conformance.diagnosis.experiments.before import describe_history
from conformance.outcome import Outcome
from conformance.report.findings import Findings
from conformance.report.rules import decide_status, list_failures
from conformance.report.status import PASSED
from conformance.run.judge import Judging, judge_pair
from conformance.run.options import Options, with_grades
from conformance.run.selection import plan_verdicts
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict
from lstm_spec import GRADES, Backend, error_model

ABOUT_ANY_VALUES = ("shapes", "contract")  # families of properties for which no value has to be right
SECONDS = 5.0  # to find out whether answers differ from call to call
NOT_OF_VALUES = ("SHAPE", "CONTRACT")  # families of clauses
USED_IF = {
    "absolute": "if σ or tanh is made from the other",
    "op-by-op": "if single operations are rounded to 16 bits",
    "wide": "if everything is float32 inside, and only what is returned is rounded",
}


def find_lenient_grades(findings: Findings, backend: Backend, options: Options) -> dict[str, str]:
    """By dtype another named grade at which all holds that is refuted there; empty unless every refutation goes away.

    What is not about values may mend itself when it is asked again, so that no grade explains it; nor does one where
    answers owe anything to earlier calls or to memory.
    """
    failures, found = list_failures(findings), dict[str, str]()
    if any(v.property.family in ABOUT_ANY_VALUES or _names_another_clause(v) for v in failures):
        return {}
    for dtype in dict.fromkeys(v.dtype for v in failures):
        failed = [v for v in failures if v.dtype == dtype]
        fitting = (other for other in _list_other_grades(backend, dtype) if _all_hold(failed, other, backend, options))
        if not (grade := next(fitting, "")) or not _all_fail_again(failed, backend, options):
            return {}
        if describe_history(guard_backend(backend), dtype, SECONDS):
            return {}
        found[dtype] = grade
    return found


def _names_another_clause(verdict: Verdict) -> bool:
    """Whether the refutation says that a shape or the contract is broken."""
    return verdict.refutation is not None and verdict.refutation.clause.split("-")[0] in NOT_OF_VALUES


def _list_other_grades(backend: Backend, dtype: str) -> Iterator[str]:
    """The named grades at that dtype that allow anything more than the one that the backend names."""
    named = backend.description.grade(dtype)
    if isinstance(named, str):
        strict = vars(error_model(named, dtype))
        for (other, at), model in GRADES.items():
            if at == dtype and any(allowed > strict[name] for name, allowed in vars(model).items()):
                yield other


def _all_hold(failed: list[Verdict], grade: str, backend: Backend, options: Options) -> bool:
    at = replace(options, grade=grade, shrink=False)
    return all(judge_pair((v.property, v.dtype), backend, at).outcome is Outcome.HOLDS for v in failed)


def _all_fail_again(failed: list[Verdict], backend: Backend, options: Options) -> bool:
    """Whether they fail at their own grade once more; otherwise it is not the grade that makes a difference."""
    at = replace(options, shrink=False)
    return all(judge_pair((v.property, v.dtype), backend, at).outcome is not Outcome.HOLDS for v in failed)


def describe_lenient_grades(grades: dict[str, str]) -> str:
    """What to name in the description, and when; empty if there is none."""
    named = [f'"{grade}": name that in Description.grades {USED_IF.get(grade, "")}' for grade in grades.values()]
    return f"all of it holds at grade {'; or at '.join(dict.fromkeys(named))}".rstrip() if grades else ""


def judge_at_grades(
    findings: Findings, backend: Backend, options: Options, grades: dict[str, str], judging: Judging | None
) -> Findings | None:
    """The findings with everything at these dtypes judged at these grades; None unless the backend passes so.

    A run that was cut short says nothing about the rest, so there are none.
    """
    pairs, verdicts = plan_verdicts(backend, options), [v for v in findings.verdicts if v.dtype not in grades]
    if not grades or len(findings.verdicts) < len(pairs):
        return None
    for dtype, grade in grades.items():
        asked, at = [pair for pair in pairs if pair[1] == dtype], replace(options, grade=grade, shrink=False)
        verdicts += judging(asked, at) if judging else (judge_pair(pair, backend, at) for pair in asked)
    again = replace(findings, description=with_grades(backend, grades).description, verdicts=verdicts)
    return again if decide_status(again) == PASSED else None
