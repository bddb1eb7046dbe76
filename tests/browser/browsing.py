"""A browser without a window that tests look through, and what it finds wrong with a page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.site.pdf import OPTIONS, find_browser

WIDTHS = (375, 768, 1280)
SCHEMES = ("light", "dark")
SECONDS = 100  # for a script or a page; the driver itself is waited for for 120 s
PACKAGE = "axe_playwright_python"  # it brings axe-core; nothing else of it is used


@contextmanager
def open_browser() -> Iterator[Any]:
    """A Chromium with a profile of its own, driven by Selenium; both have to be installed."""
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    browser, driver = find_browser(), shutil.which("chromedriver")
    assert browser and driver, "Chromium is missing; on Debian: apt-get install chromium chromium-driver"
    with TemporaryDirectory() as profile:
        options = Options()
        options.binary_location = browser
        for option in (*OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        chrome = Chrome(options=options, service=Service(driver))
        chrome.set_script_timeout(SECONDS)
        chrome.set_page_load_timeout(SECONDS)
        try:
            yield chrome
        finally:
            chrome.quit()


def show_page(browser: Any, address: str, width: int = 1280, scheme: str = "light") -> None:
    """Load a page at that width in CSS pixels, as somebody sees it who prefers that scheme."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get("about:blank")  # else another fragment of the same page is not loaded anew
    browser.get_log("browser")
    browser.get(address)


def list_messages(browser: Any) -> list[str]:
    """What the page has written to the console since it was loaded; errors of the network, too."""
    return [entry["message"] for entry in browser.get_log("browser")]


def list_violations(browser: Any) -> list[str]:
    """What axe-core finds wrong with the page, with the elements."""
    spec = find_spec(PACKAGE)
    assert spec and spec.origin, f"{PACKAGE} is missing; make test-browser installs it"
    browser.execute_script((Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    return [f"{one['id']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]]


def measure_overflow(browser: Any) -> int:
    """By how many pixels the page is wider than the window."""
    root = "document.documentElement"
    return int(browser.execute_script(f"return {root}.scrollWidth - {root}.clientWidth"))
