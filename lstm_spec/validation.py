"""Whether a Problem is well formed; a refusal names the value, what was expected and the remedy."""

from collections.abc import Iterator

import numpy as np

from lstm_spec.types import STANDARD, Array, Cotangents, Problem


def check(problem: Problem) -> None:
    """Return if the problem is one layer, forward, full length, and every shape and dtype fits.

    Raises ValueError or TypeError otherwise.
    """
    _check_structure(problem)
    if np.ndim(problem.x) != 3:
        raise ValueError(f"x has shape {np.shape(problem.x)}, expected (T, B, I); add the missing axes")
    if np.ndim(problem.layer.i.b) != 1:
        raise ValueError(f"i.b has shape {np.shape(problem.layer.i.b)}, expected (H,); flatten it")
    T, B, I, H = problem.sizes
    if H < 1 or I < 1:
        raise ValueError(f"I = {I} and H = {H}, expected at least 1 each; an LSTM needs inputs and cells")
    for name, array, shape, remedy in _expected(problem):
        _check_array(name, array, shape, problem.dtype, remedy)


def check_cotangents(problem: Problem, cotangents: Cotangents) -> None:
    """Return if the cotangents have the shapes and the dtype of the problem's answer; else ValueError or TypeError."""
    T, B, _, H = problem.sizes
    remedy = "a cotangent has the shape of what it belongs to"
    for name, array, shape in (
        ("the cotangent of y", cotangents.y, (T, B, H)),
        ("the cotangent of state.h", cotangents.state.h, (1, B, H)),
        ("the cotangent of state.c", cotangents.state.c, (1, B, H)),
    ):
        _check_array(name, array, shape, problem.dtype, remedy)


def _check_structure(problem: Problem) -> None:
    layers = len(problem.parameters)
    if layers != 1 or len(problem.parameters[0]) != 1 or problem.directions != ("forward",):
        raise ValueError(
            f"{layers} layers, directions {problem.directions}, expected one layer, forward; "
            "call it once for each layer and direction"
        )
    if problem.lengths is not None:
        raise ValueError("lengths are given, expected None; cut the sequences and call it once for each length")
    if problem.variant != STANDARD or problem.layer.f is None or problem.layer.R is not None:
        raise ValueError(f"the variant is {problem.variant}, expected {STANDARD} with a forget gate and without R")


def _expected(problem: Problem) -> Iterator[tuple[str, Array, tuple[int, ...], str]]:
    T, B, I, H = problem.sizes
    for letter in "ifgo":
        gate = getattr(problem.layer, letter)
        yield f"{letter}.W", gate.W, (H, I), f"for H = {H}, I = {I}; transpose it if it is stored inputs first"
        yield f"{letter}.U", gate.U, (H, H), f"for H = {H}; did you pass the input weights W?"
        yield f"{letter}.b", gate.b, (H,), f"for H = {H}; one bias per gate, so add the two where there are two"
    yield "state.h", problem.state.h, (1, B, H), f"for B = {B}, H = {H}; the first axis is layers times directions"
    yield "state.c", problem.state.c, (1, B, H), f"for B = {B}, H = {H}; the first axis is layers times directions"


def _check_array(name: str, array: Array, shape: tuple[int, ...], dtype: np.dtype[np.generic], remedy: str) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, expected a NumPy array; convert it first")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}; {remedy}")
    if array.dtype != dtype:
        raise TypeError(f"{name} is {array.dtype}, expected {dtype} like x; convert it first")
