"""Who may import whom: each rule holds, and each is shown to fail once where it is broken on purpose."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.helpers.imports import list_imports, name_top_levels
from tests.helpers.root import ROOT

PACKAGES = ("lstm_spec", "backends", "conformance")
PLAIN = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"} | {"COLUMNS": "200"}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

VIOLATIONS = [  # the contract, a file, and what is planted at its end
    (
        "lstm_spec knows nothing of the judge, the backends or the libraries they use",
        "lstm_spec/equations.py",
        "import torch",
    ),
    (
        "lstm_spec knows nothing of the judge, the backends or the libraries they use",
        "lstm_spec/adapters/packed.py",
        "import conformance",
    ),
    (
        "lstm_spec knows nothing of the judge, the backends or the libraries they use",
        "lstm_spec/adapters/packed.py",
        "import torch",
    ),
    ("the judge never imports an implementation", "conformance/assertions/forward.py", "import backends"),
    ("the judge never imports an implementation", "conformance/assertions/probes.py", "import cupy"),
    ("a backend never imports the judge", "backends/numpy/backend.py", "import conformance"),
    ("a backend never imports the judge", "backends/torch.py", "import hypothesis"),
    ("backends do not know each other", "backends/torch.py", "import backends.numpy"),
    ("properties do not know each other", "conformance/properties/values.py", "import conformance.properties.shapes"),
    ("properties do not know who runs them", "conformance/properties/shapes.py", "import conformance.run.judge"),
    ("the judge is layered", "conformance/outcome.py", "import conformance.verdict"),
    ("the judge is layered", "conformance/tolerance/cell.py", "import conformance.assertions.comparison"),
    ("the specification is layered", "lstm_spec/equations.py", "import lstm_spec.gradients"),
    ("the specification is layered", "lstm_spec/validation.py", "import lstm_spec.layouts"),
]

BACKENDS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["lstm_spec.backends"]
NUMPY_AND_ITSELF = sys.stdlib_module_names | {"numpy", "lstm_spec"}
ALLOWED_ON_THE_PAGE = {"numpy", "lstm_spec.types"}


def copy_of_the_packages(where: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, where / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "lstm_conform.py"):
        shutil.copy(ROOT / file, where)
    return where


def modules_of(package: Path) -> set[str]:
    """The modules and packages directly inside a package."""
    inside = [path for path in package.glob("[!_]*") if path.suffix == ".py" or (path / "__init__.py").exists()]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in inside}


def plant(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text()}\n{line}\n")


def verdicts(root: Path) -> dict[str, str]:
    """KEPT or BROKEN, by contract. import-linter looks for the packages in the current folder first."""
    lint = f"{sysconfig.get_path('scripts')}/lint-imports"
    command = [lint, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=root, env=PLAIN, capture_output=True, text=True, timeout=120)
    lines = [line.partition(" (")[0] for line in done.stdout.splitlines()]  # (6 ignored imports)
    found = [line.rsplit(" ", 1) for line in lines if line.endswith((" KEPT", " BROKEN"))]
    said = {name: verdict for name, verdict in found}
    assert done.returncode == ("BROKEN" in said.values()), done
    return said


def imports(source: str) -> set[str]:
    """The modules that a source text names in its import statements, wherever they stand."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {"." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)}


def strangers_to_the_specification(source: str) -> set[str]:
    return {name for name in imports(source) if name.split(".")[0] not in NUMPY_AND_ITSELF}


def strangers_to_the_page(source: str) -> set[str]:
    return imports(source) - ALLOWED_ON_THE_PAGE


# ---------------------------------------------------------------- contracts


def test_every_contract_is_kept() -> None:
    assert verdicts(ROOT) == {contract["name"]: "KEPT" for contract in CONTRACTS}


@pytest.mark.parametrize("contract, file, line", VIOLATIONS, ids=[f"{line} in {file}" for _, file, line in VIOLATIONS])
def test_a_planted_import_breaks_its_contract(contract: str, file: str, line: str, tmp_path: Path) -> None:
    plant(copy_of_the_packages(tmp_path) / file, line)
    assert verdicts(tmp_path)[contract] == "BROKEN"


def test_every_contract_is_broken_once_on_purpose() -> None:
    assert {contract for contract, _, _ in VIOLATIONS} == {contract["name"] for contract in CONTRACTS}


@pytest.mark.parametrize(
    "contract, there",
    [
        ("backends do not know each other", {f"backends.{name}" for name in BACKENDS}),
        ("properties do not know each other", modules_of(ROOT / "conformance/properties")),
    ],
)
def test_a_contract_of_independence_names_every_module_of_its_kind(contract: str, there: set[str]) -> None:
    (named,) = (each["modules"] for each in CONTRACTS if each["name"] == contract)
    assert len(named) == len(set(named))
    assert set(named) == there


@pytest.mark.parametrize("package, contract", [("conformance", "the judge"), ("lstm_spec", "the specification")])
def test_a_contract_of_layers_names_every_room(package: str, contract: str) -> None:
    (layers,) = (each["layers"] for each in CONTRACTS if each["name"] == f"{contract} is layered")
    named = [f"{package}.{room}" for layer in layers for room in layer.split(" | ")]
    assert len(named) == len(set(named))
    assert set(named) == modules_of(ROOT / package)


# ---------------------------------------------------------------- allow-lists


def libraries_of(path: Path) -> set[str]:
    """What an adapter may import: the libraries of the extra that is named like its folder."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    listed = extras.get(path.parent.name, []) if path.parent.parent.name == "adapters" else []
    own = [path.stem.removeprefix("on_")] if path.stem.startswith("on_") else []  # a backend of the library
    return {re.split(r"\W", requirement)[0] for requirement in (*listed, *own)}


@pytest.mark.parametrize("path", sorted((ROOT / "lstm_spec").rglob("*.py")), ids=lambda path: path.name)
def test_the_specification_imports_numpy_the_standard_library_and_itself(path: Path) -> None:
    """And an adapter its own libraries; what loads them only when it is used is asked below."""
    assert name_top_levels(strangers_to_the_specification(path.read_text())) <= libraries_of(path)


def test_only_an_adapter_may_import_libraries_and_only_its_own() -> None:
    folder = ROOT / "lstm_spec" / "adapters"
    assert libraries_of(folder / "onnx" / "graph.py") == {"onnx", "onnxruntime"}
    assert not libraries_of(folder / "packed.py") and not libraries_of(ROOT / "lstm_spec" / "onnx" / "graph.py")


def test_the_page_imports_numpy_and_its_types() -> None:
    assert strangers_to_the_page((ROOT / "lstm_spec/equations.py").read_text()) == set()


@pytest.mark.parametrize("line", ["import scipy.special", "from scipy import special", "def f():\n    import scipy"])
def test_a_stranger_to_the_specification_is_found(line: str) -> None:
    page = (ROOT / "lstm_spec/network.py").read_text()
    assert name_top_levels(strangers_to_the_specification(f"{page}\n{line}\n")) == {"scipy"}


@pytest.mark.parametrize("line", ["import math", "from lstm_spec import layouts", "from . import layouts"])
def test_a_stranger_to_the_page_is_found(line: str) -> None:
    page = (ROOT / "lstm_spec/equations.py").read_text()
    assert len(strangers_to_the_page(f"{page}\n{line}\n")) == 1


# ---------------------------------------------------------------- what an import loads


@pytest.mark.parametrize(
    "module",
    [*PACKAGES, "lstm_spec.frameworks", "lstm_spec.adapters.torch", "conformance.run.judge", "conformance.cli.main"],
)
def test_an_import_asks_for_no_library_of_a_backend(module: str) -> None:
    asked = list_imports(module)
    assert module.split(".")[0] in asked
    assert asked.isdisjoint({"torch", "cupy"})


def test_importing_the_judge_asks_for_nothing_that_is_slow() -> None:
    assert list_imports("conformance").isdisjoint({"hypothesis", "numpy", "lstm_spec", "rich", "click"})


def test_the_guard_is_imported_with_the_standard_library_alone() -> None:
    quick = list_imports("os", ROOT, "-S") | {"sys", "__future__"}  # an interrupt meanwhile would show a traceback
    assert list_imports("lstm_conform", ROOT, "-S") <= quick | {"lstm_conform"}


@pytest.mark.parametrize(
    "module, file, line, library",
    [
        ("lstm_spec", "lstm_spec/types.py", "try: import torch.nn\nexcept ImportError: pass", "torch"),
        ("backends", "backends/__init__.py", "try: import cupy\nexcept ImportError: pass", "cupy"),
        ("conformance", "conformance/__init__.py", "import conformance.property", "numpy"),
        ("lstm_conform", "lstm_conform.py", "try: import pytest\nexcept ImportError: pass", "pytest"),
    ],
)
def test_a_planted_import_is_asked_for(module: str, file: str, line: str, library: str, tmp_path: Path) -> None:
    plant(copy_of_the_packages(tmp_path) / file, line)
    assert library in list_imports(module, tmp_path)
