"""Problems that tests start from."""

import numpy as np

from conformance.arrays import frozen
from lstm_spec import Cotangents, Gate, Parameters, Problem, State
from lstm_spec.types import GATES


def make_problem(T: int = 4, B: int = 2, I: int = 3, H: int = 5, scale: float = 1.0, dtype: str = "float32") -> Problem:
    """A plain problem of these sizes with normally distributed numbers, multiplied by `scale`."""
    rng = np.random.default_rng(T + 10 * B + 100 * I + 1000 * H)

    def draw(*shape: int) -> np.ndarray:
        return frozen((rng.standard_normal(shape) * scale).astype(dtype))

    i, f, g, o = (Gate(draw(H, I), draw(H, H), draw(H)) for _ in GATES)
    return Problem(((Parameters(i, f, g, o),),), draw(T, B, I), State(draw(1, B, H), draw(1, B, H)))


def make_loss(problem: Problem, scale: float = 1.0) -> Cotangents:
    """Normally distributed cotangents of the problem's answer, multiplied by `scale`."""
    T, B, _, H = problem.sizes
    rng = np.random.default_rng(7)
    y, h, c = ((rng.standard_normal(s) * scale).astype(problem.dtype) for s in ((T, B, H), (1, B, H), (1, B, H)))
    return Cotangents(y, State(h, c))
