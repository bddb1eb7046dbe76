"""Whether answers and gradients have the shapes and the dtypes that the problem gives them."""

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.arrays import CODES, fingerprint, frozen
from conformance.assertions.comparison import STATE, assert_same
from conformance.assertions.order import name_place
from conformance.outcome import Refuted
from conformance.problems.question import change_stored
from lstm_spec import Answer, Backend, Cotangents, Gradients, Parameters, Problem, State, error_model
from lstm_spec.types import Array, each_array


def assert_shaped(what: str, got: Any, expected: Array, clause: str) -> None:
    """Refuted unless `got` is a NumPy array with the shape (`clause`) and the dtype of `expected`."""
    if not isinstance(got, np.ndarray):
        kind = f"{type(got).__module__}.{type(got).__name__}"
        raise Refuted(f"{what} is a {kind}, expected a numpy.ndarray; convert it before returning it", clause=clause)
    if got.shape != expected.shape:
        raise Refuted(f"{what} has shape {got.shape}, expected {expected.shape}", clause=clause)
    if got.dtype != expected.dtype:
        clause = "SHAPE-2" if clause == "SHAPE-1" else clause
        raise Refuted(f"{what} is {got.dtype}, expected {expected.dtype} like the problem", clause=clause)


def assert_answer_shaped(answer: Answer, problem: Problem) -> None:
    """Refuted unless every output has the shape and the dtype that the problem gives it."""
    T, B, _, _ = problem.sizes
    y = np.empty((T, B, len(problem.directions) * problem.P), problem.dtype)
    assert_shaped("y", answer.y, y, "SHAPE-1")
    assert_shaped("the final h", answer.state.h, problem.state.h, "SHAPE-1")
    assert_shaped("the final c", answer.state.c, problem.state.c, "SHAPE-1")


def assert_gradients_shaped(gradients: Gradients, problem: Problem) -> None:
    """Refuted unless every gradient has the shape and the dtype of what it belongs to."""
    found, wanted = ([len(row) for row in rows] for rows in (gradients.parameters, problem.parameters))
    if found != wanted:
        reason = f"the gradients of the parameters have {found} directions by layer, expected {wanted}"
        raise Refuted(reason, clause="SHAPE-3")
    for layer, row in enumerate(problem.parameters):
        for d, p in enumerate(row):
            got, place = name_arrays(gradients.parameters[layer][d]), name_place(problem, layer, d)
            for name, expected in name_arrays(p).items():
                assert_shaped(f"the gradient of {name}{place}", got.get(name), expected, "SHAPE-3")
    assert_shaped("the gradient of x", gradients.x, problem.x, "SHAPE-3")
    assert_shaped("the gradient of h_0", gradients.state.h, problem.state.h, "SHAPE-3")
    assert_shaped("the gradient of c_0", gradients.state.c, problem.state.c, "SHAPE-3")


def assert_state_kept(answer: Answer, problem: Problem) -> None:
    """Refuted unless the answer has the right shapes, and its final state is the initial one."""
    assert_answer_shaped(answer, problem)
    assert_same("the final h", answer.state.h, problem.state.h, STATE)
    assert_same("the final c", answer.state.c, problem.state.c, STATE)


def assert_nothing_done(gradients: Gradients, problem: Problem, d: State) -> None:
    """Refuted unless the gradients are those of no steps or no samples: of the parameters 0, of the state as handed."""
    assert_gradients_shaped(gradients, problem)
    assert_same("dh_0", gradients.state.h, d.h, STATE)
    assert_same("dc_0", gradients.state.c, d.c, STATE)
    for name, a in ((name, a) for row in gradients.parameters for p in row for name, a in name_arrays(p).items()):
        assert_same(f"the gradient of {name}", a, np.zeros_like(a), ("row", "column")[: a.ndim])


def name_arrays(p: Parameters) -> dict[str, Array]:
    """The arrays of one layer in one direction by name: i.W, i.U, i.b, i.p, ..., R; only those that are there."""
    found = {f"{k}.{part}": a for k, gate in p.gates.items() for part, a in zip("WUbp", gate, strict=True)}
    return {name: a for name, a in (found | {"R": p.R}).items() if a is not None}


# ---------------------------------------------------------------- bfloat16 weights

BFLOAT16, ROUNDOFF = CODES["BF16"], 2.0**-8


def ask_with_narrow_weights(backend: Backend) -> Backend:
    """The backend, asked with x and all parameters in bfloat16 where that changes none of them.

    What it returns is looked at and widened. Its error model is that of float32, but for gradients that are rounded to
    bfloat16 when they are returned.
    """
    about = backend.description
    model = replace(error_model(about.grade("float32"), "float32"), wide_d=ROUNDOFF)

    def forward(problem: Problem) -> Answer:
        stored = _store(problem)
        answer = backend.forward(stored)
        assert_answer_shaped(answer, stored)
        return answer

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        stored = _store(problem)
        answer, found = backend.differentiate(stored, d)
        assert_answer_shaped(answer, stored)
        assert_gradients_shaped(found, stored)
        rows = tuple(tuple(each_array(_widen, p) for p in row) for row in found.parameters)
        return answer, Gradients(rows, _widen(found.x), State(*found.state))

    described = replace(about, grades={**about.grades, "float32": model})
    return replace(backend, forward=forward, gradients=backend.gradients and gradients, description=described)


def _store(problem: Problem) -> Problem:
    """The problem with x and the parameters in bfloat16; as it is if that would change a number."""
    stored = change_stored(problem, lambda a: frozen(a.astype(BFLOAT16)))
    return stored if fingerprint(change_stored(stored, _widen)) == fingerprint(problem) else problem


def _widen(a: Array) -> Array:
    return frozen(a.astype(np.float32))
