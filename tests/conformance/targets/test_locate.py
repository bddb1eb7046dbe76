"""A target may be a module, a file, or a folder; if nothing is there, a sentence says what to write."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.targets.isolated import start_isolated
from conformance.targets.resolve import TargetError, is_ours, resolve
from tests.helpers.isolation import PLENTY
from tests.helpers.root import ROOT

MINE = """
from dataclasses import replace
import lstm_spec
from lstm_spec.contract import Backend
import beside_{beside}
def forward(problem): ...
BACKEND = replace(lstm_spec.REFERENCE, name="{name}")
SAME = BACKEND
"""
RELATIVE = MINE.replace("import beside", "from . import beside")
TWO = MINE + 'OTHER = replace(lstm_spec.REFERENCE, name="other")\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with files, packages and folders, in which the tests run; nothing of it stays imported."""
    for place, text in {
        "mine_here.py": MINE,
        "mine-with-dashes.py": MINE,
        "json.py": MINE,  # also the name of another module
        "mine_two.py": TWO,
        "mine_only.py": "def lstm(x, h, c, W, U, b): ...\n",
        "mine_none.py": "X = 1\nY = 2\n",
        "mine_text.txt": "no Python\n",
        "mine_needs.py": "import no_such_library\n",
        "mine_broken.py": "def f(:\n",
        "a folder/mine_inside.py": MINE,
        "mine_package/__init__.py": "from mine_package.part import BACKEND\n",
        "mine_package/part.py": RELATIVE,
        "mine_package/deep/__init__.py": "",
        "mine_package/deep/part.py": RELATIVE,
    }.items():
        file = tmp_path / place
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.format(name=place, beside=len(place)))
        (file.parent / f"beside_{len(place)}.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    before = {*sys.modules}
    yield tmp_path
    for name in {*sys.modules} - before:
        if name.startswith(("mine", "beside", "json_", "part_")):
            del sys.modules[name]


FOUND = {
    "mine_here:BACKEND": "mine_here.py",
    "mine_here": "mine_here.py",
    "mine_here:": "mine_here.py",
    "mine_here.py:BACKEND": "mine_here.py",
    "mine_here.py": "mine_here.py",
    "./mine_here.py:BACKEND": "mine_here.py",
    "../{folder}/mine_here.py:BACKEND": "mine_here.py",
    "~/mine_here.py:BACKEND": "mine_here.py",
    "{absolute}/mine_here.py:BACKEND": "mine_here.py",
    "mine-with-dashes.py:BACKEND": "mine-with-dashes.py",
    "json.py:BACKEND": "json.py",
    "a folder/mine_inside.py": "a folder/mine_inside.py",
    "mine_package/part.py:BACKEND": "mine_package/part.py",
    "mine_package.part:BACKEND": "mine_package/part.py",
    "mine_package/deep/part.py": "mine_package/deep/part.py",
    "mine_package": "mine_package/part.py",
    "./mine_package": "mine_package/part.py",
    "./mine_package/:BACKEND": "mine_package/part.py",
}


@pytest.mark.parametrize("target", FOUND)
def test_a_target_is_found_wherever_it_is(target: str, project: Path) -> None:
    written = target.format(folder=project.name, absolute=project)
    assert resolve(written).name == FOUND[target]
    assert not is_ours(written)


def test_a_file_is_found_in_a_process_of_its_own(project: Path) -> None:
    with start_isolated("a folder/mine_inside.py:BACKEND", None, PLENTY, None) as it:
        assert it.backend.name == "a folder/mine_inside.py"


@pytest.mark.parametrize("target", ["backends.py:BACKEND", "./backends:BACKEND", "lstm_spec/mine.py"])
def test_a_file_is_never_ours_whatever_its_name(target: str) -> None:
    assert not is_ours(target)


NOT_FOUND = {
    "": "target '' names no module; write the name of a backend, module:NAME or file.py:NAME",
    ":BACKEND": "target ':BACKEND' names no module; write the name of a backend, module:NAME or file.py:NAME",
    "mine_hero.py:BACKEND": "no file {absolute}/mine_hero.py, did you mean 'mine_here.py'?; write file.py:NAME",
    "~/nothing.py": "there is no file {absolute}/nothing.py; write file.py:NAME or module:NAME",
    "mine_package.part.py:BACKEND": "no file {absolute}/mine_package.part.py, did you mean 'mine_package.part'?; write",
    "a folder/mine_inside:BACKEND": "no file {absolute}/a folder/mine_inside, did you mean 'mine_inside.py'?; write",
    "mine_text.txt": "mine_text.txt is no Python file; name a file.py in which from_packed makes a Backend of it",
    "a folder": "/a folder is a folder without an __init__.py; name a file in it: beside_23.py, mine_inside.py",
    "./a folder": "/a folder is a folder without an __init__.py; name a file in it: beside_23.py, mine_inside.py",
    "mine_hero": "is not an installed backend (cupy, numpy, torch), did you mean 'mine_here'?; for one of",
    "mine_hero:BACKEND": "No module named 'mine_hero'), did you mean 'mine_here'?; run it from the folder that holds",
    "mine_here.py:BAKEND": "module 'mine_here' has no 'BAKEND', did you mean 'BACKEND'?; name a Backend, or",
    "mine_here:xyz": "module 'mine_here' has no 'xyz'; it has BACKEND; name a Backend, or a function that makes one",
    "mine_two.py": "has 2 Backends in it; name one of them: mine_two.py:BACKEND, mine_two.py:OTHER",
    "mine_two": "has 2 Backends in it; name one of them: mine_two:BACKEND, mine_two:OTHER",
    "mine_none": "has no Backend in it; make one, BACKEND = from_packed(function), or name a function that makes one: "
    "mine_none:NAME",
    "mine_only.py": "has no Backend in it; what it has is the function lstm(x, h, c, W, U, b), expected an lstm_spec."
    "Backend; if it takes x, h, c, W, U and one bias, write BACKEND = from_packed(lstm, biases=1)",
    "mine_needs.py": "No module named 'no_such_library'); install no_such_library, which it needs",
    "mine_needs": "No module named 'no_such_library'); install no_such_library, which it needs",
    "mine_broken": "cannot be imported (SyntaxError: invalid syntax (mine_broken.py, line 1)); correct it there",
    "mine_here:BACKEND.forward": "is a part, expected an lstm_spec.Backend; did you mean 'mine_here:BACKEND'?",
}


@pytest.mark.parametrize("target", NOT_FOUND)
def test_what_is_not_found_is_a_sentence_with_the_remedy(target: str, project: Path) -> None:
    with pytest.raises(TargetError) as refused:
        resolve(target)
    assert NOT_FOUND[target].format(absolute=project) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_fails_is_read_again_once_it_is_corrected(project: Path) -> None:
    file = project / "mine-again.py"
    file.write_text("1 / 0\n")
    with pytest.raises(TargetError, match="ZeroDivisionError: division by zero"):
        resolve("mine-again.py")
    file.write_text((project / "mine-with-dashes.py").read_text())
    assert resolve("mine-again.py").name == "mine-with-dashes.py"


def test_naming_a_module_loads_none_of_the_suites_libraries() -> None:
    """The script beside a case names its target in this way, and needs NumPy only."""
    code = "import conformance.targets.locate, sys; print({'hypothesis', 'ml_dtypes', 'rich'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr
