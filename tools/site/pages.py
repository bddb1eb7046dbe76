"""Puts the pages of the site together: those of the repository, with links that hold there, and those that are made."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from conformance.report.json import JSON_VERSION
from lstm_spec.version import SPECIFICATION, SPECIFICATION_DATE, SUITE
from tools.pages.citation import write_bibtex
from tools.pages.families import FAMILIES
from tools.site.clauses import list_findings, name_page, write_choices, write_equations, write_family, write_overview
from tools.site.places import DOCS, GENERATED, ROOT, find_places, find_sources, rewrite_links


def write_changes() -> str:
    """What is not yet released, as scriv will collect it."""
    command = [sys.executable, "-m", "scriv", "print"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"## Not yet released\n\n{done.stdout}" if done.returncode == 0 else ""  # 2: there is nothing to collect


PDF = f"lstm-specification-{SPECIFICATION}.pdf"


def list_others() -> str:
    """The pages of docs/ that the first page does not name, so that a new one is in the menu, too."""
    named = set((DOCS / "site" / "index.md").read_text(encoding="utf-8").split())
    return "\n".join(sorted(page.stem for page in DOCS.glob("*.md") if page.stem not in named))


FILLED: dict[str, Callable[[], str]] = {  # what the pages of docs/site leave open
    "<!-- scriv-insert-here -->": write_changes,
    "{choices}": write_choices,
    "{overview}": write_overview,
    "{equations}": write_equations,
    "{bibtex}": lambda: f"```bibtex\n{write_bibtex()}\n```",
    "{others}": list_others,
    "{pdf}": lambda: f'<a href="{PDF}">the specification as PDF</a>',
    "{report}": lambda: str(JSON_VERSION),
    "{specification}": lambda: SPECIFICATION,
    "{suite}": lambda: SUITE,
    "{date}": lambda: SPECIFICATION_DATE,
}
LANGUAGES = {
    ".py": "python",
    ".v": "coq",
    ".toml": "toml",
    ".json": "json",
    ".cu": "cuda",
    ".yml": "yaml",
    ".md": "markdown",
}


def assemble(out: Path) -> None:
    """Write all pages, pictures and settings of the site to a folder, which is made anew."""
    shutil.rmtree(out, ignore_errors=True)
    pages = gather_pages()
    pages |= write_sources(pages.values())
    root = os.path.relpath(ROOT, out)
    for place, text in pages.items():
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        (out / place).write_text(text.replace("@ROOT@", root), encoding="utf-8")
    for picture in [*DOCS.glob("*.svg"), *DOCS.glob("*.png")]:
        shutil.copy(picture, out)
    shutil.copytree(DOCS / "site", out, ignore=shutil.ignore_patterns("*.md", "__pycache__"), dirs_exist_ok=True)


def gather_pages() -> dict[str, str]:
    """The text of each page, by its path in the site."""
    pages = {
        place: fill(rewrite_links((ROOT / path).read_text(encoding="utf-8"), ROOT / path))
        for path, place in find_places().items()
        if path not in GENERATED
    }
    pages |= {name: UNSEARCHED.replace("orphan: true\n", "") + pages[name] for name in TABLES}
    pages |= {f"{name_page(family)}.md": write_family(family) for family in FAMILIES}
    names = "\n".join(f"findings/{page.stem}" for page in list_findings())
    pages["findings.md"] = f"# Findings\n\n{FINDINGS}\n\n```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n"
    return pages


FINDINGS = """What was found in libraries with this suite, and confirmed by a few lines of code without it. Each page is
ready to be reported to its library."""


def fill(text: str) -> str:
    """A page in which what is made stands where its name did."""
    for name, write in FILLED.items():
        if name in text:
            text = text.replace(name, write())
    return text


UNSEARCHED = "---\norphan: true\nnosearch: true\n---\n\n"  # where the words of every search are, but no answer
TABLES = ("kill-matrix.md", "selftest.md")  # of all faults: neither


def write_sources(pages: Iterable[str]) -> dict[str, str]:
    """A page for each file and folder of the repository that a page links to."""
    named = sorted({source for text in pages for source in find_sources(text)})
    files = {source for source in named if (ROOT / source).is_file()}
    folders = {source: _list_files(ROOT / source) for source in named if source not in files}
    files |= {file for found in folders.values() for file in found}
    made = {f"source/{file}.md": _write_file(file) for file in sorted(files)}
    return made | {f"source/{folder}/index.md": _write_folder(folder, found) for folder, found in folders.items()}


def _list_files(folder: Path) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in sorted(folder.iterdir()) if path.suffix in LANGUAGES]


def _write_file(path: str) -> str:
    options = f":language: {LANGUAGES.get((ROOT / path).suffix, 'text')}\n:linenos:"
    return f"{UNSEARCHED}# `{path}`\n\n```{{literalinclude}} /@ROOT@/{path}\n{options}\n```\n"


def _write_folder(folder: str, files: list[str]) -> str:
    links = "\n".join(f"- [{Path(file).name}](/source/{file}.md)" for file in files)
    return f"{UNSEARCHED}# `{folder}/`\n\n{links}\n"
