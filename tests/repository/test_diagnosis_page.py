"""The page about the diagnosis has the counts of what the measurements found."""

import json
from pathlib import Path

from conformance.faults.catalogue import FAULTS
from tests.helpers.root import ROOT
from tools.checks import blamed, conditions, terms
from tools.checks.named import ALONE, UNNAMED
from tools.pages.diagnosis_page import Measured, write_page

PAGE = ROOT / "docs" / "diagnosis.md"
FORWARD, CONTRACT = (next(n for n, f in FAULTS.items() if (f.kind == "contract") == is_one) for is_one in (False, True))


def write_lines(path: Path, *entries: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path


def write_group(path: Path, group: str, *outcomes: str) -> Path:
    return write_lines(path, *({"group": group, "outcome": outcome} for outcome in outcomes))


def test_each_outcome_is_counted_in_the_row_of_its_group(tmp_path: Path) -> None:
    faults = [{"name": FORWARD, "outcome": ALONE}, {"name": CONTRACT, "outcome": UNNAMED}]
    known = write_lines(tmp_path / "named", *faults, {"name": "is_no_longer_known", "outcome": ALONE})
    pairs = write_group(tmp_path / "terms", "pairs, half 1", *[terms.RIGHT] * 3, terms.WRONG)
    kinds = write_group(tmp_path / "conditions", "further kinds, half 0", conditions.RIGHT, conditions.WRONG)
    right = write_group(tmp_path / "blamed", "right, float64", *[blamed.NONE] * 3, blamed.MET, blamed.FALSE)
    text = write_page(Measured(known, pairs, kinds, right))
    assert "| values, gradients, modules | 1 | 100.0% | 1 | 0 | 0 | 0 | 0 |" in text
    assert "| contract | 1 | 0.0% | 0 | 0 | 0 | 1 | 0 |" in text
    assert "| pairs, half 1 | 4 | 75.0% | 3 | 0 | 0 | 0 | 0 | 0 | 1 |" in text
    assert "| further kinds, half 0 | 2 | 50.0% | 1 | 0 | 0 | 1 |" in text
    assert "| right, float64 | 5 | 60.0% | 3 | 0 | 1 | 1 |" in text


def test_the_page_has_every_known_fault() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    counted = sum(int(row[1]) for row in rows if row[0] in ("| values, gradients, modules", "| contract"))
    assert counted == len(FAULTS), "run `make named diagnosis-page`"
