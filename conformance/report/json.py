"""Reports as JSON data for other programs."""

import importlib.metadata as metadata
import math
import platform
from typing import Any

from conformance.measurements.activation_text import as_data
from conformance.measurements.end_to_end import Row
from conformance.report.deviations import Deviation
from conformance.report.report import Report
from conformance.report.status import UNUSABLE, worst
from conformance.verdict import Verdict
from lstm_spec import SPECIFICATION

JSON_VERSION = 1


def as_json(reports: list[Report], unusable: dict[str, str]) -> dict[str, Any]:
    """The reports as JSON data; `version` counts changes of this form."""
    return {
        "version": JSON_VERSION,
        "suite": metadata.version("lstm-spec"),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in ("numpy", "hypothesis")},
        "specification": SPECIFICATION,
        "exit_status": worst([r.status for r in reports] + [UNUSABLE] * len(unusable)),
        "targets": [_target(report) for report in reports],
        "unavailable": [{"name": name, "reason": reason} for name, reason in unusable.items()],
    }


def _target(report: Report) -> dict[str, Any]:
    about = report.description
    return {
        "name": report.name,
        "version": about.version,
        "device": about.device,
        "features": sorted(about.features),
        "shapes": {k: [size.start, size.stop, size.step] for k, size in vars(about.shapes).items()},
        "grades": {d: g if isinstance(g := about.grade(d), str) else vars(g) for d in about.dtypes},
        "profile": report.asked.profile,
        "seed": report.asked.seed,
        "whole": report.asked.whole,
        "statement": report.statement,
        "exit_status": report.status,
        "likely_cause": report.cause,
        "seconds": round(report.seconds, 3),
        "deviations": [_deviation(deviation, report) for deviation in report.deviations],
        "complaints": list(report.complaints),
        "activations": [as_data(found) for found in report.activations],
        "end_to_end": {dtype: [_row(row) for row in rows] for dtype, rows in report.end_to_end.items()},
        "verdicts": [_verdict(verdict, report) for verdict in report.verdicts],
    }


def _deviation(deviation: Deviation, report: Report) -> dict[str, Any]:
    return {
        **vars(deviation),
        "witness": str(deviation.witness),
        "expires": deviation.expires and str(deviation.expires),
        "judged": deviation in report.judged_deviations,
    }


def _row(row: Row) -> dict[str, Any]:
    return {k: _number(a) if isinstance(a, float) else a for k, a in row._asdict().items()}


def _number(value: float) -> float | str:
    """JSON has no infinity and no NaN."""
    return value if math.isfinite(value) else str(value)


def _verdict(verdict: Verdict, report: Report) -> dict[str, Any]:
    prop, refutation = verdict.property, verdict.refutation
    case = report.cases.get((prop.name, verdict.dtype))
    found = {
        "property": prop.name,
        "family": prop.family,
        "clauses": list(prop.clauses),
        "level": str(prop.level),
        "dtype": verdict.dtype,
        "outcome": str(verdict.outcome),
        "detail": verdict.detail,
        "examples": verdict.examples,
        "inconclusive": verdict.inconclusive,
        "declared": report.deviating(verdict),
        "case": None if case is None else str(case),
    }
    if refutation and refutation.clause:
        found["clause"] = refutation.clause
    if refutation and refutation.asked is not None:
        found["sizes"] = dict(zip("TBIH", refutation.asked.sizes, strict=True))
    if refutation and refutation.difference:
        difference = refutation.difference
        numbers = {k: _number(getattr(difference, k)) for k in ("expected", "allowed", "got", "ratio")}
        found["difference"] = {"quantity": difference.quantity, "where": difference.where, **numbers}
    return found
