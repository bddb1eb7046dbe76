"""The nouns of the specification, with their shapes.

Letters, used everywhere with one meaning:

    x input    h hidden state    c cell state    y the sequence of hidden states
    i input gate    f forget gate    g candidate    o output gate    z a pre-activation
    W input weights    U recurrent weights    b bias    p peephole    R projection
    T time steps    B batch    I inputs    H cells    P width of h (= H unless projected)    L layers    D directions
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Direction = Literal["forward", "reverse"]
GATES = "ifgo"


class Gate(NamedTuple):
    """The weights of one gate; `p` only if it sees the cell state."""

    W: Array  # (H, I)
    U: Array  # (H, P)
    b: Array  # (H,)
    p: Array | None = None  # (H,)


class Parameters(NamedTuple):
    """The weights of one layer in one direction: gates by name, never packed.

    A gate is None if the kind of cell has no such weights. Every kind has a candidate.
    """

    i: Gate | None
    f: Gate | None
    g: Gate
    o: Gate | None
    R: Array | None = None  # (P, H)

    @property
    def gates(self) -> dict[str, Gate]:
        """The gates that are there, by letter, in the order i, f, g, o."""
        return {letter: gate for letter, gate in zip(GATES, self[:4], strict=True) if gate is not None}


class State(NamedTuple):
    """The two memories: h short-term, c long-term."""

    h: Array  # (..., P)
    c: Array  # (..., H)


def each_array(function: Callable[..., Array], *many: Parameters) -> Parameters:
    """Parameters made by calling the function with the arrays that stand at one place in each of the arguments.

    What is None in the first of the arguments is None in the result.
    """

    def gate(letter: str) -> Gate | None:
        gates = [getattr(p, letter) for p in many]
        return None if gates[0] is None else Gate(*(array(*parts) for parts in zip(*gates, strict=True)))

    def array(*arrays: Array | None) -> Any:
        return None if arrays[0] is None else function(*arrays)

    i, f, g, o = map(gate, GATES)
    assert g is not None, "every kind of cell has a candidate"
    return Parameters(i, f, g, o, array(*(p.R for p in many)))


Cell = Callable[[Parameters, Array, State], State]  # the state after reading x (I,) in state (h, c)


class Feature(StrEnum):
    """What a backend may claim beyond the core, and one thing it may disclaim (DETERMINISTIC)."""

    GRADIENTS = "gradients"
    LENGTHS = "lengths"
    REVERSE = "reverse"  # the only direction
    BIDIRECTIONAL = "bidirectional"
    LAYERS = "layers"
    PROJECTION = "projection"
    FULL_PROJECTION = "full projection"  # P = H
    PEEPHOLES = "peepholes"
    COUPLED = "coupled"
    NO_FORGET_GATE = "no forget gate"
    SIMPLIFIED_1997 = "1997 simplified"
    CELL_CLIP = "cell clip"
    PROJECTION_CLIP = "projection clip"
    ACTIVATIONS = "configured activations"
    EMPTY_SEQUENCE = "empty sequence"  # T = 0
    ZERO_LENGTHS = "zero lengths"  # a length of 0 among the lengths
    EMPTY_BATCH = "empty batch"  # B = 0
    BFLOAT16_WEIGHTS = "bfloat16 weights"  # and inputs, where states are float32
    DETERMINISTIC = "deterministic"  # the same question gets the same bits
    MODULE = "module"  # it is built once and asked often, as an Implementation is; what follows is of modules alone
    OMITS_STATE = "omits state"  # a call may leave the state out
    OMITS_BIAS = "omits bias"  # it may be built without biases
    STATEFUL = "stateful"  # a call may continue from the state that the last one left
    SAVED = "saved"  # parameters can be saved, and restored in another module
    COPIED = "copied"
    TIED = "tied"  # two modules can share their parameters
    TRAINING = "training"  # it can be switched from training, where it may do more, to evaluation
    PARTIAL_GRADIENTS = "partial gradients"  # gradients may be wanted of some parts only


OF_MODULES = frozenset(list(Feature)[list(Feature).index(Feature.MODULE) :])


@dataclass(frozen=True)
class Kind:
    """One kind of cell, with everything that distinguishes it. `lstm_spec.variants.KINDS` holds them all by name.

    A gate without weights acts as 1; if `keeps` is "1 - i", the forget gate acts as 1 - i. With the stretch s, the
    candidate is s tanh(z/s), and tanh(c/s) squashes the cell state.
    """

    name: str  # the value of Variant.kind
    cell: Callable[..., State]  # (p, x, s, k): one step; k bounds the cell state to [-k, k]; and a if it is configured
    gradient: Callable[..., tuple[Parameters, Array, State]]  # (p, x, s, ds, k): with respect to p, x and s; and a
    features: tuple[Feature, ...]  # what a backend has to claim; nothing, if the kind belongs to the core
    gates: str = GATES  # the gates that have weights, in the order of GATES
    peepholes: str = ""  # the gates that see the cell state: i and f the one before the step, o the one after it
    keeps: Literal["f", "1 - i", "1"] = "f"  # what the cell state before the step is multiplied by
    stretch: Literal[1, 2] = 1
    is_configured: bool = False  # its functions are those of Variant.activations


GATE_FUNCTIONS = ("hard sigmoid", "sigmoid")
FUNCTIONS = ("tanh", "relu", "identity")


@dataclass(frozen=True)
class Activations:
    """The functions of the kinds that are configured. A hard sigmoid is max(0, min(1, alpha z + beta))."""

    gate: str = "hard sigmoid"  # of all three gates: one of GATE_FUNCTIONS
    candidate: str = "tanh"  # one of FUNCTIONS
    output: str = "tanh"  # what the cell state passes before the output gate shows it: one of FUNCTIONS
    alpha: float = 0.2  # as in Keras 2; Keras 3 has 1/6
    beta: float = 0.5

    @property
    def are_bounded(self) -> bool:
        """Whether the hidden state lies between -1 and 1, as it does if tanh squashes the cell state."""
        return self.output == "tanh"


@dataclass(frozen=True)
class Variant:
    """Which equations are meant: `kind` is a name in `lstm_spec.variants.KINDS`, `clip` bounds c to [-clip, clip].

    The kinds that are configured, and no others, have `activations`. A projection is not named here: there is one if
    the parameters have an R; `projection_clip` bounds what it gives.
    """

    kind: str = "standard"
    clip: float | None = None
    activations: Activations | None = None
    projection_clip: float | None = None

    def __repr__(self) -> str:
        rare = {"activations": self.activations, "projection_clip": self.projection_clip}
        given = "".join(f", {name}={value!r}" for name, value in rare.items() if value is not None)
        return f"Variant(kind={self.kind!r}, clip={self.clip!r}{given})"


STANDARD = Variant()


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """Everything an LSTM is asked: weights, inputs, initial state; one dtype throughout.

    Or else x and the parameters are bfloat16, and everything else is float32. It does not validate itself:
    `lstm_spec.checked(problem)` does.
    """

    parameters: tuple[tuple[Parameters, ...], ...]  # [layer][direction]
    x: Array  # (T, B, I)
    state: State  # h (L*D, B, P), c (L*D, B, H)
    lengths: Array | None = None  # (B,)
    variant: Variant = STANDARD
    directions: tuple[Direction, ...] = ("forward",)

    @property
    def layer(self) -> Parameters:
        """The parameters of the first layer, first direction."""
        return self.parameters[0][0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of states and answers; also that of x and the parameters, unless they are stored in bfloat16."""
        return self.state.h.dtype

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """The sizes T, B, I, H."""
        T, B, I = self.x.shape
        return T, B, I, self.layer.g.b.shape[0]

    @property
    def P(self) -> int:
        """The width of h in one direction: H unless projected."""
        return self.layer.g.b.shape[0] if self.layer.R is None else self.layer.R.shape[0]

    def __repr__(self) -> str:
        T, B, I, H = self.sizes
        more = f" L={len(self.parameters)} {'+'.join(self.directions)} {self.variant.kind}" if self.is_more else ""
        return f"<Problem T={T} B={B} I={I} H={H} {self.dtype}{more}>"

    @property
    def is_more(self) -> bool:
        """Whether it asks for anything beyond one layer of the standard cell that reads whole sequences forward."""
        one = len(self.parameters) == 1 and self.directions == ("forward",) and self.lengths is None
        return not one or self.variant != STANDARD or self.layer.R is not None or self.x.dtype != self.dtype


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """What an LSTM returns: the hidden states of the last layer at every step, and the final states of all layers."""

    y: Array  # (T, B, D*P)
    state: State  # as Problem.state


@dataclass(frozen=True, eq=False, repr=False)
class Cotangents:
    """The gradient of a loss with respect to an Answer, part by part."""

    y: Array  # (T, B, D*P)
    state: State  # as Problem.state


@dataclass(frozen=True, eq=False, repr=False)
class Gradients:
    """The gradient of that loss with respect to a Problem, part by part."""

    parameters: tuple[tuple[Parameters, ...], ...]
    x: Array  # (T, B, I)
    state: State
