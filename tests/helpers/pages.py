"""A page of Markdown whose blocks are run: Python, then commands, then what they print."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.helpers.root import ROOT


class Block(NamedTuple):
    """What stands between fences, and the heading above it."""

    heading: str
    kind: str
    text: str


def read_blocks(page: str) -> list[Block]:
    """The blocks of a page under docs/, in order."""
    found, heading = [], ""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for title, kind, block in re.findall(r"^#+ ([^\n]*)$|^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        heading = title or heading
        found += [Block(heading, kind, block)] if kind else []
    return found


def run_section(page: str, heading: str, folder: Path, skip: str = "", changed: tuple[str, str] = ("", "")) -> str:
    """Run a section in a folder, and hold what it shows against what is printed; all that was printed.

    Blocks of the kind `skip` are left out. `changed` are words that it shows, and what is printed here in their place.
    """
    printed, all_printed = "", ""
    for block in read_blocks(page):
        if block.heading != heading or block.kind == skip:
            continue
        if block.kind == "text":
            assert_shown(block.text.replace(*changed) if all(changed) else block.text, printed)
            continue
        printed = "".join(_run(words, folder) for words in _list_commands(block))
        all_printed += printed
    assert all_printed, f"{heading!r} runs nothing"
    return all_printed


def _list_commands(block: Block) -> Iterator[list[str]]:
    if block.kind == "python":
        yield [sys.executable, "-c", block.text]
    for line in block.text.splitlines() if block.kind == "console" else ():
        program, *words = line.removeprefix("$ ").split()
        assert program == "lstm-conform", line
        yield [sys.executable, "-m", "lstm_conform", *words]


def _run(words: list[str], folder: Path) -> str:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def assert_shown(shown: str, printed: str) -> None:
    """Each line that a page shows is printed, whatever the figures."""
    shown, printed = (re.sub(r"(?<=\d) (?=\d{3}\b)", "", text) for text in (shown, printed))  # 38 000
    for line in shown.splitlines():
        pattern = r"\s*\S+".join(re.escape(part.rstrip()) for part in re.split(r"\d\S*", line.rstrip()))
        assert re.search(pattern, printed), f"{line!r} is not in\n{printed}"
