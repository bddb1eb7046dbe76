"""L3: every kernel, at shapes that leave a tail in a block, with and without lengths; answers as the reference has."""

from itertools import product
from typing import Any

import cupy
import numpy as np

from backends.cupy import layer
from backends.cupy.backend import backend
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import BOTH, Form
from lstm_spec import KINDS, REFERENCE, Activations

SHAPES = ((3, 2, 3, 4), (5, 7, 2, 37), (2, 1, 5, 1), (4, 9, 3, 33))
LINES = Activations(candidate="relu", output="identity")
DRAWN = ("dense", "by-width", "by-width", "dense", "within-1", "dense")


def main() -> None:
    cupy.cuda.set_allocator(None)  # what the pool rounds up would hide what lies beyond
    emulated, asked = backend(), 0
    for shape, kind, lengths, projection, clip in product(SHAPES, KINDS, ("", "any"), ("", "narrow"), (None, 0.75)):
        if projection and shape[3] == 1:
            continue
        form = Form(2, BOTH, kind, projection, clip, lengths, LINES, clip if projection else None)
        for dtype in ("float32", "float64"):
            layer.ROWS = (1, 4096)[asked % 2]  # every other one in chunks of a step
            problem = build_problem(np.dtype(dtype), form, shape, DRAWN, asked)
            d = build_loss(problem, ("dense",) * 3, asked)
            answer, found = emulated.differentiate(problem, d)
            right, gradients = REFERENCE.differentiate(problem, d)
            near: dict[str, Any] = (
                {"atol": 1e-3, "rtol": 1e-3} if dtype == "float32" else {"atol": 1e-10, "rtol": 1e-10}
            )
            np.testing.assert_allclose(answer.y, right.y, **near)
            np.testing.assert_allclose(found.x, gradients.x, **near)
            asked += 1
    for dtype in ("float16", "bfloat16"):
        problem = build_problem(np.dtype(dtype), Form(), SHAPES[1], DRAWN, 0)
        emulated.differentiate(problem, build_loss(problem, ("dense",) * 3, 0))
    print(f"{asked} networks of two layers and both directions: nothing out of bounds")


if __name__ == "__main__":
    main()
