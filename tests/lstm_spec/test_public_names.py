"""What `lstm_spec` exports: each name is there, is what its module has, and is loaded no earlier than it has to be."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import lstm_spec

SOURCE = Path(lstm_spec.__file__).read_text(encoding="utf-8")
EXPORTED = {
    alias.name: node.module
    for node in ast.walk(ast.parse(SOURCE))
    if isinstance(node, ast.ImportFrom) and str(node.module).startswith("lstm_spec.")
    for alias in node.names
    if alias.asname == alias.name
}
AT_ONCE = ("contract", "types")


@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_name_is_what_its_module_has(name: str) -> None:
    assert getattr(lstm_spec, name) is getattr(import_module(str(EXPORTED[name])), name)
    assert name in dir(lstm_spec)


def test_what_is_loaded_later_is_what_the_type_checker_sees() -> None:
    public = {name for name in dir(lstm_spec) if not name.startswith("_")} - {"Any", "TYPE_CHECKING"}
    assert {name for name in public if not isinstance(getattr(lstm_spec, name), ModuleType)} == set(EXPORTED)


def test_a_name_that_is_none_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="^module 'lstm_spec' has no attribute 'GRU'$"):
        lstm_spec.GRU  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'GRU'"):
        from lstm_spec import GRU  # noqa: F401


def test_an_import_loads_the_nouns_and_the_contract_only() -> None:
    code = "import sys, lstm_spec; print(*sorted(name for name in sys.modules if name.startswith('lstm_spec.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["lstm_spec.accuracy", "lstm_spec.contract", "lstm_spec.types"]
