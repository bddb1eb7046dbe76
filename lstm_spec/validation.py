"""Whether a Problem is well formed; a refusal names the value, the expectation and the remedy."""

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from lstm_spec.contract import DTYPES
from lstm_spec.types import GATES, Cotangents, Gate, Kind, Parameters, Problem, State
from lstm_spec.variants import KINDS
from lstm_spec.variants.checks import check_bounds, check_variant


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
    dtype = problem.x.dtype
    if not (dtype.kind == "f" or dtype.name in DTYPES):  # NumPy does not know bfloat16's kind
        raise TypeError(f"x is {dtype}, expected a floating-point dtype, e.g. float32; convert it first")
    if not isinstance(problem.state, State):
        raise TypeError(f"state is a {type(problem.state).__name__}, expected a State; write State(h, c)")
    if not isinstance(problem.state.h, np.ndarray):
        raise TypeError(f"state.h is a {type(problem.state.h).__name__}, expected a NumPy array; convert it first")
    _, _, I, H = problem.sizes
    if H < 1 or I < 1:
        raise ValueError(f"I = {I} and H = {H}, expected at least 1 each; an LSTM needs inputs and cells")
    if not 1 <= problem.P <= H:
        raise ValueError(f"P = {problem.P}, expected 1 to H = {H}; R is (P, H), so transpose it if it is the other way")
    check_bounds(problem)
    if problem.lengths is not None:
        check_lengths(problem.lengths, *problem.sizes[:2])
    mixed = dtype.name == "bfloat16" and problem.dtype == np.float32  # ACC-5
    for array, shape, where in _expect_arrays(problem):
        wanted = problem.dtype if mixed and where[0].startswith("state") else dtype
        if not _fits(array, shape, wanted):
            name, remedy = _describe(problem, where)
            _refuse_array(name, array, shape, wanted, remedy)
    return problem


def check_cotangents(problem: Problem, cotangents: Cotangents) -> None:
    """Return if the cotangents have the shapes and the dtype of the answer to the well-formed problem.

    Raises ValueError or TypeError otherwise.
    """
    T, B, _, H = problem.sizes
    P, D = problem.P, len(problem.directions)
    readers = D * len(problem.parameters)
    for name, array, shape in (
        ("the cotangent of y", cotangents.y, (T, B, D * P)),
        ("the cotangent of state.h", cotangents.state.h, (readers, B, P)),
        ("the cotangent of state.c", cotangents.state.c, (readers, B, H)),
    ):
        if not _fits(array, shape, problem.dtype):
            remedy = f"for T = {T}, B = {B}, {_format_widths(problem)}; a cotangent has the shape of what it belongs to"
            _refuse_array(name, array, shape, problem.dtype, remedy)


DIRECTIONS = (("forward",), ("reverse",), ("forward", "reverse"))


def _check_structure(problem: Problem) -> None:
    if problem.directions not in DIRECTIONS:
        known = " or ".join(map(str, DIRECTIONS))
        raise ValueError(f"directions is {problem.directions!r}, expected {known}; choose one of them")
    if not problem.parameters:
        raise ValueError("parameters is empty, expected those of at least one layer; give them as [layer][direction]")
    check_variant(problem.variant)
    for layer, row in enumerate(problem.parameters):
        if len(row) != len(problem.directions):
            raise ValueError(
                f"layer {layer} has parameters for {len(row)} directions, expected {len(problem.directions)} like "
                "directions; each direction has its own"
            )
        for d, p in enumerate(row):
            _check_gates(problem, _name_place(problem, layer, d), p)


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
        kinds = {k.peepholes: [one for one in KINDS.values() if one.peepholes == k.peepholes] for k in KINDS.values()}
        seeing = "; ".join(f"the gates {_list_letters(k)} of {_name_kinds(able)}" for k, able in kinds.items() if k)
        raise ValueError(f"{place}{letter}.p is {given}, expected {expected}; {seeing} see c, and no others")


def _name_kinds(kinds: list[Kind]) -> str:
    return f"the kind{'s' * (len(kinds) > 1)} {' and '.join(repr(kind.name) for kind in kinds)}"


def _list_letters(letters: str) -> str:
    return " and ".join(filter(None, (", ".join(letters[:-1]), letters[-1])))


def check_lengths(lengths: Any, T: int, B: int) -> None:
    """Return if these are the lengths of B sequences of T steps. Raises ValueError or TypeError if not."""
    if not isinstance(lengths, np.ndarray):
        raise TypeError(f"lengths is a {type(lengths).__name__}, expected a NumPy array; convert it first")
    if lengths.shape != (B,):
        raise ValueError(f"lengths has shape {lengths.shape}, expected {(B,)}; give one for each sequence of the batch")
    if not np.issubdtype(lengths.dtype, np.integer):
        raise TypeError(f"lengths is {lengths.dtype}, expected integers; a length counts steps, so convert them")
    if lengths.size and not 0 <= lengths.min() <= lengths.max() <= T:
        wrong = lengths[(lengths < 0) | (lengths > T)][0]
        raise ValueError(f"lengths has {wrong}, expected 0 to T = {T}; pad x, or correct the length")


def _name_place(problem: Problem, layer: int, d: int) -> str:
    """Where parameters stand, as a refusal says it; nothing where there is one place only."""
    alone = len(problem.parameters) == len(problem.directions) == 1
    return "" if alone else f"layer {layer} {problem.directions[d]}: "


def _format_widths(problem: Problem) -> str:
    """H, and P where there is a projection."""
    _, _, _, H = problem.sizes
    return f"H = {H}" if problem.layer.R is None else f"H = {H}, P = {problem.P} (the rows of R)"


_Place = tuple[str, str, int, int]  # a field of Gate, R, state.h or state.c; the letter of a gate; layer and direction


def _expect_arrays(problem: Problem) -> Iterator[tuple[Any, tuple[int, ...], _Place]]:
    """Each array, the shape that it must have, and its place; words for it are found only if it is refused."""
    (_, B, I, H), P, D = problem.sizes, problem.P, len(problem.directions)
    for layer, row in enumerate(problem.parameters):
        width = D * P if layer else I
        for d, p in enumerate(row):
            for letter, gate in p.gates.items():
                yield gate.W, (H, width), ("W", letter, layer, d)
                yield gate.U, (H, P), ("U", letter, layer, d)
                yield gate.b, (H,), ("b", letter, layer, d)
                if gate.p is not None:
                    yield gate.p, (H,), ("p", letter, layer, d)
            if p.R is not None:
                yield p.R, (P, H), ("R", "", layer, d)
    readers = D * len(problem.parameters)
    yield problem.state.h, (readers, B, P), ("state.h", "", 0, 0)
    yield problem.state.c, (readers, B, H), ("state.c", "", 0, 0)


def _describe(problem: Problem, where: _Place) -> tuple[str, str]:
    """The name of the array at that place, and the remedy if its shape is wrong."""
    (part, letter, layer, d), (_, B, I, H), P, D = where, problem.sizes, problem.P, len(problem.directions)
    of_inputs = f"for H = {H}, I = {I}; transpose it if it is stored inputs first"
    if layer:
        of_inputs = f"for H = {H}, D·P = {D * P}; a layer reads all that the one below returned"
    remedies = {
        "W": of_inputs,
        "U": f"for {_format_widths(problem)}; did you pass the input weights W?",
        "b": f"for H = {H}; one bias per gate, so add the two where there are two",
        "p": f"for H = {H}; a peephole is one number for each cell",
        "R": f"for P = {P}, H = {H}; transpose it if it is stored the other way",
    }
    if part not in remedies:
        return part, f"for B = {B}, {_format_widths(problem)}; the first axis is layers times directions"
    return _name_place(problem, layer, d) + (f"{letter}.{part}" if letter else part), remedies[part]


def _check_rank(name: str, array: Any, rank: int, expected: str) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, expected a NumPy array; convert it first")
    if array.ndim != rank:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}")


def _fits(array: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return isinstance(array, np.ndarray) and array.shape == shape and array.dtype == dtype


def _refuse_array(name: str, array: Any, shape: tuple[int, ...], dtype: np.dtype[Any], remedy: str) -> NoReturn:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, expected a NumPy array; convert it first")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape} {remedy}")
    raise TypeError(f"{name} is {array.dtype}, expected {dtype} like x; convert it first")
