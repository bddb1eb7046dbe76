"""docs/findings: each program runs where its library is, and still prints what the page says."""

import re
from pathlib import Path

import pytest

from tests.helpers.environment import TORCH
from tests.helpers.findings import FINDINGS, assert_finding, list_findings, read_printed
from tests.helpers.root import ROOT

ADAPTERS = (ROOT / "tests" / "adapters").glob("*/test_findings.py")
ELSEWHERE = [name for file in ADAPTERS for name in re.findall(r'list_findings\("(\w+)"\)', file.read_text("utf-8"))]
NOWHERE = ("paddle", "tinygrad")  # no environment of the tests has them
PAGES = sorted(page.name for page in FINDINGS.glob("*.md"))


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
@pytest.mark.parametrize("name", list_findings("torch"))
def test_a_finding_in_torch_is_still_seen(name: str, tmp_path: Path) -> None:
    assert_finding(name, tmp_path)


@pytest.mark.parametrize("name", PAGES)
def test_every_finding_says_what_is_printed_and_is_run_somewhere(name: str) -> None:
    assert read_printed(name).strip()
    assert name.startswith(("torch-", *(f"{library}-" for library in (*ELSEWHERE, *NOWHERE))))
