"""docs/your-weights.md: every block of Python and every command in it runs, and prints what the page shows."""

from pathlib import Path

import pytest

from tests.helpers.environment import TORCH
from tests.helpers.pages import assert_shown, read_blocks, run_section
from tests.helpers.root import ROOT

PAGE = "your-weights.md"
HERE = ("PyTorch", "An answer that you have", "What the ratio means")
ADAPTERS = {"Keras": "keras", "ONNX": "onnx", "TensorFlow Lite": "tflite"}  # sections that need another environment
MISTAKES = 7


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_what_the_page_shows_is_printed(tmp_path: Path) -> None:
    printed = [run_section(PAGE, heading, tmp_path) for heading in HERE]
    none, *mistakes = printed[-1].splitlines()
    assert "relative" in none and len(mistakes) == MISTAKES and all("refuted" in line for line in mistakes)
    assert "model.pt and ported.pt: the second is the first with the gates" in printed[0]


def test_every_section_with_a_block_is_run_somewhere() -> None:
    assert {block.heading for block in read_blocks(PAGE)} == {*HERE, *ADAPTERS}
    for heading, folder in ADAPTERS.items():
        tests = "".join(
            path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "adapters" / folder).glob("*.py")
        )
        assert f'run_section("{PAGE}", "{heading}"' in tests


def test_a_line_that_is_not_printed_is_found() -> None:
    assert_shown("y  0.5  3 of 4\n", "y  12 345  30 of 41\n")
    with pytest.raises(AssertionError, match="is not in"):
        assert_shown("y  0.5\nz  0.5\n", "y  0.5\n")
    with pytest.raises(AssertionError, match="is not in"):
        assert_shown("holds at grade relative\n", "holds at grade absolute\n")
