"""The conclusion in three words, which a badge shows: only a statement of conformance is one."""

from dataclasses import replace
from typing import Any

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.report.findings import Findings, Request
from conformance.report.statement import draw_conclusion, list_grades_held, write_statement
from conformance.report.status import INTERRUPTED, Cut
from conformance.verdict import Verdict
from lstm_spec import Description, ErrorModel

OWN = ErrorModel(2.0**-20, 2.0**-20, 0.0)
ABSOLUTE = Description(grades={"float32": "absolute"})


def findings(outcome: Outcome = Outcome.HOLDS, request: dict[str, Any] | None = None, **about: Any) -> Findings:
    """What a run leaves in which everything holds, but for the first property."""
    asked = Request(**{"profile": "standard", "seed": 0, "dtypes": ("float32",), **(request or {})})
    kept = [Verdict(prop, "float32", Outcome.HOLDS) for prop in PROPERTIES]
    return replace(
        Findings("mine", Description(), True, asked, [replace(kept[0], outcome=outcome), *kept[1:]]), **about
    )


CONCLUSIONS: dict[str, tuple[Findings, str, dict[str, str]]] = {
    "everything holds": (findings(), "conforms", {"float32": "relative"}),
    "it passes at another grade": (
        findings(Outcome.REFUTED, lenient=findings(description=ABSOLUTE)),
        "conforms",
        {"float32": "absolute"},
    ),
    "something is refuted": (findings(Outcome.REFUTED), "does not conform", {}),
    "something is refuted by quick": (findings(Outcome.REFUTED, {"profile": "quick"}), "does not conform", {}),
    "something is refuted before the end": (
        findings(Outcome.REFUTED, cut=Cut("interrupted", INTERRUPTED, 999)),
        "does not conform",
        {},
    ),
    "a deviation is not as declared": (findings(complaints=("it is gone",)), "does not conform", {}),
    "something required is not claimed": (findings(request={"required": ("CELL-7",)}), "does not conform", {}),
    "quick": (findings(request={"profile": "quick"}), "no fault found", {}),
    "few examples": (findings(request={"is_thorough": False}), "no fault found", {}),
    "a selection": (findings(request={"is_whole": False}), "no fault found", {}),
    "quick, at another grade": (
        findings(Outcome.REFUTED, {"profile": "quick"}, lenient=findings(request={"profile": "quick"})),
        "no fault found",
        {},
    ),
    "an end before its time": (findings(cut=Cut("interrupted", INTERRUPTED, 999)), "not judged", {}),
    "an error model of its own": (findings(description=Description(grades={"float32": OWN})), "not judged", {}),
    "the suite itself failed": (findings(Outcome.SUITE_ERROR), "not judged", {}),
    "what cannot be read": (findings(unread=("its σ is none",)), "not judged", {}),
}


@pytest.mark.parametrize("what", CONCLUSIONS)
def test_a_conclusion_says_no_more_than_the_statement(what: str) -> None:
    found, conclusion, grades = CONCLUSIONS[what]
    assert (draw_conclusion(found), list_grades_held(found)) == (conclusion, grades)
    assert write_statement(found).startswith("conforms") == (conclusion == "conforms")
