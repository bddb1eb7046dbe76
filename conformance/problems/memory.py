"""How the arrays of a question lie in memory: the same numbers in other places, in one place, or in equal ones."""

from collections.abc import Callable

import numpy as np

from conformance.arrays import frozen
from conformance.nouns import Tensors, change_all_arrays
from conformance.problems.question import Question
from lstm_spec.types import Array

# ---------------------------------------------------------------- the same numbers, laid out in another way


def _fill_like(a: Array, shape: tuple[int, ...]) -> Array:
    """An array of the same dtype that is full of what nobody should read."""
    return np.full(shape, -1 if a.dtype.kind == "i" else np.nan, a.dtype)


def _spread_out(a: Array) -> Array:
    spread = _fill_like(a, (*a.shape[:-1], 2 * a.shape[-1]))
    spread[..., ::2] = a
    return spread[..., ::2]


def _lay_between(a: Array) -> Array:
    """In the middle of a longer row, as the weights of one gate lie among those of all."""
    inside = _fill_like(a, (a.size + 2,))[1:-1].reshape(a.shape)
    inside[...] = a
    return inside


def _cut_from_wider(a: Array) -> Array:
    """Whole rows that lie further apart than they are long, as those of a part of a larger matrix."""
    wide = _fill_like(a, (*a.shape[:-1], a.shape[-1] + 3))
    wide[..., :-3] = a
    return wide[..., :-3]


def _exchange_first_two(a: Array) -> Array:
    """As an x that is stored batch first, or some samples of a larger batch."""
    return a.swapaxes(0, 1).copy().swapaxes(0, 1) if a.ndim > 2 else _cut_from_wider(a)


def _reverse_last(a: Array) -> Array:
    return a[..., ::-1].copy()[..., ::-1]


def _reverse_first(a: Array) -> Array:
    """The steps of x, as of a sequence whose time is turned."""
    return a[::-1].copy()[::-1]


def _move_off_its_address(a: Array) -> Array:
    """At an odd address, as in a file that is read as it is."""
    row: Array = np.empty(a.nbytes + 1, np.uint8)
    odd = row[1:].view(a.dtype).reshape(a.shape)
    odd[...] = a
    return odd


WAYS: tuple[Callable[[Array], Array], ...] = (
    _spread_out,
    _lay_between,
    _cut_from_wider,
    _exchange_first_two,
    _reverse_last,
    _reverse_first,
    _move_off_its_address,
    lambda a: np.array(a, order="F"),
    lambda a: np.array(a, order="C"),
)


def broadcast_constant(a: Array) -> Array:
    """The same numbers with a stride of 0 along each axis on which nothing changes; the array itself if all change."""
    once = a
    for axis in range(a.ndim):
        first = once.take([0], axis) if once.shape[axis] > 1 else once
        once = first if first is not once and np.array_equal(np.broadcast_to(first, once.shape), once) else once
    return a if once is a else np.broadcast_to(once.copy(), a.shape)


def lay_out_arrays(arrays: Tensors, seed: int, turn: int) -> Tensors:
    """The arrays in other places, some of them writable. In as many turns as there are ways, each takes every way.

    Arrays with the same numbers are one array, and what does not change along an axis is there once.
    """
    rng, placed = np.random.default_rng(seed), dict[tuple[object, ...], Array]()

    def lay_out(a: Array) -> Array:
        way, writable = WAYS[(int(rng.integers(len(WAYS))) + turn) % len(WAYS)], bool(rng.integers(2))
        laid = broadcast_constant(a)
        if laid is a:
            laid = way(a)
            laid.flags.writeable = writable
        return placed.setdefault((a.dtype, a.shape, a.tobytes()), laid)

    return {name: lay_out(a) for name, a in arrays.items()}


# ---------------------------------------------------------------- numbers that may share their place


def make_constant(arrays: Tensors) -> Tensors:
    """One number for each bias, peephole and cotangent, and one row of each state: the gradient of `y.sum()`."""

    def repeat(name: str, a: Array) -> Array:
        if name.rpartition(".")[2] in ("b", "p") or name.startswith("d."):
            return np.full_like(a, a.flat[0]) if a.size else a
        return np.broadcast_to(a[:, :1], a.shape) if ".state." in name and a.size else a

    return {name: repeat(name, a) for name, a in arrays.items()}


def make_equal(arrays: Tensors) -> Tensors:
    """Arrays of one shape hold the same numbers: c_0 those of h_0, dc those of dh, every gate those of the first."""
    first = dict[tuple[object, ...], Array]()

    def repeat(name: str, a: Array) -> Array:
        state = name.startswith("d.") or ".state." in name
        return first.setdefault((state and name.partition(".")[0], a.shape, a.dtype), a)

    return {name: repeat(name, a) for name, a in arrays.items()}


RELATIONS: tuple[Callable[[Tensors], Tensors], ...] = (lambda arrays: arrays, make_constant, make_equal)


def relate_arrays(question: Question, seed: int) -> Question:
    """The question as it is, or with arrays that are constant or equal, so that they may share their memory."""

    def relate(arrays: Tensors) -> Tensors:
        return {name: frozen(a.copy()) for name, a in RELATIONS[seed % len(RELATIONS)](arrays).items()}

    return Question(*change_all_arrays(relate, problem=question.problem, d=question.d))
