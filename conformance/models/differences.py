"""Whether two networks are the same LSTM: weight by weight, perhaps with its units in another order."""

from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from conformance.models.asked import Asked
from conformance.models.changes import describe_difference, drop_biases, list_changes
from conformance.models.orders import Orders, Rows, are_equal, find_orders, list_orders, may_be_moved, reorder_units
from conformance.models.runtimes import ask_problems
from lstm_spec import Activations, Answer, Backend, Network, Parameters, State
from lstm_spec.types import Array, each_array

NARROW = ("float16", "bfloat16")  # dtypes that weights may have been rounded to, and widened again
TOLD = 2  # units whose biases say which numbers were added
ROUNDED = "the weights of the second are those of the first, rounded to"


class Compared(NamedTuple):
    """What was found of two networks."""

    sentence: str
    orders: Orders | None  # None if they have other sizes
    is_same: bool = False  # the same weights, perhaps rounded or in another order


def compare_networks(first: Network, second: Network) -> Compared:
    """In a sentence, what distinguishes the weights."""
    if reason := _compare_forms(first, second):
        return Compared(reason, None)
    a, b = ([[_widen(p) for p in row] for row in one.parameters] for one in (first, second))
    dtype, own = second.parameters[0][0].g.W.dtype, first.parameters[0][0].g.W.dtype
    found = _match(a, b, 0, "the weights are the same", f" to the last bit{_name_cast(first, second)}")
    found = found or _match(_round(first, dtype), b, _measure_rounding(first, dtype), f"{ROUNDED} {dtype}")
    if found:
        return found._replace(is_same=True)
    for name, rows in list_changes(a):
        if found := _match(rows, b, _measure_rounding(first, own), f"the second is the first {name}"):
            return found
    if _lost_one_bias(first, a, b):
        return Compared("the second is the first without one of its two biases, which are added", list_orders(a))
    for name in NARROW:
        narrow = np.dtype(name)
        if found := _match(_round(first, narrow), b, _measure_rounding(first, narrow), f"{ROUNDED} {name} and widened"):
            return found
    return _describe(a, b)


def _match(a: Rows, b: Rows, room: float, sentence: str, unmoved: str = "") -> Compared | None:
    """The sentence, if b is a with its units in any order; `unmoved` is what is said if they are in the same."""
    same = list_orders(a)
    if are_equal(a, b, room):
        return Compared(f"{sentence}{unmoved}", same)
    if may_be_moved(a, b) and are_equal(a, reorder_units(b, orders := find_orders(a, b)), room):
        return Compared(f"{sentence}, with the units in another order", orders)
    return None


def _lost_one_bias(first: Network, a: Rows, b: Rows) -> bool:
    """Whether every bias of b may be one of the two that are added in a: what is left of a's is the other.

    That says something where the two have different signs: then the sizes of both, which are known, tell them apart.
    """
    room, told = _measure_rounding(first, first.parameters[0][0].g.W.dtype), 0
    if not first.bias_sizes or not are_equal(drop_biases(a), drop_biases(b), room):
        return False
    for p, q, sizes in zip(*(chain(*rows) for rows in (a, b, first.bias_sizes)), strict=True):
        for k, gate in p.gates.items():
            whole, one = gate.b, q.gates[k].b
            if (np.abs(np.abs(one) + np.abs(whole - one) - sizes[k]) > room).any():
                return False
            told += int(np.count_nonzero(sizes[k] - np.abs(whole) > room))
    return told >= TOLD


def _describe(a: Rows, b: Rows) -> Compared:
    """How many weights differ, with the units in the order in which fewer do."""
    same, near = list_orders(a), find_orders(a, b, is_near=True)
    moved, plain = (describe_difference(a, reorder_units(b, orders)) for orders in (near, same))
    if moved.many < plain.many:
        return Compared(f"{moved.sentence}, with the units in another order", near)
    return Compared(plain.sentence, same)


def _round(network: Network, dtype: np.dtype[Any]) -> Rows:
    return [[_widen(_cast(p, dtype)) for p in row] for row in network.parameters]


def ask_as_first(first: Asked, second: Asked, orders: Orders, runtime: str | Backend) -> Asked:
    """The question of the first, put to a runtime with the weights of the second. Raises ModelError."""
    theirs, flat = second.problem, [order for row in orders for order in row]
    dtype, is_projected = theirs.dtype, theirs.layer.R is not None
    h, c = (np.array(a, dtype) for a in first.problem.state)
    for k, order in enumerate(flat):
        c[k][:, order] = first.problem.state.c[k]
        if not is_projected:
            h[k][:, order] = first.problem.state.h[k]
    x = first.problem.x.astype(dtype)
    problem = replace(theirs, x=x, state=State(h, c), lengths=first.problem.lengths)
    (asked,) = ask_problems([second._replace(problem=problem, units=())], runtime)
    y, last_h, last_c = asked.answer
    assert last_h is not None and last_c is not None, "a runtime returns them"
    answer = _reorder_answer(Answer(y, State(last_h, last_c)), is_projected, orders)
    inner = asked.inner if is_projected else tuple(map(_reorder_output, asked.inner, orders))
    return asked._replace(problem=first.problem, answer=(answer.y, *answer.state), inner=inner)


def _reorder_answer(answer: Answer, is_projected: bool, orders: Orders) -> Answer:
    """What the second network answered, with its units where the first has them."""
    flat = [order for row in orders for order in row]
    c = np.stack([a[:, order] for a, order in zip(answer.state.c, flat, strict=True)])
    if is_projected:  # h is not of units
        return Answer(answer.y, State(answer.state.h, c))
    h = np.stack([a[:, order] for a, order in zip(answer.state.h, flat, strict=True)])
    return Answer(_reorder_output(answer.y, orders[-1]), State(h, c))


def _reorder_output(y: Array, row: list[Array]) -> Array:
    return np.concatenate([y[..., d * len(order) + order] for d, order in enumerate(row)], axis=-1)


def _measure_rounding(network: Network, dtype: np.dtype[Any]) -> float:
    """How far a bias may be off that is the sum of two, if they, their sum and that of the others are rounded."""
    given = [a for row in network.bias_sizes for one in row for a in one.values()]
    sizes = given or [np.abs(gate.b) for row in network.parameters for p in row for gate in p.gates.values()]
    eps = float(ml_dtypes.finfo(dtype).eps)  # type: ignore[no-untyped-call]
    return 2 * eps * max(float(np.max(a)) for a in sizes)


def _compare_forms(first: Network, second: Network) -> str:
    """How their sizes or kinds differ; empty if they do not."""
    forms, functions, bounds = [], [], []
    for one in (first, second):
        p = one.parameters[0][0]
        projection = "" if p.R is None else f", P = {len(p.R)}"
        sizes = f"I = {p.g.W.shape[1]}, H = {len(p.g.b)}{projection}"
        kind = "standard" if one.activations else one.variant.kind
        forms.append(f"{len(one.parameters)} x {' and '.join(one.directions)} {kind} with {sizes}")
        functions.append(name_functions(one.activations))
        bounds.append(name_bounds(one) or "none")
    if forms[0] != forms[1]:
        return f"they have other forms: {forms[0]}, and {forms[1]}"
    if functions[0] != functions[1]:
        return f"they have other activations: {functions[0]}, and {functions[1]}"
    return "" if bounds[0] == bounds[1] else f"they have other bounds: {bounds[0]}, and {bounds[1]}"


def name_bounds(network: Network) -> str:
    """Those of the cell state and of the projection; empty if nothing is bounded."""
    given = {"the cell state": network.clip, "the projection": network.projection_clip}
    return " and ".join(f"{what} within {bound:.6g}" for what, bound in given.items() if bound is not None)


def name_functions(functions: Activations | None) -> str:
    """Those of the gates, of the candidate and of the cell state."""
    used = functions or Activations("sigmoid")
    slope = f" {used.alpha:.6g} z + {used.beta:.6g}" if used.gate == "hard sigmoid" else ""
    return f"{used.gate}{slope}, {used.candidate} and {used.output}"


def _name_cast(first: Network, second: Network) -> str:
    dtypes = [one.parameters[0][0].g.W.dtype.name for one in (first, second)]
    return "" if dtypes[0] == dtypes[1] else f", as {dtypes[0]} and {dtypes[1]}"


def _widen(p: Parameters) -> Parameters:
    return _cast(p, np.dtype(np.float64))


def _cast(p: Parameters, dtype: np.dtype[Any]) -> Parameters:
    with np.errstate(over="ignore"):
        return each_array(lambda a: a.astype(dtype), p)
