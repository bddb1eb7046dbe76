"""The judge: says whether an implementation is an LSTM. `check(backend)` returns a Report.

`judge(problem, answer)` says whether an answer that you have is right; nothing is asked of whoever gave it.

`lend(target)` makes a backend in a process of its own, so that a crash and a hang are verdicts, too.

Nothing is imported until it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.outcome import Outcome as Outcome
    from conformance.property import Property as Property
    from conformance.property import verifies as verifies
    from conformance.report.report import Report as Report
    from conformance.run.answers import judge as judge
    from conformance.run.check import check as check
    from conformance.targets.lending import lend as lend
    from conformance.verdict import Verdict as Verdict

_HOME = {
    "check": "conformance.run.check",
    "judge": "conformance.run.answers",
    "lend": "conformance.targets.lending",
    "Report": "conformance.report.report",
    "Outcome": "conformance.outcome",
    "Property": "conformance.property",
    "Verdict": "conformance.verdict",
    "verifies": "conformance.property",
}
__all__ = ["Outcome", "Property", "Report", "Verdict", "check", "judge", "lend", "verifies"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
