"""Backend to Report: every property is judged, and the likely cause of what is refuted is looked for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from conformance.measurements.activation_text import list_unread
from conformance.measurements.activations import probe_activations
from conformance.measurements.end_to_end import measure_end_to_end
from conformance.property import PROPERTIES, Property
from conformance.report.deviations import select_deviations
from conformance.report.findings import Findings, Request
from conformance.report.report import Report
from conformance.report.rules import list_failures
from conformance.run.cause import find_likely_cause
from conformance.run.judge import Judging, judge_property
from conformance.run.options import Options
from conformance.run.search import ignore_example
from conformance.run.selection import plan_verdicts, select_dtypes, select_properties
from conformance.run.witnesses import find_complaints
from conformance.verdict import Verdict
from lstm_spec import Backend, Feature
from lstm_spec.claims import check_backend


def check(
    backend: Backend,
    *,
    progress: Callable[[Verdict], None] = lambda verdict: None,
    observe: Callable[[Any], None] = ignore_example,
    judging: Judging | None = None,
    **options: Any,
) -> Report:
    """Judge a backend; the Report says whether it conforms. The other keywords are the fields of `Options`.

    `progress` is called with each verdict, `observe` with each example. `judging` judges in other processes, which do
    not call `observe`. Raises ValueError for a profile that does not exist; ValueError or TypeError for a description
    that makes no sense.
    """
    return check_with(backend, Options(**options), progress, observe, judging)


def check_with(
    backend: Backend,
    options: Options,
    progress: Callable[[Verdict], None] = lambda verdict: None,
    observe: Callable[[Any], None] = ignore_example,
    judging: Judging | None = None,
) -> Report:
    """Judge a backend as the options ask; the rest as in `check`."""
    check_backend(backend)
    started, profile = time.perf_counter(), options.make_profile()
    pairs = plan_verdicts(backend, options)
    verdicts = judging(pairs, options) if judging else _judge_here(pairs, backend, options, observe)
    findings = _collect_verdicts(_prepare_findings(backend, options), verdicts, options.maxfail, progress)
    dtypes, order = findings.request.dtypes, select_properties(options.clauses, options.name)
    findings.verdicts.sort(key=lambda verdict: (dtypes.index(verdict.dtype), order.index(verdict.property)))
    report = Report(findings)
    if options.diagnose:
        report = replace(report, cause=find_likely_cause(findings, backend, profile))
    if findings.request.is_whole:
        report = _add_measurements(report, backend, profile.reach == "full")
    complaints, unread = find_complaints(findings, backend), list_unread(report.activations)
    findings = replace(findings, complaints=complaints, unread=unread)
    return replace(report, findings=findings, seconds=time.perf_counter() - started)


def _prepare_findings(backend: Backend, options: Options) -> Findings:
    """The findings before the first verdict."""
    offers_gradients = backend.offers(Feature.GRADIENTS)
    request = Request(
        options.profile,
        options.run_seed,
        select_dtypes(backend, options),
        options.dtypes,
        is_whole=select_properties(options.clauses, options.name) == PROPERTIES,
        is_thorough=options.is_thorough,
        strict=options.strict,
        required=options.required,
        accept_declared=options.accept_declared,
    )
    return Findings(
        backend.name,
        backend.description,
        offers_gradients,
        request,
        hides_gradients=backend.gradients is not None and not offers_gradients,
        deviations=select_deviations(backend, options.deviations),
    )


def _judge_here(
    pairs: list[tuple[Property, str]], backend: Backend, options: Options, observe: Callable[[Any], None]
) -> Iterator[Verdict]:
    for prop, dtype in pairs:
        yield judge_property(
            prop, backend, dtype, options.make_profile(), options.run_seed, observe, shrink=options.shrink
        )


def _collect_verdicts(
    findings: Findings, verdicts: Iterator[Verdict], maxfail: int | None, progress: Callable[[Verdict], None]
) -> Findings:
    """The findings with the verdicts; judging stops after `maxfail` failures."""
    for verdict in verdicts:
        findings.verdicts.append(verdict)
        progress(verdict)
        if maxfail is not None and len(list_failures(findings)) >= maxfail:
            return replace(findings, request=replace(findings.request, is_whole=False))
    return findings


def _add_measurements(report: Report, backend: Backend, is_full: bool) -> Report:
    """The report with figures that are shown and decide nothing."""
    dtypes = report.findings.request.dtypes
    tables = {dtype: measure_end_to_end(backend, dtype) for dtype in dtypes} if is_full else {}
    return replace(report, activations=tuple(probe_activations(backend, d) for d in dtypes), end_to_end=tables)
