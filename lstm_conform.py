"""The command `lstm-conform`, and the pytest option `--lstm`; standard library only.

The import names `conformance` and `backends` are generic. This module is not: it makes sure that they are ours before
anything of them is used, and as a pytest plugin it does nothing at all until `--lstm` is given.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NEEDED = ("hypothesis", "click", "rich", "autograd", "safetensors", "ml_dtypes", "junitparser")
PROFILES = ("quick", "standard", "full", "soak")


def trouble() -> str:
    """Why the suite cannot run here, in one sentence with the remedy; empty if it can."""
    ours = find_spec("lstm_spec")
    if ours is None or ours.origin is None:
        return 'lstm_spec is not installed; pip install "lstm-spec[conformance]"'
    home = Path(ours.origin).resolve().parent.parent
    for name in ("conformance", "backends"):
        found = find_spec(name)
        where = Path(found.origin).resolve() if found and found.origin else None
        if where is None and found and found.submodule_search_locations:
            where = Path(next(iter(found.submodule_search_locations))).resolve()
        if where is None or where.parent.parent != home and where != home / name:
            return f"{where or 'nothing'} is imported as {name!r} instead of ours in {home}; run it from another folder"
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return f'{", ".join(missing)} not installed; pip install "lstm-spec[conformance]"'
    return ""


def main() -> None:
    """Run the command line, or say in one sentence why it cannot."""
    reason = trouble()
    if reason:
        print(f"lstm-conform: {reason}", file=sys.stderr)
        sys.exit(3)
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # many small products: threads only get in the way
        os.environ.setdefault(variable, "1")
    try:
        from conformance.cli.main import run_program
    except KeyboardInterrupt:
        sys.exit(130)
    run_program()


def pytest_addoption(parser: Any) -> None:
    """Register --lstm, --lstm-grade and --lstm-profile (pytest calls this)."""
    group = parser.getgroup("lstm-spec")
    group.addoption(
        "--lstm",
        metavar="TARGET",
        action="append",
        default=[],
        help="with --pyargs conformance: judge this LSTM, a backend's name or package.module:NAME",
    )
    group.addoption("--lstm-grade", metavar="NAME", default="", help="judge at this grade, at the dtypes that have it")
    group.addoption("--lstm-profile", choices=PROFILES, default="quick", help="how many examples, and how large")


def pytest_configure(config: Any) -> None:
    """Refuse --lstm in one sentence if the suite cannot run (pytest calls this)."""
    if config.getoption("--lstm", default=[]):
        reason = trouble()
        if reason:
            _refuse(f"--lstm: {reason}")


def pytest_collection_finish(session: Any) -> None:
    """Refuse --lstm if none of our tests was collected: it would look green (pytest calls this)."""
    ours = any(item.nodeid.partition("::")[0].endswith("test_properties.py") for item in session.items)
    if session.config.getoption("--lstm", default=[]) and not ours:
        _refuse("--lstm judged nothing; also ask for our tests: pytest --pyargs conformance --lstm TARGET")


def _refuse(reason: str) -> None:
    import pytest

    raise pytest.UsageError(reason)


if __name__ == "__main__":
    main()
