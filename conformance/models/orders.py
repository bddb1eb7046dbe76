"""The order of the units of an LSTM, which is free: two networks are the same if one has the units of the other."""

import numpy as np

from lstm_spec import Parameters
from lstm_spec.types import Array, Gate

Rows = list[list[Parameters]]  # [layer][direction]
Orders = list[list[Array]]  # [layer][direction]: for each unit of the first network, which one of the second it is
LARGEST = 1 << 31  # products to find the nearest units with


def list_orders(rows: Rows) -> Orders:
    """The units as they are."""
    return [[np.arange(len(p.g.b)) for p in row] for row in rows]


def may_be_moved(a: Rows, b: Rows) -> bool:
    """Whether the weights of the first input are those of other units: quickly seen, and seldom so by chance."""
    pairs = ((p.g.W, q.g.W) for p, q in zip(a[0], b[0], strict=True))
    return all(W.shape == V.shape and np.array_equal(np.sort(W[:, 0]), np.sort(V[:, 0])) for W, V in pairs)


def find_orders(a: Rows, b: Rows, is_near: bool = False) -> Orders:
    """Units with the same input weights and biases are the same, if there is nothing else to tell them.

    If some have none, and `is_near`, then those with the nearest ones.
    """
    found: Orders = []
    below: Array | None = None
    for row_a, row_b in zip(a, b, strict=True):
        row = []
        for p, q in zip(row_a, row_b, strict=True):
            columns = np.arange(q.g.W.shape[1]) if below is None else below
            row.append(_match(_list_rows(p, np.arange(p.g.W.shape[1])), _list_rows(q, columns), is_near))
        found.append(row)
        below = _join_orders(row_a, row)
    return found


def _match(first: Array, second: Array, is_near: bool) -> Array:
    """For each row of the first, which one of the second it is."""
    order = np.empty(len(first), int)
    order[np.lexsort(first.T)] = np.lexsort(second.T)
    if not is_near or np.array_equal(first, second[order]) or first.size * len(first) > LARGEST:
        return order
    with np.errstate(all="ignore"):
        gaps = (second * second).sum(axis=1) - 2 * first @ second.T
    nearest: Array = gaps.argmin(axis=1)
    return nearest if len({*nearest.tolist()}) == len(nearest) else order


def _list_rows(p: Parameters, columns: Array) -> Array:
    """For each unit, what is its own whatever the order of the others; what is rounded in sums comes first."""
    return np.concatenate([np.column_stack([g.b, g.W[:, columns]]) for g in p.gates.values()], axis=1)


def reorder_units(rows: Rows, orders: Orders) -> Rows:
    """The network with its units in that order."""
    found: Rows = []
    below: Array | None = None
    for row, moved in zip(rows, orders, strict=True):
        found.append([_reorder(p, order, below) for p, order in zip(row, moved, strict=True)])
        below = _join_orders(row, moved)
    return found


def _reorder(p: Parameters, order: Array, below: Array | None) -> Parameters:
    columns = np.arange(p.g.W.shape[1]) if below is None else below
    seen = order if p.R is None else np.arange(p.g.U.shape[1])
    gates = {
        k: Gate(g.W[order][:, columns], g.U[order][:, seen], g.b[order], None if g.p is None else g.p[order])
        for k, g in p.gates.items()
    }
    return p._replace(**gates, R=None if p.R is None else p.R[:, order])


def _join_orders(row: list[Parameters], orders: list[Array]) -> Array | None:
    """The order of what a layer returns."""
    if row[0].R is not None:
        return None
    return np.concatenate([d * len(order) + order for d, order in enumerate(orders)])


def are_equal(a: Rows, b: Rows, room: float = 0.0) -> bool:
    """Whether they have the same weights, biases as near as `room`."""
    return all(_is_equal(p, q, room) for pair in zip(a, b, strict=True) for p, q in zip(*pair, strict=True))


def _is_equal(p: Parameters, q: Parameters, room: float) -> bool:
    pairs = [(p.gates[k], q.gates[k]) for k in p.gates]
    return all(
        np.array_equal(one.W, other.W)
        and np.array_equal(one.U, other.U)
        and bool((np.abs(one.b - other.b) <= room).all())
        and (one.p is None or other.p is None or np.array_equal(one.p, other.p))
        for one, other in pairs
    ) and (p.R is None or (q.R is not None and np.array_equal(p.R, q.R)))
