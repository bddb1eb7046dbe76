"""Where each page of the repository stands in the site, and where the links in it lead there."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAMED = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changes.md",
    "proof/README.md": "proof.md",
}
NO_PAGES = ("docs/frameworks/NOTES.md",)  # a part of another page
GENERATED = ("docs/spec.md",)  # in the site other pages say the same
IMAGES = (".svg", ".png")
LINK = re.compile(r"(\]\(<?)([^)\s>]+)(>?(?:\s+\"[^\"]*\")?\))")
CODE = re.compile(r"^(`{3,}).*?^\1`*$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:", "#", "/")


@cache
def find_places() -> dict[str, str]:
    """For each page of Markdown, by its path in the repository, its path in the site."""
    found = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    places = {f"docs/{path}": path.removeprefix("site/") for path in sorted(found)} | NAMED
    return {path: place for path, place in places.items() if path not in NO_PAGES}


def rewrite_links(text: str, page: Path) -> str:
    """The text of a page of the repository, with links that hold in the site."""
    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [_rewrite(text[end : code.start()], page), code[0]]
        end = code.end()
    return "".join([*parts, _rewrite(text[end:], page)])


def _rewrite(text: str, page: Path) -> str:
    return LINK.sub(lambda link: f"{link[1]}{place_link(link[2], page)}{link[3]}", text)


def place_link(link: str, page: Path) -> str:
    """Where a link of a page of the repository leads in the site."""
    if link.startswith(ELSEWHERE):
        return link
    path, mark, anchor = link.partition("#")
    target = Path(os.path.normpath(page.parent / path)).relative_to(ROOT).as_posix()
    if target == "docs/spec.md" and re.fullmatch(r"[A-Z]+-\d+", anchor):
        return f"/{anchor.split('-')[0].lower()}.md#{anchor}"
    if target == "docs/spec.md":
        return "/spec.md"
    if target in find_places():
        return f"/{find_places()[target]}{mark}{anchor}"
    if target.endswith(IMAGES):
        return f"/{Path(target).name}"
    return f"/source/{target}/index.md" if (ROOT / target).is_dir() else f"/source/{target}.md"


def find_sources(text: str) -> Iterator[str]:
    """The files and folders of the repository that a page of the site links to."""
    for link in LINK.finditer(CODE.sub("", text)):
        if link[2].startswith("/source/"):
            yield link[2].removeprefix("/source/").removesuffix(".md").removesuffix("/index")
