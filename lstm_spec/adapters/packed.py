"""From an implementation to a Backend: one with packed weights, or one that has no 16-bit arithmetic."""

from collections.abc import Callable, Coroutine, Generator
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from lstm_spec.adapters.forms import Form, check_function, check_gradients, find_right_form, is_well_formed
from lstm_spec.adapters.weights import mix_gradients
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
    there are two biases, each is half of ours, so that an implementation that forgets one gives wrong answers, and both
    have the gradient of ours, so that one that takes a bias twice gives wrong gradients.

    All arguments are fresh, contiguous, writable copies.

    `gradients(x, h, c, W, U, *b, dy, dh, dc)` returns `(y, h, c, dx, dh, dc, dW, dU, *db)`: the answer of the pass that
    was differentiated, then the gradients, each with the shape of the array it belongs to.

    Raises ValueError or TypeError if an argument is none of these, e.g. a function that takes other arrays. The backend
    raises TypeError if a function does not return the tuple above.
    """
    if biases not in (1, 2):
        raise ValueError(f"biases is {biases!r}, expected 1 or 2; a gate's bias is needed to state the equations")
    check_order(order)
    for option, value in {"batch_first": batch_first, "transposed": transposed}.items():
        if not isinstance(value, bool):
            raise TypeError(f"{option} is {value!r}, expected True or False; choose one")
    check_function("forward", forward, biases)
    if gradients is not None:
        check_function("gradients", gradients, biases, ("dy", "dh", "dc"))
    form = Form(order, batch_first, transposed)
    packing = _Packing(biases, form)

    def ask(problem: Problem, form: Form) -> Answer:
        packing = _Packing(biases, form)
        return packing.answer(check_count(forward(*packing.arguments(problem)), 3, "(y, h, c)"))

    find_other_form = cache(partial(find_right_form, ask, form, description or Description()))

    def run(problem: Problem) -> Answer:
        try:
            answer = ask(problem, form)
        except Exception as error:
            if is_well_formed(problem) and (other := find_other_form()):
                raise TypeError(f"{other}; as it is, it raises {type(error).__name__}: {error}") from error
            raise
        y, h = np.shape(answer.y), np.shape(answer.state.h)
        is_shaped = h == np.shape(problem.state.h) and y == (*np.shape(problem.x)[:2], *h[2:])
        if not is_shaped and is_well_formed(problem) and (other := find_other_form()):
            raise TypeError(f"{other}; as it is, y and h come out of other shapes, {y} and {h}")
        return answer

    def differentiate(problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
        assert gradients is not None
        names = "(y, h, c, dx, dh, dc, dW, dU, *db)"
        given = packing.arguments(problem)
        result = check_count(gradients(*given, *packing.cotangents(cotangents)), 8 + biases, names)
        check_gradients(result[3:], given)
        return packing.answer(result[:3]), packing.gradients(*result[3:])

    return Backend(
        name or getattr(forward, "__name__", "packed"),
        run,
        differentiate if gradients else None,
        _claims(description, gradients is not None),
    )


def check_count(result: Any, count: int, names: str) -> tuple[Any, ...]:
    """What a function returned, as a tuple of that many values. Raises TypeError if it is none."""
    if not isinstance(result, tuple | list):
        what = "nothing" if result is None else f"one {type(result).__name__}"
        is_plain = not isinstance(result, Coroutine | Generator)
        remedy = "return all of it" if is_plain else "write it without async and yield"
        raise TypeError(f"the function returned {what}, expected the tuple {names}; {remedy}")
    if len(result) != count:
        remedy = "unpack nested ones"
        if {count, len(result)} == {9, 10} and names.startswith("(y"):
            remedy = f"there are {count - 8} biases, and each has its gradient, or pass biases={len(result) - 8}"
        raise TypeError(f"the function returned {len(result)} values, expected {count}: {names}; {remedy}")
    return tuple(result)


def _claims(description: Description | None, gradients: bool) -> Description:
    """The description, with gradients claimed where they are given."""
    if description is not None and not isinstance(description, Description):
        raise TypeError(
            f"description is a {type(description).__name__}, expected a Description; write Description(...)"
        )
    description = description or Description()
    return replace(description, features=description.features | ({Feature.GRADIENTS} if gradients else set()))


class _Packing:
    """How one implementation wants its arrays."""

    def __init__(self, biases: int, form: Form) -> None:
        self.biases, (self.order, self.batch_first, self.transposed) = biases, form

    def arguments(self, problem: Problem) -> list[Array]:
        W, U, b = pack(problem.layer, self.order)
        arrays = (self._time(problem.x), *_one_layer(problem.state), self._matrix(W), self._matrix(U))
        return [np.array(a, order="C") for a in (*arrays, *([b / self.biases] * self.biases))]

    def cotangents(self, d: Cotangents) -> list[Array]:
        return [np.array(a, order="C") for a in (self._time(d.y), *_one_layer(d.state))]

    def answer(self, found: tuple[Any, ...]) -> Answer:
        y, h, c = found
        return Answer(self._time(np.asarray(y)), _state(h, c))

    def gradients(self, dx: Any, dh: Any, dc: Any, dW: Any, dU: Any, *db: Any) -> Gradients:
        W, U = self._matrix(np.asarray(dW)), self._matrix(np.asarray(dU))
        b = np.asarray(db[0]) if len(db) == 1 else mix_gradients(np.asarray(db[0]), np.asarray(db[1]))
        return Gradients(((unpack(Packed(W, U, b), self.order),),), self._time(np.asarray(dx)), _state(dh, dc))

    def _time(self, a: Array) -> Array:
        return np.swapaxes(a, 0, 1) if self.batch_first and a.ndim > 1 else a

    def _matrix(self, a: Array) -> Array:
        return a.T if self.transposed else a


def _one_layer(state: State) -> list[Array]:
    """The h and c of the only layer; an implementation never sees how many there are, so it cannot refuse more."""
    for name, a in state._asdict().items():
        if len(a) != 1:
            raise ValueError(
                f"state.{name} has the shape {a.shape}, expected that of one layer in one direction, (1, B, H)"
            )
    return [a[0] for a in state]


def _state(h: Any, c: Any) -> State:
    return State(np.asarray(h)[None], np.asarray(c)[None])
