"""The page of a report in a browser: nothing is broken, everything can be reached, filters work, axe finds nothing."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.browser.browsing import (
    SCHEMES,
    WIDTHS,
    list_messages,
    list_violations,
    measure_overflow,
    show_page,
)
from tests.helpers.messages import QUICK
from tests.helpers.program import run_program
from tests.helpers.root import ROOT
from tests.helpers.specimens import target

pytestmark = pytest.mark.browser
SELECTED = ("--clause", "CELL-*", "--clause", "SEQ-*", "--clause", "CONTRACT-3", "--clause", "LEN-*")
RUNS = {
    "a right one": ("numpy", "--dtype", "float32", "--dtype", "float64"),
    "a wrong one": ("fault:truncates_the_gradient_after_50_steps", "--clause", "GRAD-3"),
    "one with several causes": (target("returns_nan"), target("swaps_input_and_forget_gates"), *2 * ("numpy",), "zzz"),
    "one that raises": (target("raises"),),
    "one that claims nothing of it": (target("plain"), "-k", "beyond"),
}
ROWS = "return [...document.querySelectorAll('#t1-property-table tbody tr:not(.family)')].filter(r => r.offsetParent)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The address of the page of each run."""
    folder = tmp_path_factory.mktemp("reports")
    for k, asked in enumerate(RUNS.values()):
        out = ("--no-isolate", "--out", str(folder), "--html", str(folder / f"{k}.html"))
        run_program("run", *QUICK, *SELECTED, *asked, *out, folder=ROOT)
    return {name: (folder / f"{k}.html").as_uri() for k, name in enumerate(RUNS)}


LOOKS = list(product(WIDTHS, SCHEMES))
FEW = [(375, "dark"), (1280, "light")]


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [(name, *look) for name in RUNS for look in (LOOKS if name == "a wrong one" else FEW)],
)
def test_a_page_is_whole_and_accessible(
    name: str, width: int, scheme: str, pages: dict[str, str], browser: Any
) -> None:
    show_page(browser, pages[name], width, scheme)
    assert list_messages(browser) == [] and measure_overflow(browser) <= 0
    assert list_violations(browser) == []


@pytest.mark.parametrize("name", RUNS)
def test_every_link_leads_to_a_place_on_the_page(name: str, pages: dict[str, str], browser: Any) -> None:
    show_page(browser, pages[name])
    dead = "return [...document.links].filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.href)"
    assert browser.execute_script(dead) == [] and browser.execute_script("return document.links.length") > 2


def choose(field: Any, text: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(field).select_by_visible_text(text)


def test_filters_show_what_is_asked_for_and_nothing_else(pages: dict[str, str], browser: Any) -> None:
    show_page(browser, pages["a right one"])
    every = browser.execute_script(ROWS)
    field, outcome, dtype = (
        browser.find_element("css selector", f"[data-for=t1-property-table] [name={name}]")
        for name in ("text", "outcome", "dtype")
    )
    field.send_keys("seq-4 sizes")
    few = browser.execute_script(ROWS)
    assert 0 < len(few) < len(every) and all("SEQ-4" in row.text and "sizes" in row.text for row in few)
    assert f"{len(few)} of " in browser.find_element("css selector", "[data-for=t1-property-table] output").text
    field.clear()
    field.send_keys(" ")
    choose(outcome, "refuted")
    assert browser.execute_script(ROWS) == []
    choose(outcome, "any")
    assert len(browser.execute_script(ROWS)) == len(every)
    choose(dtype, "float64")
    cells = "return [...document.querySelectorAll('#t1-property-table [data-dtype]')].filter(c => c.offsetParent)"
    assert {cell.get_attribute("data-dtype") for cell in browser.execute_script(cells)} == {"float64"}


def test_without_scripts_everything_is_there(pages: dict[str, str], browser: Any) -> None:
    show_page(browser, pages["a wrong one"])
    every = len(browser.execute_script(ROWS))
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show_page(browser, pages["a wrong one"])
        rows = browser.find_elements("css selector", "#t1-property-table tbody tr:not(.family)")
        assert len(rows) == every > 0 and all(row.is_displayed() for row in rows)
        assert not any(form.is_displayed() for form in browser.find_elements("css selector", "form"))
        pictures = browser.find_elements("css selector", ".picture svg")
        assert len(pictures) > 2 and all(picture.size["height"] > 20 for picture in pictures)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_what_is_folded_is_printed(pages: dict[str, str], browser: Any) -> None:
    show_page(browser, pages["one that claims nothing of it"])
    folded = "return document.querySelectorAll('details:not([open])').length"
    assert browser.execute_script(folded) > 0
    browser.execute_cdp_cmd("Page.printToPDF", {})
    assert browser.execute_script(folded) == 0


def test_the_policy_of_a_page_stops_scripts_that_are_not_ours(
    pages: dict[str, str], browser: Any, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    whole = Path(pages["a right one"].removeprefix("file://")).read_text(encoding="utf-8")
    page.write_text(whole.replace("</main>", "<script>document.title = 'theirs'</script></main>"), encoding="utf-8")
    show_page(browser, page.as_uri())
    assert browser.title != "theirs" and any("Content Security Policy" in said for said in list_messages(browser))
