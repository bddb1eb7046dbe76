"""From a function that does one step to a Backend."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lstm_spec.adapters.forms import check_function
from lstm_spec.adapters.packed import check_count, from_packed
from lstm_spec.contract import Backend, Description
from lstm_spec.types import GATES, Array

Step = Callable[..., tuple[Any, Any]]


def from_cell(
    step: Step,
    gradients: Callable[..., tuple[Any, ...]] | None = None,
    *,
    order: str = GATES,
    biases: int = 2,
    transposed: bool = False,
    name: str = "",
    description: Description | None = None,
) -> Backend:
    """A Backend around a function `step(x, h, c, W, U, *b) -> (h, c)` of NumPy arrays, which does one step.

    The shapes are x (B, I), h and c (B, H); W, U, b, `order`, `biases` and `transposed` are as in `from_packed`. The
    sequence is read here, from the first step to the last.

    `gradients(x, h, c, W, U, *b, dh, dc)` returns `(h, c, dx, dh, dc, dW, dU, *db)`: the answer of the step that was
    differentiated, then its gradients, where dh and dc are those of the h and c that it returns. They are carried back
    through time here, and those of the parameters are added.

    Raises ValueError or TypeError as `from_packed`, and so does the backend.
    """
    if biases in (1, 2):  # otherwise from_packed says what is wrong
        check_function("step", step, biases)
        if gradients is not None:
            check_function("gradients", gradients, biases, ("dh", "dc"))

    def forward(x: Array, h: Any, c: Any, *parameters: Array) -> tuple[Any, Any, Any]:
        y = []
        for x_t in x:
            h, c = check_count(step(x_t, h, c, *parameters), 2, "(h, c)")
            y.append(h)
        return _stack(y, h), h, c

    def backward(x: Array, h: Any, c: Any, *rest: Array) -> tuple[Any, ...]:
        assert gradients is not None
        *parameters, dy, dh, dc = rest
        states, names = [(h, c)], "(h, c, dx, dh, dc, dW, dU, *db)"
        for x_t in x:
            states.append(check_count(step(x_t, *states[-1], *parameters), 2, "(h, c)"))
        dx, sums, found = [], [np.zeros_like(a) for a in parameters], [(h, c)]
        for t in reversed(range(len(x))):
            given = (x[t], *states[t], *parameters, dh + dy[t], dc)
            h, c, dx_t, dh, dc, *each = check_count(gradients(*given), 7 + biases, names)
            found.append((h, c))
            dx.append(dx_t)
            sums = [a + np.asarray(b) for a, b in zip(sums, each, strict=True)]
        y = [h for h, _ in found[:0:-1]]
        h, c = found[min(1, len(x))]
        return _stack(y, h), h, c, _stack(dx[::-1], x[:0]), dh, dc, *sums

    return from_packed(
        forward,
        backward if gradients else None,
        order=order,
        biases=biases,
        transposed=transposed,
        name=name or str(getattr(step, "__name__", "cell")),
        description=description,
    )


def _stack(arrays: list[Any], one: Any) -> Array:
    """One array of all steps, also of none."""
    return np.stack(arrays) if arrays else np.zeros((0, *np.shape(one)), np.asarray(one).dtype)
