"""The checks that people write with torch: assert_close on a default-initialised module, and gradcheck.

`torch.testing.assert_close`, at its default tolerances, compares outputs and final states with those of torch.nn.LSTM
in the example of its documentation (2 layers, T 5, B 3, I 10, H 20, random states); for a fault of the gradients, those
of a random loss on one such layer. `torch.autograd.gradcheck`, at its defaults, differentiates a small float64 problem
numerically. It sees whether gradients fit the forward pass, whatever that computes.
"""

from functools import cache
from typing import Any

import numpy as np
import torch

from backends.torch import backend as make_torch
from benchmarks.other_suites.kernelbench import Weights, draw_weights, run_layers
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import Form
from conformance.problems.question import change_arrays
from lstm_spec import Backend, Cotangents, Gate, Parameters, Problem, State

TORCH = make_torch("cpu")
FAILURES = (AssertionError, ValueError, RuntimeError, IndexError, TypeError)  # also of arrays that do not fit


@cache
def _draw_example(layers: int) -> Weights:
    given = draw_weights(np.random.default_rng(0), layers, 1, 5, 3, 10, 20, "randn")
    return given._replace(x=np.random.default_rng(1).standard_normal(given.x.shape).astype(np.float32))


def is_close(backend: Backend) -> bool:
    """Whether assert_close accepts the answer."""
    given = _draw_example(2)
    expected = TORCH.forward(Problem(given.rows, given.x, given.state))
    try:
        with np.errstate(all="ignore"):
            y, state = run_layers(backend, given)
        _assert_close((y, *state), (expected.y, *expected.state))
    except FAILURES:
        return False
    return True


def has_close_gradients(backend: Backend) -> bool:
    """Whether assert_close accepts the gradients of a random loss."""
    given = _draw_example(1)
    problem = Problem(given.rows, given.x, given.state)
    loss = build_loss(problem, ("dense",) * 3, 0)
    _, expected = TORCH.differentiate(problem, loss)
    try:
        with np.errstate(all="ignore"):
            _, found = backend.differentiate(change_arrays(problem, np.copy), _copy(loss))
        _assert_close(_list_gradients(found), _list_gradients(expected))
    except FAILURES:
        return False
    return True


def _copy(d: Cotangents) -> Cotangents:
    return Cotangents(d.y.copy(), State(d.state.h.copy(), d.state.c.copy()))


def _assert_close(found: Any, expected: Any) -> None:
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.tensor(np.array(a)), torch.tensor(np.array(b)))


def _list_gradients(g: Any) -> list[Any]:
    gates = [a for gate in g.parameters[0][0].gates.values() for a in gate[:3]]
    return [g.x, *g.state, *gates]


# ---------------------------------------------------------------- gradcheck


def passes_gradcheck(backend: Backend) -> bool:
    """Whether gradcheck accepts the backend as an autograd.Function, on T 3, B 2, I 2, H 3."""
    sizes = (3, 2, 2, 3)
    problem = build_problem(np.dtype("float64"), Form(), sizes, ("dense",) * 6, 0)
    gates = [a for gate in problem.layer.gates.values() for a in gate[:3]]
    leaves = [torch.tensor(np.array(a), requires_grad=True) for a in (problem.x, *problem.state, *gates)]
    try:
        with np.errstate(all="ignore"):
            return bool(torch.autograd.gradcheck(_wrap(backend), leaves))
    except FAILURES:
        return False


def _wrap(backend: Backend) -> Any:
    """The backend as a function of tensors that autograd differentiates."""

    class Wrapped(torch.autograd.Function):  # type: ignore[misc]  # torch is not type-checked here
        @staticmethod
        def forward(context: Any, *tensors: Any) -> Any:
            context.save_for_backward(*tensors)
            answer = backend.forward(_read(tensors))
            return tuple(torch.tensor(np.array(a)) for a in (answer.y, *answer.state))

        @staticmethod
        def backward(context: Any, *grads: Any) -> Any:
            dy, dh, dc = (d.numpy().copy() for d in grads)
            _, found = backend.differentiate(_read(context.saved_tensors), Cotangents(dy, State(dh, dc)))
            return tuple(torch.tensor(np.array(a)) for a in _list_gradients(found))

    return Wrapped.apply


def _read(tensors: Any) -> Problem:
    x, h, c, *gates = (a.detach().numpy().copy() for a in tensors)
    i, f, g, o = (Gate(*gates[k : k + 3]) for k in range(0, 12, 3))
    return Problem(((Parameters(i, f, g, o),),), x, State(h, c))
