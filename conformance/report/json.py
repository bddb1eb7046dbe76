"""Reports as JSON data for other programs."""

import importlib.metadata as metadata
import math
import platform
from collections.abc import Mapping
from typing import Any

from conformance.cases.expectations import recall_own_problem
from conformance.measurements.activation_text import accuracy_data
from conformance.report.deviations import Deviation
from conformance.report.experiments import experiment_data
from conformance.report.findings import Findings
from conformance.report.report import Report
from conformance.report.roots import key_of
from conformance.report.statement import draw_conclusion, list_grades_held
from conformance.report.status import Unjudged, worst_status
from conformance.verdict import Verdict
from lstm_spec import SPECIFICATION

JSON_VERSION = 2  # that of schema.json


def as_json(reports: list[Report], unjudged: dict[str, Unjudged]) -> dict[str, Any]:
    """The reports as JSON data, of the form of schema.json; `version` grows whenever that changes."""
    return {
        "version": JSON_VERSION,
        **describe_suite(),
        "exit_status": worst_status([r.status for r in reports] + [u.status for u in unjudged.values()]),
        "targets": [_target_data(report) for report in reports],
        "unavailable": [{"name": name, "reason": one.reason} for name, one in unjudged.items()],
    }


def describe_suite() -> dict[str, Any]:
    """The versions that a report depends on."""
    return {
        "suite": metadata.version("lstm-spec"),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in ("numpy", "hypothesis")},
        "specification": SPECIFICATION,
    }


def _target_data(report: Report) -> dict[str, Any]:
    findings, about = report.findings, report.findings.description
    against = {key_of(verdict) for verdict in report.failures}
    return {
        "name": findings.name,
        "target": report.origin.target if report.origin else findings.name,
        "version": about.version,
        "device": about.device,
        "features": sorted(about.features),
        "compiles": about.compiles,
        "sizes": [list(sizes) for sizes in findings.compiled_sizes],
        "shapes": {k: [size.start, size.stop, size.step] for k, size in vars(about.shapes).items()},
        "grades": {d: g if isinstance(g := about.grade(d), str) else _finite_numbers(vars(g)) for d in about.dtypes},
        "passes_at": findings.other_grades,
        "conclusion": draw_conclusion(findings),
        "conforms_at": list_grades_held(findings),
        "profile": findings.request.profile,
        "seed": findings.request.seed,
        "whole": findings.request.is_whole,
        "statement": report.statement,
        "exit_status": report.status,
        "likely_cause": report.cause.sentence,
        "smallest_example": report.cause.example,
        "experiments": [experiment_data(row) for row in report.cause.rows],
        "seconds": round(report.seconds, 3),
        "largest": report.extents,
        "used": report.used,
        "deviations": [_deviation_data(deviation, findings) for deviation in findings.deviations],
        "mishaps": report.mishaps,
        "complaints": list(findings.complaints),
        "activations": [accuracy_data(found) for found in report.activations],
        "end_to_end": {
            dtype: [_finite_numbers(row._asdict()) for row in rows] for dtype, rows in report.end_to_end.items()
        },
        "verdicts": [_whole_verdict_data(v, report, key_of(v) in against) for v in report.verdicts],
    }


def _deviation_data(deviation: Deviation, findings: Findings) -> dict[str, Any]:
    return {
        **vars(deviation),
        "witness": str(deviation.witness),
        "expires": deviation.expires and str(deviation.expires),
        "judged": deviation in findings.judged_deviations,
    }


def _finite_numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _finite_number(a) if isinstance(a, float) else a for k, a in fields.items()}


def _finite_number(value: float) -> float | str:
    """JSON has no infinity and no NaN."""
    return value if math.isfinite(value) else str(value)


def _whole_verdict_data(verdict: Verdict, report: Report, against: bool) -> dict[str, Any]:
    case = report.cases.get(key_of(verdict))
    return verdict_data(verdict) | {
        "against": against,
        "declared": report.findings.is_declared(verdict),
        "case": None if case is None else str(case),
    }


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """What is known of a verdict by itself, as JSON data."""
    prop, refutation = verdict.property, verdict.refutation
    found = {
        "property": prop.name,
        "family": prop.family,
        "clauses": list(prop.clauses),
        "level": str(prop.level),
        "dtype": verdict.dtype,
        "outcome": str(verdict.outcome),
        "detail": verdict.detail,
        "message": verdict.error.message if verdict.error else "",
        "examples": verdict.examples,
        "inconclusive": verdict.inconclusive,
        "seconds": round(verdict.seconds, 3),
    }
    if refutation and refutation.clause:
        found["clause"] = refutation.clause
    if refutation and refutation.asked is not None:
        found["sizes"] = dict(zip("TBIH", recall_own_problem(refutation).sizes, strict=True))
    if refutation and refutation.difference:
        difference = refutation.difference
        numbers = {k: _finite_number(getattr(difference, k)) for k in ("expected", "allowed", "got", "ratio")}
        found["difference"] = {"quantity": difference.quantity, "where": difference.where, **numbers}
    return found
