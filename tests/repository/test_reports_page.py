"""docs/reports.md: the refutation that it shows is the one that its command prints, but for the figures.

They depend on how far shrinking came in its time.
"""

import re
from pathlib import Path

from tests.helpers.pages import read_blocks
from tests.helpers.specimens import said

BLOCKS = [block.text for block in read_blocks("reports.md") if block.heading == "A refutation"]


def mask(text: str) -> list[str]:
    """The lines of a text without figures and hashes."""
    masked = re.sub(r"-[0-9a-f]{8}\.", "-#.", text)
    return re.sub(r"\b\d[\d .]*(e-\d+)?", "#", masked).splitlines()


def test_the_refutation_is_the_one_that_is_printed(tmp_path: Path) -> None:
    asked = ("--dtype", "float32", "--maxfail", "1", "--no-isolate", "--jobs", "1", "--out", str(tmp_path))
    _, text = said("run", "fault:swaps_input_and_forget_gates", *asked)
    printed = mask(text.replace(str(tmp_path), ".lstm-conform"))
    assert [line for line in mask(BLOCKS[-1]) if line not in printed] == []
