"""Whether a Problem is well formed, and a Description has a meaning; a refusal names value, expectation and remedy."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from lstm_spec.accuracy import GRADES, ErrorModel, error_model
from lstm_spec.contract import Backend, Description
from lstm_spec.types import GATES, Cotangents, Feature, Gate, Kind, Parameters, Problem
from lstm_spec.variants import KINDS

DTYPES = ("float64", "float32", "float16", "bfloat16")  # that can be claimed; grades say at which it is judged


def checked(problem: Problem) -> Problem:
    """The problem itself, if it is well formed: its directions, variant, lengths and every shape and dtype fit.

    Raises ValueError or TypeError otherwise. The message names the value, what was expected, and a remedy.
    """
    _check_structure(problem)
    _check_rank("x", problem.x, 3, "(T, B, I); add the missing axes")
    for letter, gate in problem.layer.gates.items():
        _check_rank(f"{letter}.b", gate.b, 1, "(H,); flatten it")
    if problem.layer.R is not None:
        _check_rank("R", problem.layer.R, 2, "(P, H); add the missing axis")
    if not (np.issubdtype(problem.dtype, np.floating) or problem.dtype.name in DTYPES):  # bfloat16 is not NumPy's own
        raise TypeError(f"x is {problem.dtype}, expected a floating-point dtype, e.g. float32; convert it first")
    _, _, I, H = problem.sizes
    if H < 1 or I < 1:
        raise ValueError(f"I = {I} and H = {H}, expected at least 1 each; an LSTM needs inputs and cells")
    if not 1 <= problem.P <= H:
        raise ValueError(f"P = {problem.P}, expected 1 to H = {H}; R is (P, H), so transpose it if it is the other way")
    _check_bound(problem)
    _check_lengths(problem)
    for name, array, shape, remedy in _expected(problem):
        _check_array(name, array, shape, problem.dtype, remedy)
    return problem


def check_cotangents(problem: Problem, cotangents: Cotangents) -> None:
    """Return if the cotangents have the shapes and the dtype of the answer to the well-formed problem.

    Raises ValueError or TypeError otherwise.
    """
    T, B, _, H = problem.sizes
    P, D = problem.P, len(problem.directions)
    readers = D * len(problem.parameters)
    remedy = f"for T = {T}, B = {B}, {_widths(problem)}; a cotangent has the shape of what it belongs to"
    for name, array, shape in (
        ("the cotangent of y", cotangents.y, (T, B, D * P)),
        ("the cotangent of state.h", cotangents.state.h, (readers, B, P)),
        ("the cotangent of state.c", cotangents.state.c, (readers, B, H)),
    ):
        _check_array(name, array, shape, problem.dtype, remedy)


def check_backend(backend: Backend) -> None:
    """Return if the backend's description has a meaning: known dtypes, features and grades, and ranges of sizes.

    Raises ValueError or TypeError otherwise.
    """
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


DIRECTIONS = (("forward",), ("reverse",), ("forward", "reverse"))


def _check_structure(problem: Problem) -> None:
    if problem.directions not in DIRECTIONS:
        known = " or ".join(map(str, DIRECTIONS))
        raise ValueError(f"directions is {problem.directions!r}, expected {known}; choose one of them")
    if not problem.parameters:
        raise ValueError("parameters is empty, expected those of at least one layer; give them as [layer][direction]")
    _check_variant(problem)
    for layer, row in enumerate(problem.parameters):
        if len(row) != len(problem.directions):
            raise ValueError(
                f"layer {layer} has parameters for {len(row)} directions, expected {len(problem.directions)} like "
                "directions; each direction has its own"
            )
        for d, p in enumerate(row):
            _check_gates(problem, _place(problem, layer, d), p)


def _check_variant(problem: Problem) -> None:
    kind, clip = problem.variant.kind, problem.variant.clip
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"variant.kind is {kind!r}, expected one of: {', '.join(KINDS)}; choose one")
    if clip is not None and not isinstance(clip, int | float | np.number):
        raise TypeError(f"variant.clip is {clip!r}, expected a number; None leaves the cell state unbounded")
    if clip is not None and not 0 < clip < np.inf:
        raise ValueError(
            f"variant.clip is {clip!r}, expected a positive, finite number; None leaves the cell state unbounded"
        )


def _check_bound(problem: Problem) -> None:
    """As a number of the problem's dtype it must bound something, and leave something."""
    clip = problem.variant.clip
    if clip is None:
        return
    with np.errstate(all="ignore"):
        bound = float(problem.dtype.type(clip))
    if not 0 < bound < np.inf:
        raise ValueError(
            f"variant.clip is {clip!r}, which is {bound} in {problem.dtype}; expected a number it can hold"
        )


def _check_gates(problem: Problem, place: str, p: Parameters) -> None:
    kind = KINDS[problem.variant.kind]
    for letter in GATES:
        gate = getattr(p, letter)
        if letter in kind.gates:
            _check_gate(kind, letter, gate, place)
        elif gate is not None:
            name = {"i": "input", "f": "forget", "o": "output"}[letter]
            raise ValueError(
                f"{place}{letter} is given, expected None; the kind {kind.name!r} has no {name} gate of its own"
            )
    if (p.R is None) != (problem.layer.R is None):
        raise ValueError(
            f"{place}R is {'missing, expected one' if p.R is None else 'given, expected None'} like the first layer's; "
            "all layers and directions have one, or none"
        )


def _check_gate(kind: Kind, letter: str, gate: Any, place: str) -> None:
    if not isinstance(gate, Gate):
        raise ValueError(
            f"{place}gate {letter} is a {type(gate).__name__}, expected a Gate; the kind {kind.name!r} has it, "
            "so make one of W, U and b"
        )
    sees = letter in kind.peepholes
    if (gate.p is not None) != sees:
        given, expected = ("missing", "(H,) numbers") if sees else ("given", "None")
        able = (k for k in KINDS.values() if k.peepholes)
        seeing = "; ".join(f"the gates {_listed(k.peepholes)} of the kind {k.name!r}" for k in able)
        raise ValueError(f"{place}{letter}.p is {given}, expected {expected}; {seeing} see c, and no others")


def _listed(letters: str) -> str:
    return " and ".join(filter(None, (", ".join(letters[:-1]), letters[-1])))


def _check_lengths(problem: Problem) -> None:
    lengths, (T, B, _, _) = problem.lengths, problem.sizes
    if lengths is None:
        return
    if not isinstance(lengths, np.ndarray):
        raise TypeError(f"lengths is a {type(lengths).__name__}, expected a NumPy array; convert it first")
    if lengths.shape != (B,):
        raise ValueError(f"lengths has shape {lengths.shape}, expected {(B,)}; give one for each sequence of the batch")
    if not np.issubdtype(lengths.dtype, np.integer):
        raise TypeError(f"lengths is {lengths.dtype}, expected integers; a length counts steps, so convert them")
    if lengths.size and not 0 <= lengths.min() <= lengths.max() <= T:
        wrong = lengths[(lengths < 0) | (lengths > T)][0]
        raise ValueError(f"lengths has {wrong}, expected 0 to T = {T}; pad x, or correct the length")


def _place(problem: Problem, layer: int, d: int) -> str:
    """Where parameters stand, as a refusal says it; nothing where there is one place only."""
    alone = len(problem.parameters) == len(problem.directions) == 1
    return "" if alone else f"layer {layer} {problem.directions[d]}: "


def _widths(problem: Problem) -> str:
    """H, and P where there is a projection."""
    _, _, _, H = problem.sizes
    return f"H = {H}" if problem.layer.R is None else f"H = {H}, P = {problem.P} (the rows of R)"


def _expected(problem: Problem) -> Iterator[tuple[str, Any, tuple[int, ...], str]]:
    _, B, I, H = problem.sizes
    P, D, L = problem.P, len(problem.directions), len(problem.parameters)
    one_bias = f"for H = {H}; one bias per gate, so add the two where there are two"
    for layer, d in ((layer, d) for layer in range(L) for d in range(D)):
        place = _place(problem, layer, d)
        width, p = D * P if layer else I, problem.parameters[layer][d]
        of_inputs = (
            f"for H = {H}, D·P = {width}; a layer reads all that the one below returned"
            if layer
            else f"for H = {H}, I = {width}; transpose it if it is stored inputs first"
        )
        for letter, gate in p.gates.items():
            yield f"{place}{letter}.W", gate.W, (H, width), of_inputs
            yield f"{place}{letter}.U", gate.U, (H, P), f"for {_widths(problem)}; did you pass the input weights W?"
            yield f"{place}{letter}.b", gate.b, (H,), one_bias
            if gate.p is not None:
                yield f"{place}{letter}.p", gate.p, (H,), f"for H = {H}; a peephole is one number for each cell"
        if p.R is not None:
            yield f"{place}R", p.R, (P, H), f"for P = {P}, H = {H}; transpose it if it is stored the other way"
    remedy = f"for B = {B}, {_widths(problem)}; the first axis is layers times directions"
    yield "state.h", problem.state.h, (L * D, B, P), remedy
    yield "state.c", problem.state.c, (L * D, B, H), remedy


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
