"""The small mistakes that are made in every place of a text: each operator gives the wrong forms of one node.

An operator gets a node of the syntax tree, and what stands around it, and yields what might stand there by mistake.
"""

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

Operator = Callable[[ast.AST, "Place"], Iterator[ast.AST]]


class Place(NamedTuple):
    """Where a node stands."""

    parent: ast.AST
    in_index: bool  # inside the brackets of a subscript, or the arguments of range


GATES = "ifgo"
SQUASHING = {"sigmoid": "np.tanh", "np.tanh": "sigmoid", "torch.sigmoid": "torch.tanh", "torch.tanh": "torch.sigmoid"}
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Is: ast.IsNot}
COMPARISONS |= {ast.IsNot: ast.Is}


def parse_expression(text: str) -> ast.expr:
    """The expression of a text."""
    return ast.parse(text, mode="eval").body


def change_node(node: Any, **fields: Any) -> Any:
    """A copy of the node with other fields."""
    copy = deepcopy(node)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def is_sum(node: ast.AST) -> bool:
    """Whether the node adds or subtracts numbers."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def swap_plus_and_minus(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """a - b for a + b, and the other way round; -= for +=."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub) and not place.in_index:
        yield change_node(node, op=ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())


def drop_term(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """One operand of a sum."""
    if isinstance(node, ast.BinOp) and is_sum(node) and not place.in_index:
        yield node.left
        yield node.right


def drop_factor(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """One operand of a product."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and not place.in_index:
        yield node.left
        yield node.right


def take_other_gate(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """The name of another gate: f for i, or Wf for Wi."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id[-1] in GATES:
        head, gate = node.id[:-1], GATES.index(node.id[-1])
        if head in ("", "W", "U", "b", "z", "d"):
            yield change_node(node, id=head + GATES[(gate + 1) % 4])
            yield change_node(node, id=head + GATES[(gate + 2) % 4])


def take_other_squashing(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """The tanh for σ, and the other way round, or neither."""
    if isinstance(node, ast.Call) and (other := SQUASHING.get(ast.unparse(node.func))):
        yield change_node(node, func=parse_expression(other))
        yield node.args[0]


def drop_transpose(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """A for A.T."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value


def miss_by_one(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """The step before; one step fewer at either end of a range or a block; a limit that is left out."""
    if isinstance(node, ast.Name) and place.in_index and isinstance(node.ctx, ast.Load):
        wrong = {"t": ("t - 1", "max(t - 1, 0)"), "start": ("start + 1",), "stop": ("stop - 1",), "T": ("T - 1",)}
        yield from map(parse_expression, wrong.get(node.id, ()))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "range" and len(node.args) == 1:
        yield parse_expression(f"range({ast.unparse(node.args[0])} - 1)")
        yield parse_expression(f"range(1, {ast.unparse(node.args[0])})")
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "min":
        yield from node.args


def compare_otherwise(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """<= for <, `is not` for `is`, and the other way round; the arms of `where` swapped."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield change_node(node, ops=[COMPARISONS[type(node.ops[0])]()])
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.where":
        yield change_node(node, args=[node.args[0], node.args[2], node.args[1]])
        yield node.args[1]
        yield node.args[2]


def change_constant(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """1 for 0, 2 or 1/2 for 1, one less for every other number."""
    if isinstance(node, ast.Constant) and type(node.value) is int and not isinstance(place.parent, ast.keyword):
        yield ast.Constant({0: 1, 1: 2}.get(node.value, node.value - 1))
        if node.value == 1:
            yield ast.Constant(0)
            yield from () if place.in_index else (ast.Constant(0.5),)


def change_axis(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """Another axis; another letter of einsum."""
    if isinstance(node, ast.keyword) and node.arg == "axis" and isinstance(node.value, ast.Constant):
        axis: Any = node.value.value
        yield change_node(node, value=ast.Constant(0 if axis == 1 else 1))
    if isinstance(node, ast.keyword) and node.arg == "axis" and isinstance(node.value, ast.Tuple):
        yield from (change_node(node, value=part) for part in node.value.elts)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:
        read, _, written = node.value.partition("->")
        yield ast.Constant(f"{read}->{written[::-1]}")


def read_backwards(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """The other order of steps, layers or arrays."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "reversed":
        yield node.args[0]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "range":
        yield parse_expression(f"list({ast.unparse(node)})[::-1]")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    if isinstance(node, ast.List) and len(node.elts) > 1:
        yield change_node(node, elts=[node.elts[1], node.elts[0], *node.elts[2:]])


def delete_statement(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """Nothing for an assignment or a call."""
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if is_call or isinstance(node, ast.Assign | ast.AugAssign):
        yield ast.Pass()


def drop_copy(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """The array itself for its copy."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "copy":
        yield node.func.value


def take_other_index(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """The index of another axis: d for layer, layer for k, the first element for the one of this turn."""
    others = {"layer": ("d",), "d": ("layer",), "k": ("layer", "d"), "t": ("0", "-1")}
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
        yield from (change_node(node, slice=parse_expression(other)) for other in others.get(node.slice.id, ()))


def assign_for_adding(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """= for +=."""
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value, lineno=node.lineno)


def take_other_state(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """h for c and c for h, also in the names of gradients and of what is kept; not where only the shape counts."""
    for_shape = isinstance(place.parent, ast.Attribute) or ast.unparse(place.parent).startswith("np.zeros")
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in STATES and not for_shape:
        yield change_node(node, id=STATES[node.id])


PAIRS = (("h", "c"), ("dh", "dc"), ("h_before", "c_before"), ("h_last", "c_last"), ("hs", "cs"), ("dh0", "dc0"))
STATES = {name: other for pair in PAIRS for name, other in (pair, pair[::-1])}

OPERATORS: tuple[Operator, ...] = (
    swap_plus_and_minus,
    drop_term,
    drop_factor,
    take_other_gate,
    take_other_state,
    take_other_squashing,
    drop_transpose,
    miss_by_one,
    compare_otherwise,
    change_constant,
    change_axis,
    read_backwards,
    delete_statement,
    drop_copy,
    take_other_index,
    assign_for_adding,
)


def name_operator(operator: Operator) -> str:
    """The name of an operator in words."""
    return operator.__name__.replace("_", " ")
