"""Every relative link in a page of Markdown leads to a file that exists, and to an anchor that exists in it."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.root import ROOT

FOLDERS = (".github", "benchmarks", "docs", "examples", "proof", "tests", "tools")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:")


def read_links(page: Path) -> list[str]:
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in LINK.findall(text) if not link.startswith(ELSEWHERE)]


@cache
def read_anchors(page: Path) -> frozenset[str]:
    """The explicit anchors of a page, and those that GitHub makes from its headings."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    made = (re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]*>", "", heading)).strip().lower() for heading in headings)
    return frozenset([*re.findall(r'<a id="([^"]+)"', text), *(slug.replace(" ", "-") for slug in made)])


def find_dead_links(page: Path) -> list[str]:
    return [link for link in read_links(page) if is_dead(page, *link.partition("#")[::2])]


def is_dead(page: Path, path: str, anchor: str) -> bool:
    target = page.parent / path if path else page
    return not target.exists() or bool(anchor and anchor not in read_anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_of_a_page_is_dead(page: Path) -> None:
    assert find_dead_links(page) == []


def test_the_pages_have_links_to_files_and_to_anchors() -> None:
    links = [link for page in PAGES for link in read_links(page)]
    assert any(link.startswith("#") for link in links) and any(link.endswith(".md") for link in links)


def test_a_dead_file_and_a_dead_anchor_are_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text('# The two, "commands"\n<a id="CELL-1"></a>\n', encoding="utf-8")
    page = tmp_path / "page.md"
    alive = (
        "[a](there.md) [b](there.md#the-two-commands) ![c](there.md#CELL-1) `[d](gone.md)` [e](https://gone.example)"
    )
    page.write_text(f"# Top\n{alive} [f](#top)\n```\n[g](gone.md)\n```\n", encoding="utf-8")
    assert find_dead_links(page) == []
    page.write_text("[a](gone.md) [b](there.md#gone) [c](#gone)", encoding="utf-8")
    assert find_dead_links(page) == ["gone.md", "there.md#gone", "#gone"]
