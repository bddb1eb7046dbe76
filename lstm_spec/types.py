"""The nouns of the specification, with their shapes.

Letters, used everywhere with one meaning:

    x input    h hidden state    c cell state    y the sequence of hidden states
    i input gate    f forget gate    g candidate    o output gate    z a pre-activation
    W input weights    U recurrent weights    b bias    p peephole    R projection
    T time steps    B batch    I inputs    H cells    P width of h (= H unless projected)    L layers    D directions
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Direction = Literal["forward", "reverse"]


class Gate(NamedTuple):
    """What one gate owns."""

    W: Array  # (H, I)
    U: Array  # (H, P)
    b: Array  # (H,)
    p: Array | None = None  # (H,)


class Parameters(NamedTuple):
    """One layer in one direction: gates by name, never packed."""

    i: Gate
    f: Gate | None  # None where the forget gate is coupled or absent
    g: Gate
    o: Gate
    R: Array | None = None  # (P, H)


class State(NamedTuple):
    """The two memories: h short-term, c long-term."""

    h: Array  # (..., P)
    c: Array  # (..., H)


@dataclass(frozen=True)
class Variant:
    """Which equations are meant; `clip` bounds the cell state to [-clip, clip]."""

    kind: str = "standard"
    clip: float | None = None


STANDARD = Variant()


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """Everything an LSTM is asked: weights, inputs, initial state; one dtype throughout.

    It does not validate itself: `checked` does.
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
        return self.x.dtype

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """T, B, I, H."""
        T, B, I = self.x.shape
        return T, B, I, self.layer.i.b.shape[0]

    def __repr__(self) -> str:
        T, B, I, H = self.sizes
        return f"<Problem T={T} B={B} I={I} H={H} {self.dtype}>"

    def checked(self) -> "Problem":
        """This problem; ValueError or TypeError, in one sentence, if it is not a well-formed one."""
        from lstm_spec.validation import check

        check(self)
        return self


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """What an LSTM returns."""

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
