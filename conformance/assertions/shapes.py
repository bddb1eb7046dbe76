"""Whether answers and gradients have the shapes and the dtypes that the problem gives them."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np

from conformance.arrays import CODES, fingerprint, frozen
from conformance.assertions.comparison import STATE, assert_same
from conformance.assertions.order import name_place
from conformance.outcome import Refuted
from conformance.problems.question import change_stored
from conformance.targets.mistakes import suggest_array
from lstm_spec import Answer, Backend, Cotangents, Gradients, Parameters, Problem, State, error_model
from lstm_spec.types import Array, each_array


def assert_shaped(what: str, got: Any, expected: Array, clause: str, axes: tuple[str, ...] = ()) -> None:
    """Refuted unless `got` is a NumPy array with the shape (`clause`) and the dtype of `expected`, which has `axes`."""
    if not isinstance(got, np.ndarray):
        kind = f"{type(got).__module__}.{type(got).__name__}"
        raise Refuted(f"{what} is a {kind}, expected a numpy.ndarray; {suggest_array(got)}", clause=clause)
    if got.shape != expected.shape:
        hint = suggest_shape(got.shape, dict(zip(axes, expected.shape, strict=False)))
        raise Refuted(f"{what} has shape {got.shape}, expected {expected.shape}{hint}", clause=clause)
    if got.dtype != expected.dtype:
        clause = "SHAPE-2" if clause == "SHAPE-1" else clause
        raise Refuted(f"{what} is {got.dtype}, expected {expected.dtype} like the problem; convert it", clause=clause)


def assert_answer_shaped(answer: Answer, problem: Problem) -> None:
    """Refuted unless every output has the shape and the dtype that the problem gives it."""
    T, B, _, _ = problem.sizes
    y = np.empty((T, B, len(problem.directions) * problem.P), problem.dtype)
    assert_shaped("y", answer.y, y, "SHAPE-1", (*STEPS, "D·P" if problem.is_more else "H"))
    assert_shaped("the final h", answer.state.h, problem.state.h, "SHAPE-1", (*READERS, _name_width(problem)))
    assert_shaped("the final c", answer.state.c, problem.state.c, "SHAPE-1", (*READERS, "H"))


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
                axes = PARAMETER_AXES[name.rpartition(".")[2]]
                assert_shaped(f"the gradient of {name}{place}", got.get(name), expected, "SHAPE-3", axes)
    assert_shaped("the gradient of x", gradients.x, problem.x, "SHAPE-3", (*STEPS, "I"))
    assert_shaped(
        "the gradient of h_0", gradients.state.h, problem.state.h, "SHAPE-3", (*READERS, _name_width(problem))
    )
    assert_shaped("the gradient of c_0", gradients.state.c, problem.state.c, "SHAPE-3", (*READERS, "H"))


# ---------------------------------------------------------------- what another shape looks like

STEPS, READERS = ("T", "B"), ("L·D", "B")
PARAMETER_AXES = {"W": ("H", "I"), "U": ("H", "P"), "b": ("H",), "p": ("H",), "R": ("P", "H")}


def _name_width(problem: Problem) -> str:
    return "H" if problem.layer.R is None else "P"


def suggest_shape(got: tuple[int, ...], axes: dict[str, int]) -> str:
    """What an array of another shape looks like, and what helps, as the end of a sentence; empty if that is not clear.

    `axes` has the sizes that were expected, by their names.
    """
    names, sizes = tuple(axes), tuple(axes.values())
    orders = [order for order in permutations(names) if tuple(axes[name] for name in order) == got]
    if orders:
        option = "batch_first" if names[:2] == STEPS and orders[0] == ("B", "T", names[2]) else "transposed"
        packed = option == "batch_first" or (len(names) == 2 and names[0] == "H")
        also = f"; with from_packed, switch {option}" if packed else ""
        return f": it looks like ({', '.join(orders[0])}), so transpose it{also}"
    if names[:2] == READERS and got == sizes[1:]:
        return ": it lacks the first axis, layers times directions, so return h[None]"
    without = [tuple(n for k, n in enumerate(got) if k != one) for one, n in enumerate(got) if n == 1]
    if sizes in without:
        return ": it has an axis of 1 more, so drop that"
    if names[:2] == READERS and len(got) == 4 and got[0] * got[1] == sizes[0] and got[2:] == sizes[1:]:
        return ": it looks like (L, D, B, units), so join the first two axes"
    if names[:2] == STEPS and got == sizes[1:]:
        return ": it looks like the last step alone, so return every step"
    if names[:2] == STEPS and len(got) == 4 and got[:2] == sizes[:2] and got[2] * got[3] == sizes[2]:
        return ": it looks like (T, B, D, P), so join the last two axes"
    if len(names) < 3 and names[:1] == ("H",) and got in [(k * sizes[0], *sizes[1:]) for k in (3, 4)]:
        return ": it looks like all gates, stacked, so split it by gate, or wrap the function with from_packed"
    return ""


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


def widen_stored(backend: Backend, problem: Problem) -> tuple[Backend, Problem]:
    """A problem in float32 and the backend to ask it, which gets it as it was if it has bfloat16 weights."""
    if problem.x.dtype == problem.dtype:
        return backend, problem
    return ask_with_narrow_weights(backend), change_stored(problem, _widen)


def _store(problem: Problem) -> Problem:
    """The problem with x and the parameters in bfloat16; as it is if that would change a number."""
    stored = change_stored(problem, lambda a: frozen(a.astype(BFLOAT16)))
    return stored if fingerprint(change_stored(stored, _widen)) == fingerprint(problem) else problem


def _widen(a: Array) -> Array:
    return frozen(a.astype(np.float32))
