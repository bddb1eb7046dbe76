"""Runs the program of a finding, and holds what it prints against what the page says."""

import re
import subprocess
import sys
from pathlib import Path

from tests.helpers.pages import assert_shown, read_blocks
from tests.helpers.root import ROOT

FINDINGS = ROOT / "docs" / "findings"


def list_findings(library: str) -> list[str]:
    """The names of the findings in a library."""
    return sorted(page.name for page in FINDINGS.glob(f"{library}-*.md"))


def assert_finding(name: str, folder: Path, status: int = 0) -> None:
    """The program of a page ends with that status, and prints what the page says, whatever the figures."""
    (program,) = (block.text for block in read_blocks(f"findings/{name}") if block.kind == "python")
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert_shown(read_printed(name), done.stdout)


def read_printed(name: str) -> str:
    """What a page says that its program prints: a block, or what stands in backticks after the word."""
    blocks = [block.text for block in read_blocks(f"findings/{name}") if block.kind == "text"]
    text = (FINDINGS / name).read_text(encoding="utf-8")
    return (
        blocks[0]
        if blocks
        else "\n".join(re.findall(r"`([^`]+)`", text.split("\nprints ")[1].split("Expected")[0])[:1])
    )
