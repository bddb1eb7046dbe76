"""That each limit of tools/checks/figures.py is seen where it is broken, and not one step before; on tiny trees."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.checks.figures import PACKAGES, Figure, main, measure, read_modules

NAMES = [f"draw_sizes_{number}" for number in range(100)]
Tree = dict[str, str]  # the text of each file, by its path


def functions(*names: str) -> str:
    return "\n".join(f"def {name}(): pass" for name in names) + "\n"


def lines(count: int) -> str:
    return "x = 1\n" * count


def many(folder: str, count: int, text: str = "") -> Tree:
    return {f"{folder}/module_{number}.py": text for number in range(count)}


def importing_chain(length: int, path: str) -> Tree:
    """As many modules, each of which imports the next; the path has a {number}."""
    paths = [path.format(number=number) for number in range(length)]
    texts = [f"import {path.removesuffix('.py').replace('/', '.')}\n" for path in paths[1:]] + [""]
    return dict(zip(paths, texts, strict=True))


SOUND: Tree = {f"{package}/__init__.py": "" for package in PACKAGES} | {"lstm_spec/names.py": functions(*NAMES)}
LINES, FOLDER, LONG = "lines of conformance/", "modules in one folder", "modules above 250 lines that are no table"
ONE_WORD, PARTICIPLE = "functions named with one word", "functions named with a bare participle"
ROOMS, CHAIN = "rooms in the longest import chain", "modules in the longest import chain"
CIRCLES = "import circles"
DOCSTRINGS = "public docstrings of three words or fewer"
HUNDRED_LINES = {f"conformance/part_{k}/module_{n}.py": lines(100) for k in range(10) for n in range(10)}


def write(root: Path, tree: Tree) -> Path:
    for path, text in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def figures(root: Path, tree: Tree) -> dict[str, Figure]:
    return {figure.name: figure for figure in measure(read_modules(write(root, SOUND | tree)))}


def broken(root: Path, tree: Tree) -> set[str]:
    return {name for name, figure in figures(root, tree).items() if figure.is_broken}


BEYOND = {
    LINES: HUNDRED_LINES | {"conformance/more.py": lines(1)},
    FOLDER: many("backends", 16),
    LONG: {"backends/long.py": lines(251)},
    ONE_WORD: {"backends/names.py": functions(*(f"draw{number}" for number in range(54)))},  # 54 of 154
    PARTICIPLE: {"lstm_spec/names.py": functions(*NAMES[:97], "told", "_made", "checked")},  # 3 of 100
    ROOMS: importing_chain(11, "conformance/part_{number}/module.py"),
    CIRCLES: {"backends/one.py": "import backends.two\n", "backends/two.py": "from backends import one\n"},
    DOCSTRINGS: {"backends/docs.py": 'def draw_sizes():\n    """Draws some sizes."""\n'},
}
WITHIN = {
    LINES: HUNDRED_LINES,
    FOLDER: many("backends", 15) | {"backends/more/module.py": ""},
    LONG: {"backends/long.py": lines(250), "lstm_spec/clauses.py": lines(251)},
    ONE_WORD: {"backends/names.py": functions(*(f"draw{number}" for number in range(53)), "__len__", "__add__")},
    PARTICIPLE: {"backends/names.py": functions("told", "_made", "checked", "need", "read", "seen_before", "seed")},
    ROOMS: importing_chain(10, "conformance/part_{number}/module.py"),
    CIRCLES: {"backends/one.py": "import backends.two\nimport numpy\n", "backends/two.py": "import backends\n"},
    DOCSTRINGS: {
        "backends/docs.py": '''
def draw_sizes():
    """Draws sizes of problems."""
def _draw_one():
    """Short."""
def draw_nothing():
    def draw_inside():
        """Short."""
class _Private:
    def draw_sizes(self):
        """Short."""
'''
    },
}


@pytest.mark.parametrize("name", BEYOND)
def test_a_broken_limit_is_seen(name: str, tmp_path: Path) -> None:
    assert broken(tmp_path, BEYOND[name]) == {name}


@pytest.mark.parametrize("name", WITHIN)
def test_a_limit_that_is_just_kept_is_not_broken(name: str, tmp_path: Path) -> None:
    assert broken(tmp_path, WITHIN[name]) == set()


def test_each_limit_is_broken_once_on_purpose(tmp_path: Path) -> None:
    assert set(BEYOND) == set(WITHIN) == set(figures(tmp_path, {})) - {CHAIN}


# ---------------------------------------------------------------- what counts


def test_methods_and_nested_functions_are_functions(tmp_path: Path) -> None:
    text = "class Pair:\n    def told(self):\n        async def made(): pass\n    def __len__(self): return 2\n"
    assert figures(tmp_path, {"backends/pair.py": text})[PARTICIPLE].found == pytest.approx(100 * 2 / 102)


def test_the_docstring_of_a_public_method_counts(tmp_path: Path) -> None:
    text = 'class Pair:\n    def swap_both(self):\n        """Swaps."""\n'
    assert figures(tmp_path, {"backends/pair.py": text})[DOCSTRINGS].places == [
        "backends/pair.py:2 swap_both: 'Swaps.'"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import backends.two",
        "import backends.two as other",
        "from backends import two",
        "from backends.two import anything",
        "from . import two",
        "from .two import anything",
        "def draw_sizes():\n    from backends.two import anything",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import backends.two",
        "from lstm_spec import anything",  # re-exported there
    ],
)
def test_an_import_is_followed_to_the_module_that_defines_it(text: str, tmp_path: Path) -> None:
    tree = {
        "lstm_spec/__init__.py": "from backends.two import thing as anything\nimport backends.x\n",
        "backends/one.py": text,
        "backends/two.py": "",
        "backends/x.py": "import backends.y\n",
        "backends/y.py": "",
    }
    assert figures(tmp_path, tree)[CHAIN].places == ["backends.one > backends.two"]


def test_two_dots_are_the_package_above(tmp_path: Path) -> None:
    tree = {"backends/below.py": "", "backends/deep/one.py": "from ..below import anything"}
    assert figures(tmp_path, tree)[CHAIN].places == ["backends.deep.one > backends.below"]


def test_a_package_that_is_imported_as_a_whole_brings_what_it_imports(tmp_path: Path) -> None:
    tree = {
        "backends/__init__.py": "from . import two\n",
        "backends/two.py": "",
        "lstm_spec/one.py": "import backends\n",
    }
    assert figures(tmp_path, tree)[CHAIN].places == ["lstm_spec.one > backends.two"]


def test_a_module_that_imports_from_its_own_package_is_in_a_circle(tmp_path: Path) -> None:
    names = "from backends.one import a as a\nfrom backends.two import b as b\n"
    tree = {"backends/__init__.py": names, "backends/one.py": "from backends import b\n", "backends/two.py": ""}
    assert figures(tmp_path, tree)[CIRCLES].places == ["backends, backends.one"]


def test_a_long_chain_of_modules_in_one_room_is_counted_and_allowed(tmp_path: Path) -> None:
    found = figures(tmp_path, importing_chain(15, "conformance/part/link_{number}.py"))
    assert (found[ROOMS].found, found[CHAIN].found, found[CHAIN].is_broken) == (1, 15, False)


def test_two_circles_are_two_and_all_of_their_modules_are_in_the_chain(tmp_path: Path) -> None:
    tree = {
        "backends/a.py": "import backends.b\nimport conformance.c",
        "backends/b.py": "import backends.a",
        "conformance/c.py": "import conformance.d",
        "conformance/d.py": "import conformance.c",
    }
    found = figures(tmp_path, tree)
    assert found[CIRCLES].places == ["backends.a, backends.b", "conformance.c, conformance.d"]
    assert found[CHAIN].places == ["backends.a > backends.b > conformance.c > conformance.d"]
    assert found[ROOMS].places == ["conformance.c > conformance.d"]


def test_a_room_is_a_folder_or_a_module_beside_the_folders(tmp_path: Path) -> None:
    tree = {
        "conformance/a/one.py": "import conformance.a.two\nimport lstm_spec.names",
        "conformance/a/two.py": "import conformance.b",
        "conformance/b.py": "import conformance.c.one",
        "conformance/c/one.py": "",
    }
    assert figures(tmp_path, tree)[ROOMS].places == ["conformance.a > conformance.b > conformance.c"]


# ---------------------------------------------------------------- the command


def test_a_sound_tree_exits_with_0_and_prints_every_figure(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--root", str(write(tmp_path, SOUND))])
    assert done.exit_code == 0, done.output
    assert all(name in done.output for name in BEYOND)
    assert "BROKEN" not in done.output


def test_a_broken_limit_exits_with_1_and_says_where(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--root", str(write(tmp_path, SOUND | BEYOND[LONG]))])
    assert done.exit_code == 1
    assert "backends/long.py: 251 lines" in done.output


def test_many_places_are_cut_short_unless_all_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, SOUND | many("backends", 12, lines(251)))
    short, whole = (CliRunner().invoke(main, ["--root", str(tmp_path), *more]).output for more in ([], ["--all"]))
    assert "and 4 more: --all" in short and "module_9.py: 251" not in short
    assert "more: --all" not in whole and "module_9.py: 251" in whole


def test_a_folder_without_the_packages_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--root", str(tmp_path)])
    assert done.exit_code == 2
    assert "lstm_spec is not a folder" in done.output


def test_a_limit_that_is_open_may_be_broken_until_it_is_met(tmp_path: Path) -> None:
    broken = str(write(tmp_path / "broken", SOUND | BEYOND[LONG]))
    done = CliRunner().invoke(main, ["--root", broken, "--open", LONG])
    assert done.exit_code == 0 and "BROKEN" in done.output
    done = CliRunner().invoke(main, ["--root", str(write(tmp_path / "sound", SOUND)), "--open", LONG])
    assert done.exit_code == 1 and f"the limit of {LONG} is met: drop --open" in done.output
    done = CliRunner().invoke(main, ["--root", broken, "--open", "weight"])
    assert done.exit_code == 2 and "no figure is named 'weight'" in done.output
