"""Tests, tools and benchmarks use public names only, and nothing imports from a test."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.root import ROOT

OURS = {"lstm_spec", "backends", "conformance", "lstm_conform", "tests", "tools", "benchmarks", "examples", "proof"}
FILES = sorted(path for folder in ("tests", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


def list_our_imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each dotted name that is imported from our packages, and the name that it has in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found = [(f"{node.module}.{alias.name}", alias.asname or alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found = [(alias.name, alias.asname or alias.name) for alias in node.names]
        else:
            continue
        yield from (pair for pair in found if pair[0].split(".")[0] in OURS)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in ("_replace", "_asdict", "_fields")


def find_forbidden(source: str) -> list[str]:
    """The imports from a test, and the private names of our packages that are imported or reached through a module."""
    tree = ast.parse(source)
    imports = dict(list_our_imports(tree))
    here = {name: full for full, name in imports.items()}
    reached = [
        f"{here[node.value.id]}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in here
    ]
    names = {full: full.split(".") for full in (*imports, *reached)}
    return [full for full, parts in names.items() if any(p.startswith("test_") or is_private(p) for p in parts[1:])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_public_names_are_used_and_none_of_a_test(path: Path) -> None:
    assert find_forbidden(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "from tests.backends.test_cupy import Device",
        "import tests.backends.test_cupy",
        "from tests.backends import test_cupy",
        "from backends.torch import _private",
        "def late():\n    from conformance.run import _hidden as visible",
        "from backends import torch as b\nb._private(1)",
    ],
)
def test_a_planted_import_is_found(source: str) -> None:
    assert len(find_forbidden(source)) == 1


@pytest.mark.parametrize(
    "source",
    ["from os import _exit", "from lstm_spec import Gate\nGate._replace", "import lstm_spec\nlstm_spec.__all__"],
)
def test_what_is_not_ours_or_public_is_allowed(source: str) -> None:
    assert find_forbidden(source) == []
