"""The addresses in the site that stay: of each page, and of each section of the pages that are cited.

`python -m tools.site.anchors` adds those of a site that was built to docs/site/anchors.txt. It takes none away: an
address that was published stays, and `tests/repository/test_site.py` sees to it.
"""

from pathlib import Path

import click
from bs4 import BeautifulSoup

from lstm_spec.version import SPECIFICATION
from tools.pages.families import FAMILIES
from tools.site.clauses import name_page
from tools.site.places import DOCS, ROOT

LIST = DOCS / "site" / "anchors.txt"
CITED = {*map(name_page, FAMILIES), *(page.stem for page in (DOCS / "site").glob("*.md"))}
PASSING = ("source", "genindex", "search")  # pages that may go


def read_addresses(html: Path) -> set[str]:
    """The addresses of a built site, relative to the folder of its version."""
    found = set()
    for page in html.rglob("*.html"):
        place = page.relative_to(html)
        if not place.as_posix().startswith(PASSING):
            sections = read_sections(page) if place.with_suffix("").as_posix() in CITED else []
            found |= {place.as_posix(), *(f"{place.as_posix()}#{id}" for id in sections)}
    return found


def read_sections(page: Path) -> list[str]:
    """The ids of the sections of a page."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    return [str(section["id"]) for section in soup.find_all("section", id=True)]


def read_list() -> list[str]:
    """The addresses that were published."""
    return LIST.read_text(encoding="utf-8").split()


@click.command()
@click.option("--html", type=click.Path(path_type=Path), default=ROOT / "site" / "html" / SPECIFICATION)
def main(html: Path) -> None:
    """Add the addresses of a site that was built to the list."""
    LIST.write_text("\n".join(sorted({*read_list(), *read_addresses(html)})) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
