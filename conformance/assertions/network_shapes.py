"""Whether the answers and gradients of a network have the shapes and the dtype that the problem gives them."""

from collections.abc import Iterator

import numpy as np

from conformance.assertions.shapes import assert_shaped
from conformance.outcome import Refuted
from lstm_spec import Answer, Gradients, Parameters, Problem
from lstm_spec.types import Array


def assert_network_answer_shaped(answer: Answer, problem: Problem) -> None:
    """Refuted unless every output has the shape and the dtype that the problem gives it."""
    T, B, _, _ = problem.sizes
    y = np.empty((T, B, len(problem.directions) * problem.P), problem.dtype)
    for what, got, expected in (
        ("y", answer.y, y),
        ("the final h", answer.state.h, problem.state.h),
        ("the final c", answer.state.c, problem.state.c),
    ):
        assert_shaped(what, got, expected, "SHAPE-1")


def assert_network_gradients_shaped(gradients: Gradients, problem: Problem) -> None:
    """Refuted unless every gradient has the shape and the dtype of what it belongs to."""
    found = [len(row) for row in gradients.parameters]
    wanted = [len(row) for row in problem.parameters]
    if found != wanted:
        reason = f"the gradients of the parameters are of {found} directions by layer, expected {wanted}"
        raise Refuted(reason, clause="SHAPE-3")
    for layer, d, p in places(problem):
        for name, expected in arrays(p).items():
            got = arrays(gradients.parameters[layer][d]).get(name)
            assert_shaped(f"the gradient of {name} of layer {layer} {problem.directions[d]}", got, expected, "SHAPE-3")
    assert_shaped("the gradient of x", gradients.x, problem.x, "SHAPE-3")
    assert_shaped("the gradient of h_0", gradients.state.h, problem.state.h, "SHAPE-3")
    assert_shaped("the gradient of c_0", gradients.state.c, problem.state.c, "SHAPE-3")


def arrays(p: Parameters) -> dict[str, Array]:
    """Those there are, by name: i.W, i.U, i.b, i.p, ..., R."""
    gates = {k: getattr(p, k) for k in "ifgo" if getattr(p, k) is not None}
    found = {f"{k}.{part}": getattr(gate, part) for k, gate in gates.items() for part in "WUbp"}
    return {name: a for name, a in (found | {"R": p.R}).items() if a is not None}


def places(problem: Problem) -> Iterator[tuple[int, int, Parameters]]:
    for layer, row in enumerate(problem.parameters):
        for d, p in enumerate(row):
            yield layer, d, p
