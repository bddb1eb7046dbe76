"""The command `lstm-conform`, and the pytest option `--lstm`; standard library only.

The import names `conformance` and `backends` are generic. This module is not: it makes sure that they are ours before
anything of them is used, and as a pytest plugin it does nothing at all until `--lstm` is given.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # to import it would take longer than all else here, and an interrupt then shows a traceback
if TYPE_CHECKING:
    from typing import Any

NEEDED = ("hypothesis", "click", "rich", "autograd", "safetensors", "ml_dtypes", "junitparser", "jsonschema", "jinja2")
PROFILES = ("quick", "standard", "full", "soak")


def trouble() -> str:
    """Why the suite cannot run here, in one sentence with the remedy; empty if it can."""
    from importlib.util import find_spec
    from pathlib import Path

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
    """Run the command line, or say in one sentence why it cannot; an interrupt is one, too, from here on."""
    try:
        _run_command()
    except KeyboardInterrupt:
        print("lstm-conform: interrupted", file=sys.stderr)
        sys.exit(130)


def _run_command() -> None:
    reason = trouble()
    if reason:
        print(f"lstm-conform: {reason}", file=sys.stderr)
        sys.exit(3)
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # many small products: threads only get in the way
        os.environ.setdefault(variable, "1")
    from conformance.cli.main import run_program

    run_program()


def pytest_addoption(parser: Any) -> None:
    """Register the options that begin with --lstm (pytest calls this)."""
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
    isolate = {"dest": "lstm_isolate", "default": None}
    reason = "run the LSTM in another process, so that a crash or a hang is a verdict (default: unless it is ours)"
    group.addoption("--lstm-isolate", action="store_true", help=reason, **isolate)
    group.addoption("--lstm-no-isolate", action="store_false", help="run the LSTM in pytest's own process", **isolate)
    group.addoption(
        "--lstm-timeout", metavar="SECONDS", type=float, default=60.0, help="for each question to an isolated LSTM"
    )
    group.addoption("--lstm-out", metavar="FOLDER", default=".lstm-conform", help="for the cases of failures")
    group.addoption("--lstm-deviations", metavar="FILE", default="", help="declared deviations, lstm-deviations.toml")


def pytest_configure(config: Any) -> None:
    """Refuse --lstm in one sentence if the suite cannot run, or else get ready to judge (pytest calls this)."""
    if config.getoption("--lstm", default=[]):
        reason = trouble()
        if reason:
            _refuse(f"--lstm: {reason}")
        from conformance.plugin.register import register_plugins

        register_plugins(config)


def _refuse(reason: str) -> None:
    import pytest

    raise pytest.UsageError(reason)


if __name__ == "__main__":
    main()
