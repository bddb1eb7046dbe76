"""Reports as data for other programs: JSON."""

import importlib.metadata as metadata
import math
import platform
from typing import Any

from conformance.property import Verdict
from conformance.report import UNUSABLE, Report, worst
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
        "verdicts": [_verdict(verdict) for verdict in report.verdicts],
    }


def _number(value: float) -> float | str:
    """JSON has no infinity and no NaN."""
    return value if math.isfinite(value) else str(value)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    prop, refutation = verdict.property, verdict.refutation
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
