"""A text with one mistake in one place: every operator in every place."""

import ast
from collections.abc import Iterator
from copy import copy
from typing import Any, NamedTuple

from tools.mutants.operators import OPERATORS, Operator, Place, name_operator


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
        return write_edit(self.before, self.after)


def make_slips(text: str) -> Iterator[Slip]:
    """The text with each mistake of each operator; texts that are the same are made once."""
    tree = ast.parse(text)
    seen = {ast.unparse(tree)}
    for operator, statement, node, new in _list_changes(tree):
        changed = ast.unparse(_replace(tree, node, new))
        if changed not in seen:
            seen.add(changed)
            yield Slip(name_operator(operator), statement.lineno, *_describe(statement, node, new), changed)


def find_text(text: str, edit: str) -> str | None:
    """The text with the mistake of this edit; None if it is not possible there."""
    tree = ast.parse(text)
    for _, statement, node, new in _list_changes(tree):
        if write_edit(*_describe(statement, node, new)) == edit:
            return ast.unparse(_replace(tree, node, new))
    return None


def write_edit(before: str, after: str) -> str:
    """What was written for what."""
    return f"{before}  →  {after}"


def _list_changes(tree: ast.AST) -> Iterator[tuple[Operator, Any, ast.AST, ast.AST]]:
    """Each operator, the statement and the node that it changes, and the new node."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    places = [found for node in functions for found in _walk(node, Place(tree, False), None)]
    for operator in OPERATORS:
        for node, place, statement in places:
            yield from ((operator, statement, node, new) for new in operator(node, place))


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


def _replace(tree: Any, old: ast.AST, new: ast.AST) -> Any:
    """The tree with the new node in the place of the old one; what does not hold it is shared."""
    if tree is old:
        return new
    if isinstance(tree, list):
        parts = [_replace(part, old, new) for part in tree]
        return parts if any(a is not b for a, b in zip(parts, tree, strict=True)) else tree
    for name, value in ast.iter_fields(tree) if isinstance(tree, ast.AST) else ():
        if (changed := _replace(value, old, new)) is not value:
            found = copy(tree)
            setattr(found, name, changed)
            return found
    return tree


def _describe(statement: Any, old: ast.AST, new: ast.AST) -> tuple[str, str]:
    """The line before and after; of a statement that holds others, its first line."""
    before, after = (ast.unparse(part).splitlines()[0] for part in (statement, _replace(statement, old, new)))
    return before, "nothing" if isinstance(new, ast.Pass) else after
