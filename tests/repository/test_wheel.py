"""That the built wheel holds what it should, and that a stranger who installs it gets a suite or a sentence."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
import pytest

from tests.helpers.root import ROOT

PACKAGES = ("lstm_spec", "backends", "conformance")
EXTRA = 'pip install "lstm-spec[conformance]"'
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PY", "FORCE_COLOR"))}
FEW = "shut_input_gate"  # the properties with this in their name
JUDGING = ("--pyargs", "conformance", "-k", FEW, "--lstm")
PYTEST_COMMAND = ("-P", "-m", "pytest")  # what the script `pytest` does: the current folder is no place for imports
PYTEST_MODULE = ("-m", "pytest")
in_either_way = pytest.mark.parametrize("way", [PYTEST_COMMAND, PYTEST_MODULE], ids=["pytest", "python -m pytest"])


class Ran(NamedTuple):
    """What a command left."""

    status: int
    out: str
    err: str


class Environment(NamedTuple):
    """A virtual environment in which the wheel is installed."""

    path: Path

    def python(self, *arguments: str, cwd: Path) -> Ran:
        return run(self.path / "bin/python", *arguments, cwd=cwd)

    def lstm_conform(self, *arguments: str, cwd: Path) -> Ran:
        return run(self.path / "bin/lstm-conform", *arguments, cwd=cwd)


def run(*command: str | Path, cwd: Path) -> Ran:
    done = subprocess.run(command, cwd=cwd, env=CLEAN, capture_output=True, text=True, timeout=120)
    return Ran(done.returncode, done.stdout, done.stderr)


def run_well(*command: str | Path, cwd: Path = ROOT) -> None:
    done = run(*command, cwd=cwd)
    assert done.status == 0, done


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def package_files(package: str) -> set[str]:
    found = (path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("wheel")
    run_well(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", where)
    (built,) = where.glob("*.whl")
    return built


def environment(path: Path, wheel: Path, libraries: Path) -> Environment:
    """The wheel, and whatever lies in `libraries`; a .pth file in there is not executed."""
    run_well(sys.executable, "-m", "venv", "--without-pip", path)
    pip = (sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--python", path / "bin/python")
    run_well(*pip, "install", "--no-deps", "--no-index", wheel)
    (site_packages,) = path.glob("lib/python*/site-packages")
    (site_packages / "libraries.pth").write_text(f"{libraries}\n")
    return Environment(path)


@pytest.fixture(scope="session")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As after `pip install lstm-spec`."""
    where = tmp_path_factory.mktemp("core")
    libraries = where / "libraries"
    libraries.mkdir()
    for name in ("numpy", "numpy.libs"):
        (libraries / name).symlink_to(Path(np.__file__).parent.with_name(name))
    return environment(where / "env", wheel, libraries)


@pytest.fixture(scope="session")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As after `pip install "lstm-spec[conformance]"`."""
    return environment(tmp_path_factory.mktemp("full") / "env", wheel, Path(pytest.__file__).parent.parent)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody else's project, whose packages are called conformance and backends."""
    test = (
        "from pathlib import Path\n"
        "import backends.theirs, conformance\n"
        "def test_the_projects_own_modules_are_imported():\n"
        "    here = Path(__file__).parent\n"
        "    assert Path(conformance.__file__).parent == here\n"
        "    assert Path(backends.theirs.__file__).parent.parent == here.parent\n"
    )
    files = {
        "conformance/__init__.py": "",
        "conformance/test_theirs.py": test,
        "backends/__init__.py": "",
        "backends/theirs.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


# ---------------------------------------------------------------- what is in it


def test_the_wheel_holds_the_packages_their_guard_and_nothing_else(wheel: Path) -> None:
    about = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    metadata = {f"{about}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    names = ZipFile(wheel).namelist()
    assert len(names) == len(set(names))
    assert set(names) == {"lstm_conform.py"} | metadata | set().union(*map(package_files, PACKAGES))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_typed(wheel: Path, package: str) -> None:
    assert f"{package}/py.typed" in ZipFile(wheel).namelist()


def test_the_kernels_are_in_the_wheel(wheel: Path) -> None:
    assert "backends/cupy/kernels.cu" in ZipFile(wheel).namelist()


def test_the_backends_are_entry_points_and_load_without_their_libraries(core: Environment, tmp_path: Path) -> None:
    code = (
        "from importlib.metadata import entry_points\n"
        "for e in sorted(entry_points(group='lstm_spec.backends')): e.load(), print(e.name, e.value)"
    )
    listed = core.python("-c", code, cwd=tmp_path)
    assert lines(listed.out) == [
        "cupy backends.cupy.backend:backend",
        "numpy backends.numpy.backend:BACKEND",
        "torch backends.torch:backend",
    ], listed


# ---------------------------------------------------------------- without the extra


def test_the_specification_needs_numpy_only(core: Environment, tmp_path: Path) -> None:
    imported = core.python("-c", "import lstm_spec; print(lstm_spec.__file__)", cwd=tmp_path)
    assert Path(imported.out.strip()).is_relative_to(core.path), imported


def test_the_command_names_the_extra_that_it_needs(core: Environment, tmp_path: Path) -> None:
    refused = core.lstm_conform("run", "numpy", cwd=tmp_path)
    assert (refused.status, refused.out) == (3, "")
    (sentence,) = lines(refused.err)
    assert sentence.startswith("lstm-conform: ") and "hypothesis" in sentence and sentence.endswith(EXTRA)


# ---------------------------------------------------------------- beside packages of the same names


def test_the_full_environment_runs_the_wheel_and_not_the_source_tree(full: Environment, tmp_path: Path) -> None:
    names = (*PACKAGES, "lstm_conform")
    code = "import sys, importlib; print(*(importlib.import_module(name).__file__ for name in sys.argv[1:]))"
    imported = full.python("-c", code, *names, cwd=tmp_path)
    files = imported.out.split()
    assert len(files) == len(names), imported
    assert all(Path(file).is_relative_to(full.path) for file in files), files


@in_either_way
def test_a_project_with_packages_of_the_same_names_is_left_alone(
    full: Environment, project: Path, way: tuple[str, ...]
) -> None:
    tested = full.python(*way, cwd=project)
    assert tested.status == 0, tested.out
    assert "plugins: lstm-spec" in tested.out and "1 passed" in tested.out


@pytest.mark.parametrize("named", [(), ("--pyargs", "conformance")], ids=["", "--pyargs conformance"])
def test_pytest_names_the_file_that_shadows_ours(full: Environment, project: Path, named: tuple[str, ...]) -> None:
    refused = full.python(*PYTEST_MODULE, *named, "--lstm", "numpy", cwd=project)
    assert (refused.status, lines(refused.out)) == (4, [])
    (sentence,) = lines(refused.err)
    assert sentence.startswith(f"ERROR: --lstm: {project / 'conformance/__init__.py'} is imported as 'conformance'")


def test_the_command_works_beside_packages_of_the_same_names(full: Environment, project: Path) -> None:
    judged = full.lstm_conform("run", "numpy", "--profile", "quick", "-k", FEW, cwd=project)
    assert (judged.status, judged.err) == (0, "")
    assert re.search(r"\d+ holds", judged.out)


def test_the_command_as_a_module_names_the_file_that_shadows_ours(full: Environment, project: Path) -> None:
    refused = full.python("-m", "lstm_conform", "run", "numpy", cwd=project)
    assert (refused.status, refused.out) == (3, "")
    (sentence,) = lines(refused.err)
    assert sentence.startswith(f"lstm-conform: {project / 'conformance/__init__.py'} is imported as 'conformance'")


# ---------------------------------------------------------------- the properties as pytest tests


def test_every_property_is_collected_once_at_each_dtype_of_the_quick_profile(full: Environment, tmp_path: Path) -> None:
    code = "import conformance.properties; from conformance.property import PROPERTIES; print(len(PROPERTIES))"
    expected = int(full.python("-c", code, cwd=tmp_path).out)
    command = (*PYTEST_COMMAND, "--pyargs", "conformance", "--lstm", "numpy", "--collect-only", "-q")
    collected = full.python(*command, cwd=tmp_path)
    ids = re.findall(r"::test_property\[numpy-float32-(\w+)\]$", collected.out, re.MULTILINE)
    assert collected.status == 0, collected.out
    assert len(ids) == len(set(ids)) == expected > 0
    assert f"{expected} tests collected" in collected.out


@in_either_way
def test_an_lstm_passes(full: Environment, tmp_path: Path, way: tuple[str, ...]) -> None:
    judged = full.python(*way, *JUDGING, "numpy", cwd=tmp_path)
    assert judged.status == 0, judged.out
    assert re.search(r"\d+ passed, \d+ deselected", judged.out)


def test_what_is_no_lstm_fails(full: Environment, tmp_path: Path) -> None:
    judged = full.python(*PYTEST_COMMAND, *JUDGING, "fault:swaps_input_and_forget_gates", cwd=tmp_path)
    assert judged.status == 1, judged.out
    assert re.search(r"^REFUTED  CELL-1 .*shut input gate", judged.out, re.MULTILINE)


@pytest.mark.parametrize(
    "given, sentence",
    [
        ((), r"nothing to judge; say which LSTM with --lstm TARGET, e\.g\. --lstm numpy"),
        (("--lstm", "nump"), r"--lstm: target 'nump' is not an installed backend \(.*\), did you mean 'numpy'\?; .*"),
        (("--lstm", "numpy", "--lstm-grade", "exact"), r"--lstm-grade: grade is 'exact', expected one of relative, .*"),
        (("--lstm", "numpy", "--lstm-timeout", "nan"), r"--lstm-timeout: timeout is nan s, expected more than 0 .*"),
        (("--lstm", "numpy", "--lstm-deviations", "none.toml"), r"--lstm-deviations: .*none\.toml.*"),
        (("--lstm", "numpy", "--lstm-profile", "swift"), r".*--lstm-profile: .*'swift'.*quick.*soak.*"),
    ],
    ids=["no target", "no such target", "no such grade", "no such timeout", "no such file", "no such profile"],
)
def test_pytest_refuses_in_one_sentence(full: Environment, tmp_path: Path, given: Any, sentence: str) -> None:
    refused = full.python(*PYTEST_COMMAND, "--pyargs", "conformance", *given, cwd=tmp_path)
    said = refused.out + refused.err
    assert refused.status not in (0, 1, 5)  # 1: judged and refuted; 5: nothing was collected
    assert len(re.findall(rf"^(?:ERROR: )?{sentence}$", said, re.MULTILINE)) == 1, said
    assert "test_properties.py:" not in said, f"a traceback: {said}"
