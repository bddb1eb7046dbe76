"""What a layer reads in one direction, and the pass through it, everything in float64."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from conformance.tolerance.cell import Written
from conformance.tolerance.functions import Functions, functions_of
from conformance.tolerance.rounding import Bounded, Product
from lstm_spec import KINDS, Kind
from lstm_spec.packing import Packed
from lstm_spec.types import Array, Parameters, State, Variant


@dataclass(frozen=True)
class Reading:
    """One layer in one direction, and what it reads, in the order in which it is read."""

    kind: Kind
    functions: Functions
    bound: float  # of the cell state; infinite where nothing bounds it
    bound_h: float  # of the projected hidden state, likewise
    w: Packed  # float64, the gates stacked as in kind.gates
    peepholes: dict[str, Array]  # (H,), by gate
    R: Array | None  # (P, H)
    x: Bounded  # (T, B, I), 0 where there is nothing to be read
    state: State  # h (B, P), c (B, H), float64
    valid: Array  # (T, B, 1)  whether there is something to be read
    apart: Bounded | None = None  # (G*H,)  of biases that are added apart: magnitudes added, the rounding of their sum
    of_x: Array | None = None  # (T, B, G*H)  what W x may be off by, where that is known better than from x
    of_h: Array | None = None  # (T, B, G*H)  the same of U h

    @property
    def gates(self) -> str:
        """The letters of the gates that it has, as they are stacked."""
        return self.kind.gates

    @cached_property
    def H(self) -> int:
        return int(self.state.c.shape[-1])

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where each gate stands among the stacked."""
        return {gate: slice(k * self.H, (k + 1) * self.H) for k, gate in enumerate(self.gates)}

    @cached_property
    def whole(self) -> bool:
        """Whether every sequence is read to the last step."""
        return bool(self.valid.all())

    @cached_property
    def ends(self) -> Array:
        """(T, B, 1): whether the sequence ends at that step."""
        return self.valid & ~np.concatenate([self.valid[1:], np.zeros_like(self.valid[:1])])

    def at(self, gate: str, a: Array) -> Array:
        """The part of a (..., G*H) that belongs to a gate."""
        return a[..., self.places[gate]]

    def part(self, gate: str, q: Bounded) -> Bounded:
        """That part of a bounded one."""
        return Bounded(self.at(gate, q.value), self.at(gate, q.error))

    def select(self, q: Bounded) -> Bounded:
        """q where there is something to be read, exactly 0 elsewhere."""
        return q if self.whole else select(self.valid, q)


def make_reading(p: Parameters, variant: Variant, dtype: np.dtype, x: Bounded, state: State, valid: Array) -> Reading:
    """The reading, in float64; what is not `valid` in x (T, B, I) does not count, NaN or not."""
    kind = KINDS[variant.kind]
    bound, bound_h = (np.inf if k is None else float(dtype.type(k)) for k in (variant.clip, variant.projection_clip))
    peepholes = {k: getattr(p, k).p.astype(np.float64) for k in kind.peepholes}
    R = None if p.R is None else p.R.astype(np.float64)
    stacked = (np.concatenate([getattr(getattr(p, k), part) for k in kind.gates]) for part in "WUb")
    w = Packed(*(a.astype(np.float64) for a in stacked))
    x = x if valid.all() else select(valid, x)
    given = State(*(a.astype(np.float64) for a in state))
    return Reading(kind, functions_of(variant), bound, bound_h, w, peepholes, R, x, given, valid)


def select(valid: Array, q: Bounded) -> Bounded:
    """q where it is valid, exactly 0 elsewhere; selected, for 0 times NaN is NaN."""
    return Bounded(*(np.where(valid, a, 0.0) for a in q))


@dataclass(frozen=True)
class Trajectory:
    """A forward pass, everything (T, B, H) unless it says otherwise."""

    z_g: Bounded
    i: Bounded
    f: Bounded
    g: Bounded
    o: Bounded
    c_before: Bounded
    c: Bounded
    slope: Bounded  # of the bound on the cell state
    squashed: Bounded  # tanh(c)
    shown: Bounded  # what the output gate lets through, before any projection
    h_before: Bounded  # (T, B, P)
    h: Bounded  # (T, B, P)
    last: Bounded  # (B, H)  c where the sequence ends, as it is returned


Q = TypeVar("Q", bound=Bounded | Product | Written)


def take_step(t: int, q: Q) -> Q:
    return type(q)(*[a[t] for a in q])


def stack_steps(steps: list[Bounded] | tuple[Bounded, ...]) -> Bounded:
    return Bounded(*(np.array(column) for column in zip(*steps, strict=True)))
