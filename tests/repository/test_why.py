"""docs/why.md: every block of Python in it runs, in order, and every clause in it exists; its pictures are there."""

import re

import pytest

from lstm_spec import CLAUSES
from tests.helpers.root import ROOT

PAGE = ROOT / "docs" / "why.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_every_claim_of_the_page_holds() -> None:
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    assert len(BLOCKS) == TEXT.count("```python") == 7


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_claims_something(block: str) -> None:
    assert "assert " in block


def test_every_clause_of_the_page_exists() -> None:
    cited = set(re.findall(r"\b[A-Z]{3,8}-\d+\b", TEXT))
    assert cited <= set(CLAUSES) and {f"FLOW-{k}" for k in range(1, 8)} <= cited


@pytest.mark.parametrize("picture", re.findall(r"\]\((\S+\.svg)\)", TEXT))
def test_every_picture_is_there(picture: str) -> None:
    assert (PAGE.parent / picture).read_text(encoding="utf-8").startswith("<?xml")
