"""`make site`: the specification and all pages of docs/ as a site, and as one PDF.

The site stands in a folder that is named after the version of the specification, so that its links stay true when there
is another version; `index.html` beside that folder leads to it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import click

from lstm_spec import SPECIFICATION
from tools.site.fonts import write_font
from tools.site.mending import mend_pages
from tools.site.pages import PDF, assemble
from tools.site.pdf import BROWSERS, find_browser, print_pdf
from tools.site.places import ROOT

LEADS = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>LSTM Specification</title>
<meta http-equiv="refresh" content="0; url={version}/">
<link rel="canonical" href="{version}/">
<p><a href="{version}/">LSTM Specification {version}</a></p>
</html>
"""


PAPER = (
    "-D",
    "root_doc=paper",
    "-D",
    "exclude_patterns=index.md",
    "-D",
    "suppress_warnings=toc.not_included",
    "-D",
    "html_css_files=site.css,paper.css",
)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "site", show_default="site", help="The folder.")
@click.option("--pdf/--no-pdf", default=True, help="Print the PDF, too. It needs Chromium.", show_default=True)
def main(out: Path, pdf: bool) -> None:
    """Build the site. A warning of Sphinx is an error."""
    if pdf and not find_browser():
        raise click.UsageError(
            f"none of {', '.join(BROWSERS)} is there to print the PDF; install Chromium, or use --no-pdf"
        )
    source, html = out / "source", out / "html" / SPECIFICATION
    shutil.rmtree(html, ignore_errors=True)  # pages that are gone
    assemble(source)
    write_font(source / "_static" / "mathematics.woff2")
    build_pages("html", source, html)
    mend_pages(html)
    (html.parent / "index.html").write_text(LEADS.format(version=SPECIFICATION), encoding="utf-8")
    (html.parent / ".nojekyll").touch()
    if pdf:
        build_pages("singlehtml", source, out / "paper", *PAPER)
        print_pdf(out / "paper" / "paper.html", html / PDF)
    click.echo(html / "index.html")


def build_pages(builder: str, source: Path, out: Path, *options: str) -> None:
    """Run Sphinx, and end with its exit status if it fails."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder, *options]
    where = ["-d", f"{out.resolve()}.doctrees", str(source.resolve()), str(out.resolve())]
    done = subprocess.run([*command, *where], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
