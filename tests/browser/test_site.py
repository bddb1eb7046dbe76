"""The site in a browser: no page writes to the console, all links lead somewhere, search finds, axe finds nothing."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, product
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lstm_spec import SPECIFICATION
from tests.browser.browsing import (
    SCHEMES,
    SECONDS,
    WIDTHS,
    list_messages,
    list_violations,
    measure_overflow,
    show_page,
)
from tests.helpers.root import ROOT
from tools.site.pages import PDF

pytestmark = pytest.mark.browser
LOOKED_AT = ("index", "cell", "flow", "accuracy", "reports", "genindex", "search")  # by axe-core, which is slow
IDS = "return [...document.querySelectorAll('[id]')].map(one => one.id)"
LINKS = "return [...document.links].map(a => a.href).filter(href => href.startsWith('file:'))"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page of the site, by its name."""
    out = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "tools.site", "--out", out, "--no-pdf"], cwd=ROOT, check=True)
    folder = out / "html" / SPECIFICATION
    return {str(path.relative_to(folder).with_suffix("")): path for path in sorted(folder.rglob("*.html"))}


@pytest.fixture(scope="module")
def seen(pages: dict[str, Path], browser: Any) -> dict[str, dict[str, Any]]:
    """What a browser sees on each page, at one of the widths and in one of the schemes in turn."""

    def look() -> Iterator[tuple[str, dict[str, Any]]]:
        for (name, path), (width, scheme) in zip(pages.items(), cycle(product(WIDTHS, SCHEMES)), strict=False):
            show_page(browser, path.as_uri(), width, scheme)
            ids, links = browser.execute_script(IDS), browser.execute_script(LINKS)
            yield (
                name,
                {
                    "messages": list_messages(browser),
                    "overflow": max(measure_overflow(browser), 0),
                    "ids": ids,
                    "links": links,
                },
            )

    return dict(look())


def test_no_page_writes_to_the_console_or_is_wider_than_the_window(seen: dict[str, dict[str, Any]]) -> None:
    assert len(seen) > 40
    assert {name: one["messages"] for name, one in seen.items() if one["messages"]} == {}
    assert {name: one["overflow"] for name, one in seen.items() if one["overflow"]} == {}


def test_every_link_within_the_site_leads_to_a_place(seen: dict[str, dict[str, Any]], pages: dict[str, Path]) -> None:
    places = {pages[name].as_uri(): {"", *one["ids"]} for name, one in seen.items()}
    links = {(name, *link.partition("#")[::2]) for name, one in seen.items() for link in one["links"]}
    assert len(links) > 1000
    dead = [f"{name}: {page}#{place}" for name, page, place in links if place not in places.get(page, {""})]
    files = {page for _, page, _ in links if not page.endswith(PDF)}  # it is not printed here
    missing = [page for page in files if not Path(page.removeprefix("file://")).exists()]
    assert (sorted(dead), sorted(missing)) == ([], [])


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
@pytest.mark.parametrize("name", LOOKED_AT)
def test_axe_finds_nothing(name: str, width: int, scheme: str, pages: dict[str, Path], browser: Any) -> None:
    show_page(browser, pages[name].as_uri(), width, scheme)
    assert list_violations(browser) == []


@pytest.fixture
def address(pages: dict[str, Path]) -> Iterator[str]:
    """Where a server of this machine shows the site: a search reads the pages that it found, which files may not do."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(pages["index"].parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_search_finds_what_is_looked_for(address: str, browser: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    show_page(browser, f"{address}/search.html?q=candidate")
    for place in ("glossary.html#term-candidate", "cell.html"):

        def find(driver: Any, place: str = place) -> Any:
            return driver.find_elements("css selector", f"#search-results li a[href*='{place}']")

        assert WebDriverWait(browser, SECONDS).until(find)
    assert list_messages(browser) == []


def test_a_search_for_a_gate_leads_to_its_clause_before_all_else_but_the_glossary(address: str, browser: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    show_page(browser, f"{address}/search.html?q=forget+gate")
    shown = "return [...document.querySelectorAll('#search-results li a')].map(a => a.href)"
    WebDriverWait(browser, SECONDS).until(lambda driver: len(driver.execute_script(shown)) > 1)
    first, second = browser.execute_script(shown)[:2]
    assert "glossary.html" in first and first.endswith("#term-forget-gate")
    assert second.partition("#")[0].split("?")[0].endswith("/cell.html")
