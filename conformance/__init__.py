"""The judge: says whether an implementation is an LSTM. `check(backend)` returns a Report.

Nothing is imported until it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.checking import check as check
    from conformance.property import Outcome as Outcome
    from conformance.property import Property as Property
    from conformance.property import Verdict as Verdict
    from conformance.property import verifies as verifies
    from conformance.report import Report as Report

_HOME = {
    "check": "conformance.checking",
    "Report": "conformance.report",
    "Outcome": "conformance.property",
    "Property": "conformance.property",
    "Verdict": "conformance.property",
    "verifies": "conformance.property",
}
__all__ = ["Outcome", "Property", "Report", "Verdict", "check", "verifies"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
