"""Whether two networks are the same LSTM: weight by weight, perhaps with its units in another order."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from conformance.models.asked import Asked
from conformance.models.runtimes import ask_problems
from lstm_spec import Activations, Answer, Backend, Network, Parameters, State
from lstm_spec.types import Array, Gate, each_array

Orders = list[list[Array]]  # [layer][direction]: for each unit of the first network, which one of the second it is


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
    same = [[np.arange(len(p.g.b)) for p in row] for row in first.parameters]
    if _are_equal(a, b, same):
        return Compared(f"the weights are the same to the last bit{_name_cast(first, second)}", same, True)
    dtype = second.parameters[0][0].g.W.dtype
    rounded = [[_widen(_cast(p, dtype)) for p in row] for row in first.parameters]
    if _are_equal(rounded, b, same, _measure_rounding(first, dtype)):
        return Compared(f"the weights of the second are those of the first, rounded to {dtype}", same, True)
    orders = _find_orders(a, b)
    if _are_equal(a, b, orders):
        return Compared("the weights are the same, with the units in another order", orders, True)
    return Compared(_explain(a, b) or _describe_difference(a, b), same)


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
        functions.append(_name_functions(one.activations))
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


def _name_functions(functions: Activations | None) -> str:
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


Rows = list[list[Parameters]]


def _are_equal(a: Rows, b: Rows, orders: Orders, room: float = 0.0) -> bool:
    """Whether the second, with its units in this order, has the weights of the first, biases as near as `room`."""
    below: Array | None = None
    for row_a, row_b, row in zip(a, b, orders, strict=True):
        for p, q, order in zip(row_a, row_b, row, strict=True):
            pairs = [(p.gates[k], q.gates[k]) for k in p.gates]
            seen: Any = order if p.R is None else slice(None)
            columns: Any = slice(None) if below is None else below
            for one, other in pairs:
                if not (
                    np.array_equal(one.W, other.W[order][:, columns])
                    and np.array_equal(one.U, other.U[order][:, seen])
                    and (np.abs(one.b - other.b[order]) <= room).all()
                    and (one.p is None or other.p is None or np.array_equal(one.p, other.p[order]))
                ):
                    return False
            if p.R is not None and (q.R is None or not np.array_equal(p.R, q.R[:, order])):
                return False
        below = _join_orders(row_a, row)
    return True


def _join_orders(row: list[Parameters], orders: list[Array]) -> Array | None:
    """The order of what a layer returns."""
    if row[0].R is not None:
        return None
    return np.concatenate([d * len(order) + order for d, order in enumerate(orders)])


def _find_orders(a: Rows, b: Rows) -> Orders:
    """Units with the same input weights and biases are the same, if there is nothing else to tell them."""
    found: Orders = []
    below: Array | None = None
    for row_a, row_b in zip(a, b, strict=True):
        row = []
        for p, q in zip(row_a, row_b, strict=True):
            columns = np.arange(q.g.W.shape[1]) if below is None else below
            first, second = _list_rows(p, np.arange(p.g.W.shape[1])), _list_rows(q, columns)
            order = np.empty(len(first), int)
            order[np.lexsort(first.T)] = np.lexsort(second.T)
            row.append(order)
        found.append(row)
        below = _join_orders(row_a, row)
    return found


def _list_rows(p: Parameters, columns: Array) -> Array:
    """For each unit, what is its own whatever the order of the others."""
    return np.concatenate([np.column_stack([g.W[:, columns], g.b]) for g in p.gates.values()], axis=1)


# ---------------------------------------------------------------- what is wrong


def _explain(a: Rows, b: Rows) -> str:
    """The usual mistake that makes the second of the first; empty if none does."""
    same = [[np.arange(len(p.g.b)) for p in row] for row in a]
    for name, mistake in _list_mistakes(a[0][0]):
        if _are_equal([[mistake(p) for p in row] for row in a], b, same):
            return f"the second is the first {name}"
    return ""


Mistake = Callable[[Parameters], Parameters]


def _list_mistakes(some: Parameters) -> Iterator[tuple[str, Mistake]]:
    letters = "".join(some.gates)
    for order in permutations(letters):
        if "".join(order) != letters:
            name = f"with the gates {', '.join(letters)} taken for {', '.join(order)}"
            yield name, partial(_take_gates, dict(zip(letters, order, strict=True)))
    yield "with its recurrent weights transposed", partial(_change_gates, lambda k, g: g._replace(U=g.U.T))
    yield "without its biases", partial(_change_gates, lambda k, g: g._replace(b=0 * g.b))
    for word, number in (("more", 1), ("less", -1)):
        change = partial(_add_to_forget_bias, number)
        yield f"with 1 {word} in the forget gate's bias", partial(_change_gates, change)


def _take_gates(taken: dict[str, str], p: Parameters) -> Parameters:
    return p._replace(**{k: p.gates[letter] for k, letter in taken.items()})  # type: ignore[arg-type]


def _change_gates(change: Callable[[str, Gate], Gate], p: Parameters) -> Parameters:
    return p._replace(**{k: change(k, gate) for k, gate in p.gates.items()})  # type: ignore[arg-type]


def _add_to_forget_bias(number: int, letter: str, gate: Gate) -> Gate:
    return gate._replace(b=gate.b + number) if letter == "f" else gate


def _describe_difference(a: Rows, b: Rows) -> str:
    """How many weights differ, by how much, and where most."""
    worst, many, total = (-1.0, ""), 0, 0
    for k, (row_a, row_b) in enumerate(zip(a, b, strict=True)):
        for d, (p, q) in enumerate(zip(row_a, row_b, strict=True)):
            for name, x, y in _pair_arrays(p, q):
                gap = np.abs(np.nan_to_num(x - y, nan=np.inf))
                many, total = many + int(np.count_nonzero(gap)), total + gap.size
                at = np.unravel_index(gap.argmax(), gap.shape)
                where = f"{name}[{', '.join(map(str, at))}] of layer {k}{', reverse' * (d == 1)}"
                worst = max(worst, (float(gap[at]), f"{where}: {x[at]:.9g} and {y[at]:.9g}"))
    return f"{many} of {total} weights differ, the most at {worst[1]}"


def _pair_arrays(p: Parameters, q: Parameters) -> Iterator[tuple[str, Array, Array]]:
    for letter, gate in p.gates.items():
        for part, x, y in zip(Gate._fields, gate, q.gates[letter], strict=True):
            if x is not None and y is not None:
                yield f"{part}_{letter}", x, y
    if p.R is not None and q.R is not None:
        yield "R", p.R, q.R
