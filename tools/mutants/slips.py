"""A text with one mistake in one place: every operator in every place."""

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

from tools.mutants.operators import OPERATORS, Place, name_operator


class Slip(NamedTuple):
    """One mistake: the operator, the line of the original text, what stood there, and the whole text with it."""

    operator: str
    line: int
    before: str
    after: str
    text: str

    @property
    def edit(self) -> str:
        """What was written for what."""
        return f"{self.before}  →  {self.after}"


@dataclass
class Replacing(ast.NodeTransformer):
    """Puts another node in the place of one node."""

    old: ast.AST
    new: ast.AST

    def visit(self, node: ast.AST) -> Any:
        """The node, or what stands for it."""
        return self.new if node is self.old else super().visit(node)


def make_slips(text: str) -> Iterator[Slip]:
    """The text with each mistake of each operator; texts that are the same are made once."""
    tree, seen = ast.parse(text), {ast.unparse(ast.parse(text))}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    places = [found for node in functions for found in _walk(node, Place(tree, False), None)]
    for operator in OPERATORS:
        for node, place, statement in places:
            for new in operator(node, place):
                changed = _replace(tree, node, new)
                if changed not in seen:
                    seen.add(changed)
                    edit = _describe(statement, node, new)
                    yield Slip(name_operator(operator), statement.lineno, *edit, changed)


def _walk(node: ast.AST, place: Place, statement: Any) -> Iterator[tuple[ast.AST, Place, Any]]:
    """Every node of a function body but docstrings, with its place and its statement."""
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_docstring(child) or isinstance(child, ast.arguments):
                continue
            in_index = place.in_index or name == "slice" or _is_range(node)
            here = Place(node, in_index and not isinstance(child, ast.stmt))
            inside = child if isinstance(child, ast.stmt) else statement
            if not isinstance(child, ast.expr_context | ast.operator):
                yield child, here, inside
            yield from _walk(child, here, inside)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_range(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "range"


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> str:
    """The text of the tree with the new node in the place of the old one; the tree stays as it was."""
    memo: dict[int, Any] = {}
    copy = deepcopy(tree, memo)
    return ast.unparse(ast.fix_missing_locations(Replacing(memo[id(old)], deepcopy(new)).visit(copy)))


def _describe(statement: Any, old: ast.AST, new: ast.AST) -> tuple[str, str]:
    """The line before and after; of a statement that holds others, its first line."""
    changed = new if old is statement else ast.parse(_replace(statement, old, new)).body[0]
    before, after = (ast.unparse(part).splitlines()[0] for part in (statement, changed))
    return before, "nothing" if isinstance(new, ast.Pass) else after
