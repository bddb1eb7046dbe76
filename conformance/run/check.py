"""Backend to Report: every property is judged, and the likely cause of what is refuted is looked for."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from conformance.diagnosis.experiments.first import Renew
from conformance.measurements.activation_text import list_unread
from conformance.measurements.activations import Accuracy, probe_activations, unread_accuracy
from conformance.measurements.compiling import note_compiling
from conformance.measurements.end_to_end import Row, measure_end_to_end
from conformance.property import PROPERTIES, Property
from conformance.report.deviations import select_deviations
from conformance.report.findings import Findings, Request
from conformance.report.report import Report
from conformance.report.roots import Cause
from conformance.report.rules import list_failures
from conformance.report.status import Cut
from conformance.run.cause import find_likely_cause
from conformance.run.grades import describe_lenient_grades, find_lenient_grades, judge_at_grades
from conformance.run.judge import Judging, judge_pair
from conformance.run.options import Options, make_options
from conformance.run.search import ignore_example
from conformance.run.selection import explain_no_match, plan_verdicts, select_dtypes, select_properties
from conformance.run.witnesses import find_complaints
from conformance.targets.raised import describe_raised
from conformance.verdict import Verdict
from lstm_spec import Backend, Feature, Implementation, make_backend
from lstm_spec.claims import check_backend

UNSEEN = "the deviations and the measurements could not be looked at, because the suite failed"


def check(
    backend: Backend | Implementation,
    *,
    progress: Callable[[Verdict], None] = lambda verdict: None,
    observe: Callable[[Any], None] = ignore_example,
    judging: Judging | None = None,
    **options: Any,
) -> Report:
    """Judge a backend; the Report says whether it conforms. The other keywords are the fields of `Options`.

    `progress` is called with each verdict, `observe` with each example. `judging` judges in other processes, which do
    not call `observe`. Raises ValueError or TypeError for an option, a backend or a description that makes no sense.
    """
    return check_with(backend, make_options(options), progress, observe, judging)


def check_with(
    backend: Backend | Implementation,
    options: Options,
    progress: Callable[[Verdict], None] = lambda verdict: None,
    observe: Callable[[Any], None] = ignore_example,
    judging: Judging | None = None,
    renew: Renew | None = None,
) -> Report:
    """Judge a backend as the options ask; the rest as in `check`. `renew` makes the backend in a fresh process."""
    backend = make_backend(backend) if isinstance(backend, Implementation) else backend
    check_backend(backend)
    started, backend = time.perf_counter(), options.apply_to(backend)
    pairs = plan_verdicts(backend, options)
    verdicts = judging(pairs, options) if judging else _judge_in_turn(pairs, backend, options, observe)
    findings = _collect_verdicts(prepare_findings(backend, options), verdicts, options, progress)
    if any(verdict.compiled is not None for verdict in findings.verdicts):
        options = replace(options, compiles=True)
        backend = options.apply_to(backend)
        findings = replace(findings, description=backend.description)
    return replace(conclude_report(findings, backend, options, judging, renew), seconds=time.perf_counter() - started)


def _judge_in_turn(
    pairs: list[tuple[Property, str]], backend: Backend, options: Options, observe: Callable[[Any], None]
) -> Iterator[Verdict]:
    """The verdicts; after the first one it is measured whether the backend compiles, so that no first call is lost."""
    for k, pair in enumerate(pairs):
        yield judge_pair(pair, backend, options, observe)
        backend = backend if k else note_compiling(backend)


def conclude_report(
    findings: Findings,
    backend: Backend,
    options: Options,
    judging: Judging | None = None,
    renew: Renew | None = None,
) -> Report:
    """The report on all verdicts: what else is measured, what is wrong with the deviations, and the likely cause."""
    report = Report(findings)
    if findings.request.is_whole:
        report = _add_measurements(report, backend, options.make_profile().reach == "full")
    findings = replace(findings, unread=(UNSEEN,))  # unless both of these come to their end
    with _keep_what_was_found("looking at the deviations and the measurements", report.mishaps):
        complaints, unread = find_complaints(findings, backend), list_unread(report.activations)
        findings = replace(findings, complaints=complaints, unread=unread)
    if options.diagnose:
        with _keep_what_was_found("looking for another grade", report.mishaps):
            grades = find_lenient_grades(findings, backend, options)
            findings = replace(findings, lenient=judge_at_grades(findings, backend, options, grades, judging))
            report = replace(report, cause=Cause(describe_lenient_grades(grades)))
        with _keep_what_was_found("looking for the likely cause", report.mishaps):
            if not report.cause.sentence:
                report = replace(report, cause=find_likely_cause(findings, backend, options.budget, renew))
    return replace(report, findings=findings)


@contextmanager
def _keep_what_was_found(what: str, mishaps: list[str]) -> Iterator[None]:
    """Go on after the block, whatever it raises; a sentence about that is among the mishaps."""
    try:
        yield
    except Exception as error:  # a mistake of ours, or a broken pool: the verdicts stand
        mishaps.append(f"{what} failed ({describe_raised(error)})")


def prepare_findings(backend: Backend, options: Options) -> Findings:
    """The findings before the first verdict."""
    offers_gradients = backend.offers(Feature.GRADIENTS)
    request = Request(
        options.profile,
        options.run_seed,
        select_dtypes(backend, options),
        options.dtypes or options.graded_dtypes,
        is_whole=select_properties(options.clauses, options.name) == PROPERTIES,
        is_thorough=options.is_thorough,
        strict=options.strict,
        required=options.required,
        accept_declared=options.accept_declared,
        unmatched=explain_no_match(options.name),
    )
    return Findings(
        backend.name,
        backend.description,
        offers_gradients,
        request,
        hides_gradients=backend.gradients is not None and not offers_gradients,
        deviations=select_deviations(backend, options.deviations),
    )


def _collect_verdicts(
    findings: Findings, verdicts: Iterator[Verdict], options: Options, progress: Callable[[Verdict], None]
) -> Findings:
    """The findings with the verdicts, by dtype; judging stops after `maxfail` failures."""
    for verdict in verdicts:
        findings.verdicts.append(verdict)
        progress(verdict)
        if options.maxfail is not None and len(list_failures(findings)) >= options.maxfail:
            findings = replace(findings, request=replace(findings.request, is_whole=False))
            break
    return _sort_verdicts(findings, options)


def _sort_verdicts(findings: Findings, options: Options) -> Findings:
    """The findings with the verdicts by dtype, then as the properties are listed."""
    dtypes, order = findings.request.dtypes, select_properties(options.clauses, options.name)
    findings.verdicts.sort(key=lambda verdict: (dtypes.index(verdict.dtype), order.index(verdict.property)))
    return findings


def report_cut(backend: Backend, options: Options, verdicts: list[Verdict], cut: Cut) -> Report:
    """The report on a run that ended before its time, with the verdicts that it came to."""
    backend = options.apply_to(backend)
    findings = prepare_findings(backend, options)
    request = replace(findings.request, is_whole=False)
    findings = replace(findings, request=request, verdicts=list(verdicts), cut=cut)
    return Report(_sort_verdicts(findings, options), seconds=sum(verdict.seconds for verdict in verdicts))


def _add_measurements(report: Report, backend: Backend, is_full: bool) -> Report:
    """The report with figures that are shown and decide nothing."""
    tables, probed = dict[str, list[Row]](), list[Accuracy]()
    for dtype in report.findings.request.dtypes:
        with _keep_what_was_found(f"measuring σ and tanh at {dtype}", report.mishaps):
            probed.append(unread_accuracy(backend, dtype, "the suite failed"))
            probed[-1] = probe_activations(backend, dtype)
        with _keep_what_was_found(f"measuring from end to end at {dtype}", report.mishaps):
            tables |= {dtype: measure_end_to_end(backend, dtype)} if is_full else {}
    return replace(report, activations=tuple(probed), end_to_end=tables)
