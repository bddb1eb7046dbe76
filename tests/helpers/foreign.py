"""Foreign code with packed weights, as `from_packed` wraps it."""

from typing import Any

import numpy as np

from backends.numpy.backend import BACKEND as NUMPY
from lstm_spec import Cotangents, Packed, Problem, State, from_packed, pack, unpack
from lstm_spec.types import Array


def wrap_numpy(order: str, biases: int, batch_first: bool, transposed: bool) -> Any:
    """A backend made by `from_packed` from functions that take their arrays in this form and call NumPy's backend."""

    def problem(x: Array, h: Array, c: Array, W: Array, U: Array, *b: Array) -> Any:
        assert len(b) == biases and all(a.flags.c_contiguous and a.flags.writeable for a in (x, h, c, W, U, *b))
        W, U = (W.T, U.T) if transposed else (W, U)
        layer = unpack(Packed(np.ascontiguousarray(W), np.ascontiguousarray(U), sum(b)), order)  # type: ignore[arg-type]
        return Problem(((layer,),), turn(x), State(h[None], c[None]))

    def turn(a: Array) -> Array:
        return np.ascontiguousarray(np.swapaxes(a, 0, 1)) if batch_first else a

    def forward(*arguments: Array) -> Any:
        answer = NUMPY.forward(problem(*arguments))
        return turn(answer.y), answer.state.h[0], answer.state.c[0]

    def gradients(*arguments: Array) -> Any:
        *given, dy, dh, dc = arguments
        loss = Cotangents(turn(dy), State(dh[None], dc[None]))
        answer, g = NUMPY.differentiate(problem(*given), loss)
        W, U, b = pack(g.parameters[0][0], order)
        W, U = (W.T, U.T) if transposed else (W, U)
        first = (turn(answer.y), answer.state.h[0], answer.state.c[0])
        return (*first, turn(g.x), g.state.h[0], g.state.c[0], W, U, *([b] * biases))

    how = {"order": order, "biases": biases, "batch_first": batch_first, "transposed": transposed}
    return from_packed(forward, gradients, **how)  # type: ignore[arg-type]


def answer_packed(backend: Any, arguments: Any) -> Any:
    """The backend's y, h and c, given x, h, c, W, U and two biases."""
    x, h, c, W, U, b, more = arguments
    problem = Problem(((unpack(Packed(W, U, b + more)),),), x, State(h[None], c[None]))
    answer = backend.forward(problem)
    return answer.y, answer.state.h[0], answer.state.c[0]
