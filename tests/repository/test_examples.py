"""The examples are short, and say how they are judged."""

from pathlib import Path

import pytest

from conformance.cases.load import load_case
from tests.helpers.root import ROOT

TRAINS = "long_memory"  # it has tests of its own
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if path.stem != TRAINS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_how_it_is_judged(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert f"lstm-conform run examples.{example.stem}:BACKEND" in text.splitlines()[0]


def test_the_case_of_a_deviation_can_be_read() -> None:
    assert load_case(ROOT / "examples" / "cases" / "onnxruntime-num-2.safetensors").about["clause"] == "NUM-2"
