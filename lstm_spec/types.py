"""The nouns of the specification, with their shapes.

Letters, used everywhere with one meaning:

    x input    h hidden state    c cell state    y the sequence of hidden states
    i input gate    f forget gate    g candidate    o output gate    z a pre-activation
    W input weights    U recurrent weights    b bias    p peephole    R projection
    T time steps    B batch    I inputs    H cells    P width of h (= H unless projected)    L layers    D directions
"""

from collections.abc import Callable
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


def each_array(function: Callable[..., Array], *many: Parameters) -> Parameters:
    """The function of the arrays that stand at the same place, place by place; what is absent stays absent."""

    def gate(letter: str) -> Gate | None:
        gates = [getattr(p, letter) for p in many]
        return None if gates[0] is None else Gate(*(array(*parts) for parts in zip(*gates, strict=True)))

    def array(*arrays: Array | None) -> Any:
        return None if arrays[0] is None else function(*arrays)

    i, f, g, o = map(gate, "ifgo")
    assert i and g and o, "only a forget gate can be absent"
    return Parameters(i, f, g, o, array(*(p.R for p in many)))


Cell = Callable[[Parameters, Array, State], State]  # the state after reading x (I,) in state (h, c)


@dataclass(frozen=True)
class Variant:
    """Which equations are meant: a kind of `lstm_spec.variants.KINDS`; `clip` bounds the cell state to [-clip, clip].

    That there is a projection is told by the parameters themselves.
    """

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

    @property
    def P(self) -> int:
        """The width of h in one direction: H unless projected."""
        return self.layer.i.b.shape[0] if self.layer.R is None else self.layer.R.shape[0]

    def __repr__(self) -> str:
        T, B, I, H = self.sizes
        more = f" L={len(self.parameters)} {'+'.join(self.directions)} {self.variant.kind}" if self.is_more else ""
        return f"<Problem T={T} B={B} I={I} H={H} {self.dtype}{more}>"

    @property
    def is_more(self) -> bool:
        """Whether it is more than one layer of the standard cell that reads whole sequences forward."""
        one = len(self.parameters) == 1 and self.directions == ("forward",) and self.lengths is None
        return not one or self.variant != STANDARD or self.layer.R is not None

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
