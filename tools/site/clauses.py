"""The pages of the norm, as Markdown: one for each family of clauses, and one with all clauses at a glance."""

import ast
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import lstm_spec
from conformance.cli.explanation import find_code_lines
from conformance.property import Property
from lstm_spec import CLAUSES, Clause
from lstm_spec.clauses import CHOICES
from tools.pages.families import FAMILIES
from tools.pages.frameworks_page import KEPT, write_cell
from tools.pages.spec_page import list_faults, list_properties
from tools.site.bibliography import find_keys
from tools.site.notation import write_tex
from tools.site.places import ROOT

FINDINGS = ROOT / "docs" / "findings"
FEW = 3  # properties, faults and lines of code that are shown at once


NAMES = {  # of what the equations of the cell define
    "CELL-1": "input gate",
    "CELL-2": "forget gate",
    "CELL-3": "candidate",
    "CELL-4": "output gate",
    "CELL-5": "cell state",
    "CELL-6": "hidden state",
}


def list_families() -> dict[str, list[Clause]]:
    """The clauses of each family, in their order."""
    grouped = groupby(CLAUSES.values(), lambda clause: clause.id.split("-")[0])
    return {family: list(clauses) for family, clauses in grouped}


def name_page(family: str) -> str:
    """The name of the page of a family, without its ending."""
    return family.lower()


def link_clause(id: str) -> str:
    """A link to a clause."""
    return f"[{id}](/{name_page(id.split('-')[0])}.md#{id})"


# ---------------------------------------------------------------- all clauses


def write_overview() -> str:
    """The rows of all clauses, family by family."""
    parts = []
    for family, clauses in list_families().items():
        parts += [f"## [{FAMILIES[family].title}](/{name_page(family)}.md) ({family})", "| clause | norm |\n|---|---|"]
        parts[-1] += "".join(f"\n| {link_clause(c.id)} | {_write_norm(c)} |" for c in clauses)
    return "\n\n".join(parts)


def _write_norm(clause: Clause) -> str:
    equation = f" ${write_tex_inline(clause)}$" if clause.equation else ""
    return f"{_write_level(clause)} {clause.sentence}{equation}".replace("|", r"\|")


def write_tex_inline(clause: Clause) -> str:
    """The equation of a clause on one line."""
    tex = write_tex(clause.equation)
    line = re.sub(r"\\begin\{aligned\}|\\end\{aligned\}|&|\n", " ", tex).replace(r"\\", r",\quad ").strip()
    return line.replace(r"\frac", r"\dfrac")


def write_equations() -> str:
    """The six equations of the cell, each with a link to its clause."""
    rows = [f"| {link_clause(id)} {name} | ${write_tex(CLAUSES[id].equation)}$ |" for id, name in NAMES.items()]
    return "\n".join(["| clause | equation |", "|---|---|", *rows])


def write_choices() -> str:
    """What implementations choose differently, with the clauses that decide it here."""
    rows = [f"| {what} | {' '.join(map(link_clause, ids))} |" for what, ids in CHOICES.items()]
    return "\n".join(["| choice | clauses |", "|---|---|", *rows])


# ---------------------------------------------------------------- one family


def write_family(family: str) -> str:
    """The page of a family: its clauses, its code, and what frameworks do."""
    clauses = list_families()[family]
    about = FAMILIES[family]
    parts = [f"# {about.title} ({family})", about.introduction]
    parts += [_write_clause(clause) for clause in clauses]
    parts += [_write_code(clauses), _write_frameworks(family, [clause.id for clause in clauses])]
    return "\n\n".join(filter(None, parts)) + "\n"


def _write_clause(clause: Clause) -> str:
    choices = [what for what, ids in CHOICES.items() if clause.id in ids]
    entries = [f"! single: {clause.id}"]  # a search shows what has a ! first
    entries += [f"! single: {NAMES[clause.id]}; {clause.id}"] if clause.id in NAMES else []
    entries += [f"single: {re.sub('^(a|an|the) ', '', what)}; {clause.id}" for what in choices]
    index = "\n".join(f"```{{index}} {entry}\n```" for entry in entries)
    equation = f"\n\n$$\n{write_tex(clause.equation)}\n$$" if clause.equation else ""
    norm = f"::::{{container}} norm\n{_write_level(clause)} {clause.sentence}{equation}\n::::"
    parts = [f"## {clause.id}", index, norm, *_write_lines(clause.id), _write_evidence(clause)]
    return "\n\n".join(filter(None, parts))


def _write_level(clause: Clause) -> str:
    return f"**{clause.level.upper()}**"


def _write_lines(id: str) -> list[str]:
    """The lines of code that carry the clause, included from their files."""
    shown = [_include(f"lstm_spec/{page}", f"lines: {lines[0]}-{lines[-1]}") for page, lines in _group_lines(id)]
    return [shown[0], _fold("More lines with this clause", shown[1:])] if shown else []


def _group_lines(id: str) -> list[tuple[str, list[int]]]:
    """The numbers of the lines that carry a clause, by file; those that follow each other are together."""
    groups: list[tuple[str, list[int]]] = []
    for page, number, _ in find_code_lines(id):
        if groups and groups[-1][0] == page and groups[-1][1][-1] == number - 1:
            groups[-1][1].append(number)
        else:
            groups.append((page, [number]))
    return groups


def _include(path: str, *options: str) -> str:
    lines = "".join(f":{option}\n" for option in (*options, "dedent:", "lineno-match:"))
    return f"[`{path}`](/source/{path}.md)\n\n```{{literalinclude}} /@ROOT@/{path}\n{lines}```"


def _write_evidence(clause: Clause) -> str:
    cited = "; ".join(f"{{cite:t}}`{key}`" for key in find_keys(clause.source)) if clause.source else ""
    rows = [f"**Source**: {cited}."] if cited else []
    properties = [_link_property(prop) for prop in list_properties(clause.id)]
    faults = [f"`{fault.name}`: {escape(fault.sentence)}" for fault in list_faults(clause.id)]
    rows += [_write_list("Verified by", properties), _write_list("Broken by", faults)]
    return "\n\n".join(
        filter(None, rows + [_write_list("Frameworks that answer otherwise", list_other_answers(clause.id))])
    )


def _link_property(prop: Property) -> str:
    path = Path(inspect.getfile(prop.refute)).relative_to(ROOT).as_posix()
    return f"[{prop.sentence}](/source/{path}.md)"


def _write_list(title: str, items: list[str]) -> str:
    """A titled list, whose end is folded if it is long."""
    if not items:
        return ""
    heading = f"**{title}**" + (f" ({len(items)})" if len(items) > FEW else "")
    shown = "\n".join(f"- {item}" for item in items[:FEW])
    rest = "\n".join(f"- {item}" for item in items[FEW:])
    return f"{heading}\n\n{shown}\n\n{_fold(f'{len(items) - FEW} more', [rest] if rest else [])}".strip()


def _fold(title: str, parts: list[str]) -> str:
    """What is shown when the reader asks for it; empty without any."""
    return "\n\n".join([f"<details><summary>{title}</summary>", *parts, "</details>"]) if parts else ""


# ---------------------------------------------------------------- code


def _write_code(clauses: Iterable[Clause]) -> str:
    found = list(dict.fromkeys(symbol for clause in clauses for symbol in find_symbols(clause.id)))
    parts = [_include(f"lstm_spec/{page}", f"pyobject: {name}") for page, name in found]
    return "\n\n".join(["## The code", *parts]) if parts else ""


def find_symbols(id: str) -> Iterator[tuple[str, str]]:
    """The file and the name of every function and method in which a line carries the clause."""
    for page, number, _ in find_code_lines(id):
        for name, node in _read_functions(page):
            if node.lineno <= number <= (node.end_lineno or 0):
                yield page, name


@cache
def _read_functions(page: str) -> list[tuple[str, ast.FunctionDef]]:
    tree = ast.parse((Path(lstm_spec.__file__).parent / page).read_text(encoding="utf-8"))
    homes: list[tuple[str, ast.Module | ast.ClassDef]] = [("", tree)]
    homes += [(f"{node.name}.", node) for node in tree.body if isinstance(node, ast.ClassDef)]
    return [(prefix + f.name, f) for prefix, home in homes for f in home.body if isinstance(f, ast.FunctionDef)]


# ---------------------------------------------------------------- frameworks


@cache
def read_kept_reports() -> dict[str, dict[str, Any]]:
    """What is kept of the report on each framework, by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(KEPT.glob("*.json"))}


def list_other_answers(id: str) -> list[str]:
    """What frameworks were seen to answer that this clause does not allow, and the findings that show it."""
    lines = [
        f"{name} {report['version']} ({', '.join(wrong['dtypes'])}): {escape(wrong['detail'])}"
        for name, report in read_kept_reports().items()
        for wrong in report["refuted"]
        if id in wrong["clauses"]
    ]
    shown = [f"[{_read_title(page)}](/findings/{page.name})" for page in list_findings() if id in _read_clauses(page)]
    return list(dict.fromkeys(lines + shown))


def list_findings() -> list[Path]:
    """The pages of findings."""
    return sorted(FINDINGS.glob("*.md"))


def _read_title(page: Path) -> str:
    return page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _read_clauses(page: Path) -> set[str]:
    return set(re.findall(r"\b[A-Z]+-\d+\b", page.read_text(encoding="utf-8")))


def escape(text: str) -> str:
    """Text that Markdown takes as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#$|])", r"\\\1", text)


def _write_frameworks(family: str, ids: list[str]) -> str:
    rows = [
        f"| {name} {report['version']} | {write_cell(report, family)} |" for name, report in read_kept_reports().items()
    ]
    notes = FAMILIES[family].differences
    head = "| framework | verdict on this family |\n|---|---|"
    closing = "A dash: not claimed. [Frameworks, judged](/frameworks.md) has the whole reports."
    choices = [what for what, clauses in CHOICES.items() if set(clauses) & set(ids)]
    known = f"Implementations choose differently: {'; '.join(choices)}." if choices else ""
    return "\n\n".join(filter(None, ["## What frameworks do", notes, known, "\n".join([head, *rows]), closing]))
