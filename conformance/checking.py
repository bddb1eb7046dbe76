"""Backend to Report: which properties at which dtypes, one after the other, and the likely cause of what is refuted."""

import time
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from conformance.activations import probe_activations
from conformance.border import guarded
from conformance.deviations import Deviation, declared_for, examined
from conformance.end_to_end import end_to_end
from conformance.networks import form_of
from conformance.problems import problem_of
from conformance.property import PROPERTIES, Outcome, Property, Verdict
from conformance.report import Asked, Report
from conformance.runner import PROFILES, Judging, Profile, judge, nobody
from lstm_spec import GRADES, Backend, Feature
from lstm_spec.validation import check_backend

if TYPE_CHECKING:
    from conformance.diagnosis import Diagnosis

SHARPEST = ("values", "gradients", "contract", "shapes", "gate_ranges", "sequences", "gradient_flow")  # tried first


def properties(clauses: tuple[str, ...] = (), name: str = "") -> list[Property]:
    """The properties that verify one of the clauses (globs) and have `name` in their name."""
    return [
        prop
        for prop in PROPERTIES
        if name in prop.name
        and (not clauses or any(fnmatchcase(clause, glob) for clause in prop.clauses for glob in clauses))
    ]


def check(
    backend: Backend,
    *,
    profile: str = "standard",
    dtypes: tuple[str, ...] = (),
    clauses: tuple[str, ...] = (),
    name: str = "",
    run_seed: int = 0,
    examples: int | None = None,
    maxfail: int | None = None,
    strict: bool = False,
    required: tuple[str, ...] = (),
    accept_declared: bool = False,
    diagnose: bool = True,
    deviations: tuple[Deviation, ...] = (),
    progress: Callable[[Verdict], None] = lambda verdict: None,
    observe: Callable[[Any], None] = nobody,
    shrink: bool = True,
    first: tuple[str, ...] = SHARPEST,
    judging: Judging | None = None,
) -> Report:
    """Judge a backend; the Report says whether it conforms.

    Raises ValueError for a profile that does not exist, ValueError or TypeError for a description that says nothing.

    `dtypes` are those to be judged of the ones it claims (none given: as the profile says), `clauses` and `name` select
    properties, `maxfail` stops after so many failures, `diagnose` looks for the likely cause of the first one, `shrink`
    for a small example; `progress` is called with each verdict, `observe` with each example; `first` are the families
    of properties that are tried first, and `judging` judges in place of this process; it does not know `observe`.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile is {profile!r}, expected one of {', '.join(PROFILES)}; choose one")
    check_backend(backend)
    how = PROFILES[profile]
    chosen, at = selected(backend, how, dtypes, clauses, name)
    if examples is not None:
        how = replace(how, examples=examples, long_examples=min(examples, how.long_examples), narrow_share=1)
    thorough = how.examples >= PROFILES[profile].examples
    asked = Asked(profile, run_seed, at, dtypes, chosen == PROPERTIES, thorough, strict, required, accept_declared)
    offered = backend.offers(Feature.GRADIENTS)
    unclaimed = backend.gradients is not None and not offered
    known = declared_for(backend, deviations)
    report = Report(backend.name, backend.description, offered, asked, unclaimed=unclaimed, deviations=known)
    started = time.perf_counter()
    ordered = sorted(chosen, key=lambda prop: _bluntness(prop, first))
    pairs = [(prop, dtype) for dtype in at for prop in ordered if prop.is_of(dtype)]
    here = (judge(prop, backend, dtype, how, run_seed, observe, shrink) for prop, dtype in pairs)
    for verdict in judging(pairs, how, run_seed, shrink) if judging else here:
        report.verdicts.append(verdict)
        progress(verdict)
        if maxfail is not None and len(report.failures) >= maxfail:
            report = replace(report, asked=replace(asked, whole=False))
            break
    report.verdicts.sort(key=lambda verdict: (at.index(verdict.dtype), chosen.index(verdict.property)))
    report = _diagnosed(report, backend, how) if diagnose else report
    report = _informed(report, backend, how) if report.asked.whole else report
    return replace(examined(report, backend), seconds=time.perf_counter() - started)


def _diagnosed(report: Report, backend: Backend, how: Profile) -> Report:
    """The report with the likely cause of what it refutes; of a shape or a broken contract no values need be asked."""
    hint = _lenience_that_helps(report, backend, how)
    if hint:
        return replace(report, cause=hint)
    values = [v for v in report.failures if v.property.family not in ("shapes", "contract")]
    refuted = [v for v in values if v.outcome is Outcome.REFUTED and v is report.failures[0]]
    if not refuted:
        return report
    found = _likely(refuted[0], backend)
    if not found:
        return report
    clauses = {fault.clause for fault in found.fitting}
    culprit = clauses.pop() if len(clauses) == 1 else ""
    return replace(report, cause=found.sentence, diagnosed=bool(found.fitting), culprit=culprit)


def _likely(refuted: Verdict, backend: Backend) -> "Diagnosis | None":
    """Of the plain LSTM, or of the form of network at which it was refuted."""
    from conformance.diagnosis import diagnose
    from conformance.network_diagnosis import diagnose_network

    example = refuted.refutation.problem if refuted.refutation else None
    with np.errstate(all="ignore"):
        if not refuted.property.further or example is None:
            return diagnose(guarded(backend), refuted.dtype)
        return diagnose_network(guarded(backend), refuted.dtype, [form_of(problem_of(example))])


def _informed(report: Report, backend: Backend, how: Profile) -> Report:
    """The report with what is shown beside the verdicts, and decides nothing."""
    at = report.asked.dtypes
    tables = {dtype: end_to_end(backend, dtype) for dtype in at} if how.reach == "full" else {}
    return replace(report, activations=tuple(probe_activations(backend, dtype) for dtype in at), end_to_end=tables)


LENIENT = {
    "relative": ("absolute", "if σ or tanh is made from the other"),
    "wide": ("op-by-op", "if single operations are rounded to 16 bits"),
    "op-by-op": ("wide", "if everything is float32 inside, and only what is returned is rounded"),
}


def _lenience_that_helps(report: Report, backend: Backend, how: Profile) -> str:
    """Which other grade to name, where what was refuted holds at that; else nothing."""
    if any(v.property.family in ("shapes", "contract") for v in report.failures):
        return ""  # a broken contract may mend itself when asked again
    about = backend.description
    named = {about.grade(v.dtype) for v in report.failures}
    grade = named.pop() if len(named) == 1 else ""
    if not isinstance(grade, str) or grade not in LENIENT:
        return ""
    other, reason = LENIENT[grade]
    grades = {**about.grades, **{v.dtype: other for v in report.failures}}
    lenient = replace(backend, description=replace(about, grades=grades))
    again = (judge(v.property, lenient, v.dtype, how, report.asked.seed) for v in report.failures)
    if not all(verdict.outcome is Outcome.HOLDS for verdict in again):
        return ""
    return f'all of it holds at grade "{other}": name that in Description.grades {reason}'


def _bluntness(prop: Property, first: tuple[str, ...]) -> int:
    return first.index(prop.family) if prop.family in first else len(first)


def planned(backend: Backend, profile: str, dtypes: tuple[str, ...], clauses: tuple[str, ...], name: str) -> int:
    """How many verdicts such a run will bring."""
    chosen, at = selected(backend, PROFILES[profile], dtypes, clauses, name)
    return sum(prop.is_of(dtype) for prop in chosen for dtype in at)


def selected(
    backend: Backend, profile: Profile, dtypes: tuple[str, ...], clauses: tuple[str, ...], name: str
) -> tuple[list[Property], tuple[str, ...]]:
    """The properties and the dtypes of a run: what the backend claims of the dtypes wanted, or of the profile's."""
    claimed = tuple(d for d in backend.description.dtypes if any(at == d for _, at in GRADES))
    wanted = dtypes or profile.dtypes or claimed
    at = tuple(d for d in claimed if d in wanted)
    return properties(clauses, name), at if at or dtypes else claimed[:1]
