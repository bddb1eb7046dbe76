"""What a release needs: archives that anybody can build again to the last bit, and changes that can be collected."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.helpers.root import ROOT
from tools.checks import reproducible

CATEGORIES = ("specification", "JSON report", "suite")
FRAGMENTS = sorted((ROOT / "changelog.d").glob("*.md"))


def test_two_builds_are_the_same_to_the_last_bit(tmp_path: Path) -> None:
    first, second = reproducible.build_twice(tmp_path)
    assert first == second and sorted(name.rpartition(".")[2] for name in first) == ["gz", "whl"]


def test_a_difference_between_two_builds_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [{"x.whl": "1", "x.tar.gz": "1"}, {"x.whl": "2", "x.tar.gz": "1"}]
    monkeypatch.setattr(reproducible, "build_twice", lambda folder: found)
    result = CliRunner().invoke(reproducible.main)
    assert result.exit_code == 1 and "two builds of the same files differ in x.whl; look for" in result.output


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_has_known_headings_and_says_something_below_each(fragment: Path) -> None:
    parts = re.split(r"^### (.*)$", fragment.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert parts[0].strip() == "" and len(parts) > 1
    assert set(parts[1::2]) <= set(CATEGORIES)
    assert all(re.search(r"^- \S", text, re.MULTILINE) for text in parts[2::2])


def test_the_fragments_are_collected_into_the_changelog(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "CHANGELOG.md", "lstm_spec/version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "changelog.d", tmp_path / "changelog.d")
    (tmp_path / "changelog.d" / "new.md").write_text("### suite\n\n- A new line.\n", encoding="utf-8")
    command = [sys.executable, "-m", "scriv", "collect"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (
        text.count("\n### suite\n") == 1
        and "- A new line." in text
        and not list((tmp_path / "changelog.d").glob("*.md"))
    )


def test_the_checklist_names_commands_that_exist() -> None:
    text = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
    made = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert {"docs", "site", "archives", "soak"} <= set(re.findall(r"`make ([\w-]+)`", text)) <= made
