"""JSON reports, as `run` writes them."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.helpers.messages import EQUATIONS
from tests.helpers.specimens import said

SCHEMA: dict[str, Any] = json.loads((files("conformance.report") / "schema.json").read_text(encoding="utf-8"))


def write_report(folder: Path, *asked: str) -> dict[str, Any]:
    """The report of a small run in this process, unless an option says otherwise."""
    file = folder / "report.json"
    said("run", *EQUATIONS, "--no-isolate", "--out", str(folder / "out"), *asked, "--json", str(file))
    written: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return written
