"""What the theme and docutils leave out for those who use a keyboard or a screen reader, put into the built pages."""

import re
from pathlib import Path

MENDED = (  # what axe-core complains about, and what it accepts
    ('<p class="caption" role="heading">', '<p class="caption" role="heading" aria-level="2">'),
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer', '<aside aria-label="This page" class="toc-drawer'),
    ("<pre>", '<pre tabindex="0">'),
    ('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'),
    ('<div role="list" class="citation-list">', '<div class="citation-list">'),
    (' role="doc-biblioentry"', ""),
    (' role="doc-backlink"', ""),
)
EMPTY_HEADER = re.compile(r"<th class=\"head\"><p></p></th>")


def mend_pages(html: Path) -> None:
    """Mend all pages below a folder."""
    for page in html.rglob("*.html"):
        page.write_text(mend_page(page.read_text(encoding="utf-8")), encoding="utf-8")


def mend_page(text: str) -> str:
    """A page with what was left out."""
    for old, new in MENDED:
        text = text.replace(old, new)
    if "<h1" not in text:
        text = text.replace('<div id="search-results">', '<h1>Search</h1>\n<div id="search-results">', 1)
    return EMPTY_HEADER.sub("<td></td>", text)
