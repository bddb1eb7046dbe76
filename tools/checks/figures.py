"""Prints figures about the source tree, each beside its limit; exit status 1 if a limit is broken.

The limits keep the three packages readable: files and folders stay small, names say what a function does, and nobody
has to follow a long chain of imports. Tests and tools are not measured.
"""

import ast
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Set
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
PACKAGES = ("lstm_spec", "backends", "conformance")
SHOWN = 8  # places of each figure, unless all are asked for

LARGEST_MODULE = 250  # lines; tables may be longer
TABLES = {
    "lstm_spec/clauses.py",
    "lstm_spec/layouts/table.py",
}
IRREGULAR_PARTICIPLE = re.compile(  # read, run, put, bound and left are also imperatives or nouns
    "begun|broken|brought|built|caught|chosen|done|drawn|driven|fed|forgotten|found|frozen|given|gone|grown|held|hidden|"
    "kept|known|laid|led|lent|lost|made|meant|paid|said|seen|sent|shown|spent|taken|taught|thrown|told|understood|won|"
    "written"
)
NO_PARTICIPLES = {"embed", "exceed", "feed", "need", "proceed", "red", "seed", "shed", "speed", "succeed"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = dict[str, set[str]]  # a module, and those that it imports


class Module(NamedTuple):
    """A file of one of the packages."""

    path: str  # from the root, with slashes
    lines: int
    tree: ast.Module

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def is_package(self) -> bool:
        return self.path.endswith("/__init__.py")

    @property
    def name(self) -> str:
        """The name under which it is imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class Figure(NamedTuple):
    """A number, its limit, and where it comes from, the worst places first."""

    name: str
    found: float
    limit: float
    places: list[str]
    is_share: bool = False  # percent, which has to stay below the limit; else the limit itself is allowed

    @property
    def is_broken(self) -> bool:
        return self.found >= self.limit if self.is_share else self.found > self.limit


def read_modules(root: Path) -> list[Module]:
    """Every Python file of the packages, sorted by path. Raises FileNotFoundError if a package is missing."""
    for package in PACKAGES:
        if not (root / package).is_dir():
            raise FileNotFoundError(f"{root / package} is not a folder; give the folder that has {', '.join(PACKAGES)}")
    paths = sorted(chain.from_iterable((root / package).rglob("*.py") for package in PACKAGES))
    texts = ((path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in paths)
    return [Module(path, len(text.splitlines()), ast.parse(text)) for path, text in texts]


def measure(modules: list[Module]) -> list[Figure]:
    """All figures, in the order in which they are printed."""
    return [
        measure_judge(modules),
        measure_folders(modules),
        measure_long_modules(modules),
        measure_one_word_names(modules),
        measure_participles(modules),
        measure_room_chain(modules),
        measure_module_chain(modules),
        measure_import_circles(modules),
        measure_short_docstrings(modules),
    ]


# ---------------------------------------------------------------- sizes


def measure_judge(modules: list[Module]) -> Figure:
    """How many lines `conformance/` has, with the lines of each of its folders."""
    lines = Counter[str]()
    for module in modules:
        if module.name.split(".")[0] == "conformance":
            lines[module.folder] += module.lines
    places = [f"{folder}/: {count:,} lines" for folder, count in lines.most_common()]
    return Figure("lines of conformance/", lines.total(), 10_000, places)


def measure_folders(modules: list[Module]) -> Figure:
    """How many modules the fullest folder has; `__init__.py` does not count."""
    counts = Counter(module.folder for module in modules if not module.is_package)
    places = [f"{folder}/: {count} modules" for folder, count in counts.most_common() if count > 15]
    return Figure("modules in one folder", max(counts.values(), default=0), 15, places)


def measure_long_modules(modules: list[Module]) -> Figure:
    """How many modules are too long and not a table."""
    long = [module for module in modules if module.lines > LARGEST_MODULE and module.path not in TABLES]
    places = [f"{module.path}: {module.lines:,} lines" for module in sorted(long, key=lambda module: -module.lines)]
    return Figure(f"modules above {LARGEST_MODULE} lines that are no table", len(long), 0, places)


# ---------------------------------------------------------------- names


def measure_one_word_names(modules: list[Module]) -> Figure:
    """The share of functions and methods whose name is a single word."""
    found = {module.path: [is_one_word(function.name) for function in read_functions(module)] for module in modules}
    counts = Counter({path: sum(flags) for path, flags in found.items() if any(flags)})
    places = [f"{path}: {count} of {len(found[path])}" for path, count in counts.most_common()]
    share = _percent(counts.total(), sum(map(len, found.values())))
    return Figure("functions named with one word", share, 35, places, is_share=True)


def measure_participles(modules: list[Module]) -> Figure:
    """The share of functions and methods whose name is a bare participle, e.g. `told`."""
    found = [(module, function) for module in modules for function in read_functions(module)]
    places = [f"{module.path}:{f.lineno} {f.name}" for module, f in found if is_participle(f.name)]
    share = _percent(len(places), len(found))
    return Figure("functions named with a bare participle", share, 3, places, is_share=True)


def _percent(part: int, whole: int) -> float:
    return 100 * part / max(whole, 1)


def read_functions(module: Module) -> list[Function]:
    """The functions and methods of a module, nested ones too, without those that Python calls by its own names."""
    found = [node for node in ast.walk(module.tree) if isinstance(node, Function)]
    return [node for node in found if not (node.name.startswith("__") and node.name.endswith("__"))]


def is_one_word(name: str) -> bool:
    return "_" not in name.strip("_")


def is_participle(name: str) -> bool:
    word = name.strip("_")
    regular = word.endswith("ed") and word not in NO_PARTICIPLES
    return is_one_word(name) and (regular or IRREGULAR_PARTICIPLE.fullmatch(word) is not None)


# ---------------------------------------------------------------- imports


def read_imports(modules: list[Module], homes: dict[str, str]) -> Graph:
    """Which module imports which of the others; imports in functions and for type checkers only count as well.

    `homes` tells where names of packages are defined. Without it, a name that is imported from a package leads to its
    `__init__.py`, which is what Python runs.
    """
    known = {module.name for module in modules}
    found = {module.name: {_follow(name, known, homes) for name in _imported(module)} for module in modules}
    return {name: {target for target in targets if target} - {name} for name, targets in found.items()}


def read_homes(modules: list[Module]) -> dict[str, str]:
    """For each name that a package re-exports, the name that it stands for."""
    packages = [module for module in modules if module.is_package]
    pairs = [(module, node, alias) for module in packages for node, alias in _names(module)]
    return {
        f"{module.name}.{alias.asname or alias.name}": f"{_source(module, node)}.{alias.name}"
        for module, node, alias in pairs
    }


def _imported(module: Module) -> Iterator[str]:
    """The full name of everything that is imported."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
    yield from (f"{_source(module, node)}.{alias.name}" for node, alias in _names(module))


def _names(module: Module) -> Iterator[tuple[ast.ImportFrom, ast.alias]]:
    nodes = (node for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom))
    return ((node, alias) for node in nodes for alias in node.names)


def _follow(name: str, known: set[str], homes: dict[str, str]) -> str:
    """The module that has the name; empty if it is none of ours."""
    while name not in known and name in homes:
        name = homes[name]
    parent = name.rpartition(".")[0]
    return name if name in known else parent if parent in known else ""


def _source(module: Module, node: ast.ImportFrom) -> str:
    """The absolute name of what is imported from."""
    if not node.level:
        return node.module or ""
    here = module.name.split(".")
    above = here[: len(here) - node.level + module.is_package]
    return ".".join([*above, *filter(None, [node.module])])


def measure_room_chain(modules: list[Module]) -> Figure:
    """How many rooms the longest chain of imports passes: folders of `conformance/`, and the modules beside them."""
    rooms: Graph = {}
    for name, targets in read_imports(modules, read_homes(modules)).items():
        if is_in_room(name):
            rooms.setdefault(_room(name), set()).update(_room(target) for target in targets if is_in_room(target))
    found = find_longest_chain(rooms)
    return Figure("rooms in the longest import chain", len(found), 10, [" > ".join(found)])


def measure_module_chain(modules: list[Module]) -> Figure:
    """How many modules of all packages the longest chain passes, `__init__.py` apart: for information, without a limit.

    A layer may have several modules that build on each other, so this is more than the number of rooms.
    """
    packages = {module.name for module in modules if module.is_package}
    found = find_longest_chain(read_imports(modules, read_homes(modules)), packages)
    return Figure("modules in the longest import chain", len(found), math.inf, [" > ".join(found)])


def is_in_room(name: str) -> bool:
    return name.startswith("conformance.")


def _room(name: str) -> str:
    return ".".join(name.split(".")[:2])


def find_longest_chain(graph: Graph, uncounted: Set[str] = frozenset()) -> tuple[str, ...]:
    """The names on the longest way through the graph; all names of a circle are on a way that touches it."""
    reachable = read_reachable(graph)

    @cache
    def longest(name: str) -> tuple[str, ...]:
        circle = _circle(name, reachable)
        below = {target for each in circle for target in graph[each]} - circle
        rest = max(map(longest, sorted(below)), key=len, default=())
        return (*sorted(circle - uncounted), *rest)

    return max(map(longest, sorted(graph)), key=len, default=())


def measure_import_circles(modules: list[Module]) -> Figure:
    """How many groups of modules import each other."""
    graph = read_imports(modules, {})
    reachable = read_reachable(graph)
    circles = {frozenset(_circle(name, reachable)) for name in graph if name in reachable[name]}
    return Figure("import circles", len(circles), 0, sorted(", ".join(sorted(circle)) for circle in circles))


def read_reachable(graph: Graph) -> Graph:
    """A module, and all that it imports, directly or not."""
    return {name: _reachable(graph, name) for name in graph}


def _reachable(graph: Graph, start: str) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _circle(name: str, reachable: Graph) -> set[str]:
    """The module, and those which it imports and which import it."""
    return {name} | {other for other in reachable[name] if name in reachable[other]}


# ---------------------------------------------------------------- docstrings


def measure_short_docstrings(modules: list[Module]) -> Figure:
    """How many public functions and methods have a docstring of three words or fewer."""
    places = [
        f"{module.path}:{function.lineno} {function.name}: {docstring!r}"
        for module in modules
        for function in read_public_functions(module.tree)
        if (docstring := ast.get_docstring(function)) is not None and len(docstring.split()) <= 3
    ]
    return Figure("public docstrings of three words or fewer", len(places), 0, places)


def read_public_functions(parent: ast.Module | ast.ClassDef) -> Iterator[Function]:
    """The functions of a module and the methods of its public classes whose name has no leading underscore."""
    for node in parent.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield from read_public_functions(node) if isinstance(node, ast.ClassDef) else [node]


# ---------------------------------------------------------------- printing


@click.command()
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, help="The folder that has the packages.")
@click.option("--all", "everything", is_flag=True, help="Print every place.")
@click.option("--open", "unmet", multiple=True, metavar="FIGURE", help="A limit that is known to be broken so far.")
def main(root: Path, everything: bool, unmet: tuple[str, ...]) -> None:
    """Print the figures of the source tree; exit status 1 if a limit is broken, or an open one is met by now."""
    try:
        figures = measure(read_modules(root))
    except FileNotFoundError as error:
        raise click.UsageError(str(error)) from error
    unknown = set(unmet) - {figure.name for figure in figures}
    if unknown:
        raise click.UsageError(
            f"no figure is named {min(unknown)!r}, expected one of those in the table; correct --open"
        )
    console = Console(highlight=False, soft_wrap=True)
    print_table(console, figures)
    for figure in figures:
        if figure.is_broken or everything:
            print_places(console, figure, len(figure.places) if everything else SHOWN)
    met = [figure.name for figure in figures if figure.name in unmet and not figure.is_broken]
    for name in met:
        console.print(f"\nthe limit of {name} is met: drop --open {name!r}", markup=False)
    sys.exit(bool(met) or any(figure.is_broken and figure.name not in unmet for figure in figures))


def print_table(console: Console, figures: list[Figure]) -> None:
    """One row for each figure: what it is, what was found, its limit, and whether it holds."""
    table = Table("figure", "found", "limit", "", box=None)
    for figure in figures:
        verdict = "[red]BROKEN[/]" if figure.is_broken else "[green]holds[/]"
        table.add_row(figure.name, format_number(figure.found, figure), format_limit(figure), verdict)
    console.print(table)


def print_places(console: Console, figure: Figure, many: int) -> None:
    """The first places of a figure, and how many were left out."""
    console.print(f"\n{figure.name}", style="bold")
    for place in figure.places[:many]:
        console.print(f"  {place}", markup=False)
    if figure.places[many:]:
        console.print(f"  and {len(figure.places) - many} more: --all")


def format_number(number: float, figure: Figure) -> str:
    return f"{number:.1f} %" if figure.is_share else f"{number:,.0f}"


def format_limit(figure: Figure) -> str:
    if math.isinf(figure.limit):
        return "no limit"
    if figure.is_share:
        return f"below {figure.limit:.0f} %"
    return f"at most {figure.limit:,.0f}" if figure.limit else "none"


if __name__ == "__main__":
    main()
