"""Backend to Report: `check` asks every property and looks for the likely cause of what is refuted."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.measurements.activations import probe_activations
from conformance.measurements.end_to_end import end_to_end
from conformance.property import PROPERTIES
from conformance.report.deviations import Deviation, declared_for
from conformance.report.report import Asked, Report
from conformance.run.cause import add_cause
from conformance.run.judge import Judging, judge
from conformance.run.profiles import PROFILES, Profile
from conformance.run.search import nobody
from conformance.run.selection import SHARPEST, bluntness, selected
from conformance.run.witnesses import examined
from conformance.verdict import Verdict
from lstm_spec import Backend, Feature
from lstm_spec.validation import check_backend


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
    ordered = sorted(chosen, key=lambda prop: bluntness(prop, first))
    pairs = [(prop, dtype) for dtype in at for prop in ordered if prop.is_of(dtype)]
    here = (judge(prop, backend, dtype, how, run_seed, observe, shrink) for prop, dtype in pairs)
    for verdict in judging(pairs, how, run_seed, shrink) if judging else here:
        report.verdicts.append(verdict)
        progress(verdict)
        if maxfail is not None and len(report.failures) >= maxfail:
            report = replace(report, asked=replace(asked, whole=False))
            break
    report.verdicts.sort(key=lambda verdict: (at.index(verdict.dtype), chosen.index(verdict.property)))
    report = add_cause(report, backend, how) if diagnose else report
    report = _informed(report, backend, how) if report.asked.whole else report
    return replace(examined(report, backend), seconds=time.perf_counter() - started)


def _informed(report: Report, backend: Backend, how: Profile) -> Report:
    """The report with what is shown beside the verdicts, and decides nothing."""
    at = report.asked.dtypes
    tables = {dtype: end_to_end(backend, dtype) for dtype in at} if how.reach == "full" else {}
    return replace(report, activations=tuple(probe_activations(backend, dtype) for dtype in at), end_to_end=tables)
