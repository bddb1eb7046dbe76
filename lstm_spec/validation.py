"""Whether a Problem is well formed, and a Description has a meaning; a refusal names value, expectation and remedy."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from lstm_spec.accuracy import GRADES, ErrorModel, error_model
from lstm_spec.contract import Backend, Description, Feature
from lstm_spec.types import STANDARD, Cotangents, Gate, Problem

DTYPES = ("float64", "float32", "float16", "bfloat16")  # that can be claimed; grades say at which it is judged


def check(problem: Problem) -> None:
    """Return if the problem is one layer, forward, full length, and every shape and dtype fits.

    Raises ValueError or TypeError otherwise.
    """
    _check_structure(problem)
    _check_rank("x", problem.x, 3, "(T, B, I); add the missing axes")
    _check_rank("i.b", problem.layer.i.b, 1, "(H,); flatten it")
    if not (np.issubdtype(problem.dtype, np.floating) or problem.dtype.name in DTYPES):  # bfloat16 is not NumPy's own
        raise TypeError(f"x is {problem.dtype}, expected a floating-point dtype, e.g. float32; convert it first")
    _, _, I, H = problem.sizes
    if H < 1 or I < 1:
        raise ValueError(f"I = {I} and H = {H}, expected at least 1 each; an LSTM needs inputs and cells")
    for name, array, shape, remedy in _expected(problem):
        _check_array(name, array, shape, problem.dtype, remedy)


def check_cotangents(problem: Problem, cotangents: Cotangents) -> None:
    """Return if the cotangents have the shapes and the dtype of the problem's answer; else ValueError or TypeError."""
    T, B, _, H = problem.sizes
    remedy = f"for T = {T}, B = {B}, H = {H}; a cotangent has the shape of what it belongs to"
    for name, array, shape in (
        ("the cotangent of y", cotangents.y, (T, B, H)),
        ("the cotangent of state.h", cotangents.state.h, (1, B, H)),
        ("the cotangent of state.c", cotangents.state.c, (1, B, H)),
    ):
        _check_array(name, array, shape, problem.dtype, remedy)


def check_backend(backend: Backend) -> None:
    """Return if what it says of itself has a meaning; else ValueError or TypeError."""
    about = backend.description
    if not isinstance(about, Description):
        raise TypeError(f"description is a {type(about).__name__}, expected a Description; write Description(...)")
    _check_names("dtypes", about.dtypes, DTYPES)
    _check_names("features", about.features, tuple(Feature))
    for letter, sizes in vars(about.shapes).items():
        if not isinstance(sizes, range) or sizes.step < 1:
            raise TypeError(f"Shapes.{letter} is {sizes!r}, expected a range; write range(1, 9) or multiple_of(8)")
    if not isinstance(about.grades, Mapping):
        raise TypeError(
            f"Description.grades is {about.grades!r}, expected one by dtype; write {{'float32': 'absolute'}}"
        )
    for dtype, grade in about.grades.items():
        if not isinstance(grade, str | ErrorModel):
            raise TypeError(f"the grade at {dtype} is {grade!r}, expected a name or an ErrorModel; e.g. 'relative'")
        if any(at == dtype for _, at in GRADES):
            error_model(grade, dtype)


def _check_names(what: str, names: Any, known: tuple[str, ...]) -> None:
    if isinstance(names, str) or not isinstance(names, Collection):
        raise TypeError(
            f"Description.{what} is {names!r}, expected several names; put them into a tuple or a frozenset"
        )
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"Description.{what} has {name!r}, expected some of: {', '.join(known)}; correct the name")


def _check_structure(problem: Problem) -> None:
    layers = len(problem.parameters)
    if layers != 1 or len(problem.parameters[0]) != 1 or problem.directions != ("forward",):
        raise ValueError(
            f"{layers} layers, directions {problem.directions}, expected one layer, forward; "
            "call it once for each layer and direction"
        )
    if problem.lengths is not None:
        raise ValueError("lengths are given, expected None; cut the sequences and call it once for each length")
    if problem.variant != STANDARD:
        raise ValueError(
            f"the variant is {problem.variant}, expected {STANDARD}; only the standard cell is defined yet"
        )
    if problem.layer.R is not None:
        raise ValueError("R is given, expected None; the standard cell has no projection")
    for letter in "ifgo":
        gate = getattr(problem.layer, letter)
        if not isinstance(gate, Gate):
            raise ValueError(
                f"gate {letter} is {gate!r}, expected a Gate; the standard cell has all four, so make one of W, U and b"
            )
        if gate.p is not None:
            raise ValueError(f"{letter}.p is given, expected None; the standard cell has no peepholes")


def _expected(problem: Problem) -> Iterator[tuple[str, Any, tuple[int, ...], str]]:
    _, B, I, H = problem.sizes
    for letter in "ifgo":
        gate = getattr(problem.layer, letter)
        yield f"{letter}.W", gate.W, (H, I), f"for H = {H}, I = {I}; transpose it if it is stored inputs first"
        yield f"{letter}.U", gate.U, (H, H), f"for H = {H}; did you pass the input weights W?"
        yield f"{letter}.b", gate.b, (H,), f"for H = {H}; one bias per gate, so add the two where there are two"
    remedy = f"for B = {B}, H = {H}; the first axis is layers times directions"
    yield "state.h", problem.state.h, (1, B, H), remedy
    yield "state.c", problem.state.c, (1, B, H), remedy


def _check_rank(name: str, array: Any, rank: int, expected: str) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, expected a NumPy array; convert it first")
    if array.ndim != rank:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}")


def _check_array(name: str, array: Any, shape: tuple[int, ...], dtype: np.dtype[Any], remedy: str) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, expected a NumPy array; convert it first")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape} {remedy}")
    if array.dtype != dtype:
        raise TypeError(f"{name} is {array.dtype}, expected {dtype} like x; convert it first")
