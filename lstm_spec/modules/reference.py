"""The readable reference module: the equations with parameters of their own (family MOD)."""

from typing import Literal

import numpy as np

from lstm_spec.contract import PARTS, Description, Implementation, Rows
from lstm_spec.network import REFERENCE
from lstm_spec.types import (
    STANDARD,
    Answer,
    Array,
    Cotangents,
    Direction,
    Feature,
    Gate,
    Gradients,
    Parameters,
    Problem,
    State,
    Variant,
    each_array,
)


class ReferenceModule:
    """An LSTM that is built once, and asked often. What it holds is its own: parameters, and the state it kept."""

    def __init__(
        self, parameters: Rows, variant: Variant = STANDARD, directions: tuple[Direction, ...] = ("forward",)
    ) -> None:
        """Parameters as in a Problem; a bias of None is zero (MOD-4)."""
        self.variant, self.directions = variant, directions
        self.parameters = tuple(tuple(map(_copy_parameters, row)) for row in parameters)
        self.kept: State | None = None

    def forward(self, x: Array, state: State | Literal["kept"] | None = None, lengths: Array | None = None) -> Answer:
        """The answer to the problem that the call means; x (T, B, I). Raises ValueError or TypeError as `checked`."""
        answer = REFERENCE.forward(self.make_problem(x, state, lengths))
        self.kept = answer.state
        return answer

    def gradients(
        self,
        x: Array,
        cotangents: Cotangents,
        state: State | Literal["kept"] | None = None,
        lengths: Array | None = None,
        wanted: tuple[str, ...] = PARTS,
    ) -> tuple[Answer, Gradients]:
        """The answer, and the gradients that are wanted; the others come along. Raises as `forward`."""
        answer, found = REFERENCE.differentiate(self.make_problem(x, state, lengths), cotangents)  # MOD-8
        self.kept = answer.state
        return answer, found

    def make_problem(self, x: Array, state: State | Literal["kept"] | None, lengths: Array | None) -> Problem:
        """The problem that a call means."""
        if state == "kept":
            state = self.kept  # MOD-5  a kept state continues the sequence
        if state is None:  # MOD-3  a state that is left out is zero
            state = self.make_zero_state(x.shape[1])
        return Problem(self.parameters, x, state, lengths, self.variant, self.directions)

    def make_zero_state(self, B: int) -> State:
        """h (L*D, B, P) and c (L*D, B, H) of zeros."""
        p = self.parameters[0][0]
        H, dtype, readers = len(p.g.b), p.g.b.dtype, len(self.parameters) * len(self.directions)
        P = H if p.R is None else len(p.R)
        return State(np.zeros((readers, B, P), dtype), np.zeros((readers, B, H), dtype))

    def load(self, parameters: Rows) -> None:
        """Write these over the parameters, in place: whoever shares them sees it."""
        for array, new in zip(self.list_arrays(), list_arrays(parameters), strict=True):
            array[...] = 0 if new is None else new  # MOD-2

    def read(self) -> Rows:
        """Copies of the parameters."""
        return tuple(tuple(each_array(np.copy, p) for p in row) for row in self.parameters)

    def reset(self) -> None:
        """Forget the state that was kept (MOD-5)."""
        self.kept = None  # MOD-5

    def save(self) -> bytes:
        """The numbers of all parameters, one array after the other (MOD-6)."""
        return b"".join(a.tobytes() for a in self.list_arrays())

    def restore(self, saved: bytes) -> None:
        """Write what was saved over the parameters (MOD-6)."""
        start = 0
        for array in self.list_arrays():
            numbers: Array = np.frombuffer(saved, array.dtype, array.size, start)
            array[...] = numbers.reshape(array.shape)  # MOD-6
            start += array.nbytes

    def copy(self) -> "ReferenceModule":
        """Another module with the same parameters and the same kept state (MOD-7)."""
        other = type(self)(self.parameters, self.variant, self.directions)
        other.kept = None if self.kept is None else State(*map(np.copy, self.kept))
        return other

    def tie(self, other: "ReferenceModule") -> None:
        """Have the very arrays of the other module (MOD-7)."""
        self.parameters = other.parameters  # MOD-7

    def train(self, on: bool) -> None:
        """Nothing is different in training (MOD-9)."""

    def list_arrays(self) -> list[Array]:
        """The arrays of all parameters."""
        return [a for a in list_arrays(self.parameters) if a is not None]


def list_arrays(rows: Rows) -> list[Array | None]:
    """W, U, b and the peephole of each gate that is there, and R; None for a bias that is left out."""
    return [a for row in rows for p in row for a in _list_arrays_of(p)]


def _list_arrays_of(p: Parameters) -> list[Array | None]:
    gates = [a for gate in p.gates.values() for a in (*gate[:3], *([] if gate.p is None else [gate.p]))]
    return [*gates, *([] if p.R is None else [p.R])]


def _copy_parameters(p: Parameters) -> Parameters:
    def copy_gate(gate: Gate | None) -> Gate | None:
        if gate is None:
            return None
        b = np.zeros(len(gate.W), gate.W.dtype) if gate.b is None else gate.b.copy()  # MOD-4
        return Gate(gate.W.copy(), gate.U.copy(), b, None if gate.p is None else gate.p.copy())

    i, f, g, o = map(copy_gate, p[:4])
    assert g is not None
    return Parameters(i, f, g, o, None if p.R is None else p.R.copy())


REFERENCE_MODULE = Implementation("reference module", ReferenceModule, Description(features=frozenset(Feature)))
