"""Prints the pages of the specification, on one page of HTML, to PDF with Chromium."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from bs4 import BeautifulSoup

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PRINTING = ("--no-pdf-header-footer", "--generate-pdf-document-outline")
LONGEST = 120  # seconds


def find_browser() -> str | None:
    """The path of a browser that can print; None without one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def print_pdf(page: Path, pdf: Path) -> None:
    """Print a page of HTML to a file. Raises subprocess.CalledProcessError if the browser fails."""
    page.write_text(prepare_page(page.read_text(encoding="utf-8")), encoding="utf-8")
    with tempfile.TemporaryDirectory() as profile:
        browser = [str(find_browser()), *OPTIONS, *PRINTING, f"--user-data-dir={profile}"]
        command = [*browser, f"--print-to-pdf={pdf.resolve()}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=LONGEST)


def prepare_page(html: str) -> str:
    """The page as paper needs it: the text only, everything unfolded, and no links to pages that are not in it."""
    soup = BeautifulSoup(html, "html.parser")
    for folded in soup.find_all("details"):
        folded["open"] = ""
    article = soup.find("article")
    if article and soup.body:
        soup.body.clear()
        soup.body.append(article)
    anchors = {tag["id"] for tag in soup.find_all(id=True)}
    for link in soup.find_all("a", href=True):
        href = str(link["href"])
        if not href.startswith(("http", "mailto:")) and href.partition("#")[2] not in anchors:
            link.unwrap()
    return str(soup)
