"""What `quick` finds about an Implementation, and modules whose lines are changed."""

from pathlib import Path
from types import ModuleType
from typing import Any

from conformance.outcome import Outcome
from conformance.run.check import check
from conformance.verdict import find_broken_clauses
from lstm_spec import Backend, Implementation

SOME = ("SEQ-1", "SEQ-2")  # of an LSTM that compiles for minutes
ANSWER, GRADIENT = "the_answer_is_that_of_the_equations", "the_gradients_without_probes"  # of one that somebody wrote
OWN = (ANSWER, GRADIENT, "changed_in_place", "saved_and_restored", "a_state_that_is_left_out")


def find_broken(implementation: Implementation, **options: Any) -> set[str]:
    """The clauses that are broken. An error is a failure, and so is it if nothing was tried."""
    report = check(implementation, **{"profile": "quick"} | options)
    wrong = [v for v in report.verdicts if v.outcome in (Outcome.ERRORED, Outcome.SUITE_ERROR)]
    assert not wrong, wrong[0].detail
    assert any(v.outcome is Outcome.HOLDS for v in report.verdicts) or report.failures
    return {clause for v in report.verdicts if v.outcome is Outcome.REFUTED for clause in find_broken_clauses(v)}


def assert_refuted(implementation: Implementation | Backend, name: str, fault: str | None) -> None:
    """One property at float32 is refuted, and that known fault is named; without one no cause is looked for."""
    options: dict[str, Any] = {"profile": "quick", "dtypes": ("float32",), "examples": 2, "shrink": False}
    report = check(implementation, **options, name=name, diagnose=fault is not None)
    assert report.status == 1, report.statement
    assert fault is None or (report.cause and fault in report.cause.sentence)


def write_module(path: Path, where: str = "", old: str = "", new: str = "") -> ModuleType:
    """The module of a file, with one line of a class changed. It is none that is imported."""
    text = path.read_text(encoding="utf-8")
    if where:
        start = text.index(f"class {where}(")
        end = text.find("\nclass ", start + 1)
        part = text[start:end]
        assert part.count(old) == 1, f"{old!r} stands {part.count(old)} times in {where}, expected once"
        text = text[:start] + part.replace(old, new) + text[end:]
    module = ModuleType(path.stem)
    exec(compile(text, f"<{path.stem}>", "exec"), vars(module))
    return module
