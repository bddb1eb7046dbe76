"""That CONTRIBUTING.md stays short, and names only files, make targets and commands that exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"```\w+\n|```", "`", re.sub(r"(?m)^\$ (.*)$", r"`\1`", TEXT)))
WORDS = sorted({word for span in SPANS for word in span.partition("#")[0].split()})
PATHS = [word for word in WORDS if re.fullmatch(r"[\w.*-]+/[\w./*-]*|[\w-]+\.(md|toml|yml|py)", word)]
MADE_HERE = (".venv/bin", ".venv/bin/python", ".venv/made")
RECIPES = ("backend", "property", "fault", "variant", "tolerance formula", "report format", "layout")


def test_it_has_at_most_120_lines() -> None:
    assert len(TEXT.splitlines()) <= 120


def test_it_names_many_paths() -> None:
    assert {"changelog.d/", "conformance/cli/", "lstm_spec/variants/kinds.py", "tests/golden/NAME.safetensors"} <= set(
        PATHS
    )


@pytest.mark.parametrize("path", [path for path in PATHS if path not in MADE_HERE])
def test_every_path_it_names_exists(path: str) -> None:
    """A star and NAME stand for anything."""
    found = list(ROOT.glob(path.rstrip("/").replace("NAME", "*")))
    assert found
    assert not path.endswith("/") or found[0].is_dir()


def test_every_make_target_it_names_exists() -> None:
    named = {match for span in SPANS for match in re.findall(r"\bmake ([\w-]+)", span)}
    made = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert {"dev", "check", "test"} <= named <= made


def test_every_command_and_option_it_names_exists() -> None:
    lines = {span for span in SPANS if span.startswith("lstm-conform ")}
    assert len(lines) >= 5
    for line in lines:
        _, command, *words = line.split()
        call = [sys.executable, "-m", "lstm_conform", command, "--help"]
        done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, line
        assert all(re.search(rf"(^|\s){word}\b", done.stdout) for word in words if word.startswith("-")), line


@pytest.mark.parametrize("kind", RECIPES)
def test_every_kind_of_contribution_has_a_recipe_and_a_command(kind: str) -> None:
    (recipe,) = re.findall(rf"(?ms)^### An? {kind}$(.*?)(?=^##|\Z)", TEXT)
    assert re.search(r"(?m)^Shows it: .*`", recipe)
