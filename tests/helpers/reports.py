"""JSON reports, as `run` writes them."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from conformance.outcome import Outcome, Refuted
from conformance.property import PROPERTIES, Property
from conformance.report.findings import Findings, Request
from conformance.report.report import Report
from conformance.targets.origin import Origin
from conformance.verdict import Verdict
from lstm_spec import Description
from tests.helpers.messages import EQUATIONS
from tests.helpers.specimens import said

SCHEMA: dict[str, Any] = json.loads((files("conformance.report") / "schema.json").read_text(encoding="utf-8"))


def write_report(folder: Path, *asked: str) -> dict[str, Any]:
    """The report of a small run in this process, unless an option says otherwise."""
    file = folder / "report.json"
    said("run", *EQUATIONS, "--no-isolate", "--out", str(folder / "out"), *asked, "--json", str(file))
    written: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return written


def make_verdict(outcome: Outcome, detail: str = "y is off", prop: Property | None = None) -> Verdict:
    refutation = Refuted(detail) if outcome is Outcome.REFUTED else None
    return Verdict(prop or PROPERTIES[0], "float32", outcome, detail, refutation=refutation)


def make_report(
    *verdicts: Verdict, name: str = "mine", version: str = "2.0", device: str = "cpu", **about: Any
) -> Report:
    """A report on verdicts at float32, without a run."""
    described = Description(version, device)
    findings = Findings(name, described, True, Request("quick", 0, ("float32",), is_whole=False), list(verdicts))
    return Report(findings, **{"origin": Origin(name, 0), **about})
