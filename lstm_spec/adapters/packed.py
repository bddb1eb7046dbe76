"""From an implementation to a Backend: one with packed weights, or one that has no 16-bit arithmetic."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_spec.contract import Backend, Description
from lstm_spec.packing import Packed, check_order, pack, unpack
from lstm_spec.types import GATES, Answer, Array, Cotangents, Feature, Gradients, Problem, State

Forward = Callable[..., tuple[Any, Any, Any]]


def from_packed(
    forward: Forward,
    gradients: Callable[..., tuple[Any, ...]] | None = None,
    *,
    order: str = GATES,
    biases: int = 2,
    batch_first: bool = False,
    transposed: bool = False,
    name: str = "",
    description: Description | None = None,
) -> Backend:
    """A Backend around a function `forward(x, h, c, W, U, *b) -> (y, h, c)` of NumPy arrays.

    The shapes are x and y (T, B, I) and (T, B, H), or batch first with `batch_first`; h and c (B, H); W (4H, I) and
    U (4H, H), or their transposes with `transposed`; one or two vectors b (4H,). The gates are stacked in `order`. If
    there are two biases, each is half of ours, so that an implementation that forgets one gives wrong answers.

    All arguments are fresh, contiguous, writable copies.

    `gradients(x, h, c, W, U, *b, dy, dh, dc)` returns `(y, h, c, dx, dh, dc, dW, dU, *db)`: the answer of the pass that
    was differentiated, then the gradients, each with the shape of the array it belongs to.

    Raises ValueError if `biases` or `order` is none of these. The backend raises TypeError if a function does not
    return the tuple above.
    """
    if biases not in (1, 2):
        raise ValueError(f"biases is {biases!r}, expected 1 or 2; a gate's bias is needed to state the equations")
    check_order(order)
    packing = _Packing(order, biases, batch_first, transposed)

    def run(problem: Problem) -> Answer:
        return packing.answer(_parts(forward(*packing.arguments(problem)), 3, "(y, h, c)"))

    def differentiate(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
        assert gradients is not None
        names = "(y, h, c, dx, dh, dc, dW, dU, *db)"
        result = _parts(gradients(*packing.arguments(problem), *packing.cotangents(cotangents)), 8 + biases, names)
        return packing.answer(result[:3]), packing.gradients(*result[3:])

    return Backend(
        name or getattr(forward, "__name__", "packed"),
        run,
        differentiate if gradients else None,
        _claims(description, gradients is not None),
    )


def _parts(result: Any, count: int, names: str) -> tuple[Any, ...]:
    if not isinstance(result, tuple | list):
        raise TypeError(f"the function returned a {type(result).__name__}, expected the tuple {names}")
    if len(result) != count:
        raise TypeError(f"the function returned {len(result)} values, expected {count}: {names}; unpack nested ones")
    return tuple(result)


def _claims(description: Description | None, gradients: bool) -> Description:
    """The description, with gradients claimed where they are given."""
    description = description or Description()
    return replace(description, features=description.features | ({Feature.GRADIENTS} if gradients else set()))


class _Packing:
    """How one implementation wants its arrays."""

    def __init__(self, order: str, biases: int, batch_first: bool, transposed: bool) -> None:
        self.order, self.biases, self.batch_first, self.transposed = order, biases, batch_first, transposed

    def arguments(self, problem: Problem) -> list[Array]:
        W, U, b = pack(problem.layer, self.order)
        h, c = problem.state
        arrays = (self._time(problem.x), h[0], c[0], self._matrix(W), self._matrix(U))
        return [np.array(a, order="C") for a in (*arrays, *([b / self.biases] * self.biases))]

    def cotangents(self, d: Cotangents) -> list[Array]:
        return [np.array(a, order="C") for a in (self._time(d.y), d.state.h[0], d.state.c[0])]

    def answer(self, found: tuple[Any, ...]) -> Answer:
        y, h, c = found
        return Answer(self._time(np.asarray(y)), _state(h, c))

    def gradients(self, dx: Any, dh: Any, dc: Any, dW: Any, dU: Any, *db: Any) -> Gradients:
        W, U = self._matrix(np.asarray(dW)), self._matrix(np.asarray(dU))
        b = np.asarray(db[0]) if len(db) == 1 else (np.asarray(db[0]) + np.asarray(db[1])) / 2
        return Gradients(((unpack(Packed(W, U, b), self.order),),), self._time(np.asarray(dx)), _state(dh, dc))

    def _time(self, a: Array) -> Array:
        return np.swapaxes(a, 0, 1) if self.batch_first else a

    def _matrix(self, a: Array) -> Array:
        return a.T if self.transposed else a


def _state(h: Any, c: Any) -> State:
    return State(np.asarray(h)[None], np.asarray(c)[None])
