"""Where everything lies in a network that was made wider so that its inside can be seen."""

from dataclasses import dataclass

import numpy as np

from conformance.arrays import limits
from conformance.outcome import Inconclusive, NotClaimed
from lstm_spec import KINDS, Backend, Problem, Shapes

OPEN = 1000.0  # σ(1000) = 1 and σ(-1000) = 0 in every format
LARGEST = 2**28  # weights of a network that is wider
DIGITS = 64  # of the widest format in which an implementation may compute: the extended one of x87
# units of these kinds pass a number on, whatever they hold
PASSED_ON = tuple(
    name for name, kind in KINDS.items() if kind.keeps != "1" and kind.stretch == 1 and not kind.is_configured
)


@dataclass(frozen=True)
class Plan:
    """Where everything is in the wider network."""

    original: Problem
    probes: bool  # whether there are probes, too
    gates: str
    extra: int  # units that each layer has more
    inputs: int  # that there are in all
    k: int  # copies are scaled by 2^-k

    @property
    def L(self) -> int:
        return len(self.original.parameters)

    @property
    def D(self) -> int:
        return len(self.original.directions)

    @property
    def H(self) -> int:
        return self.original.sizes[3]

    @property
    def rows(self) -> int:
        """How many gate rows a layer has in one direction."""
        return len(self.gates) * self.H

    @property
    def width(self) -> int:
        """Of the hidden state, in one direction."""
        return self.original.P + self.extra

    def copies(self, of: int) -> slice:
        """Where any layer above that one has the copies of its outputs, among the outputs of one direction."""
        P = self.original.P
        return slice(P + of * P, P + (of + 1) * P)

    def passing(self, layer: int, to: int) -> slice:
        """Where a layer has the pass units for the probes of a layer above it."""
        first = self.original.P * (1 + layer) + (to - layer - 1) * self.rows
        return slice(first, first + self.rows)

    def columns(self, layer: int, d: int) -> slice:
        """The inputs that are the probes of a layer in one direction."""
        first = self.original.sizes[2] + (layer * self.D + d) * self.rows
        return slice(first, first + self.rows)


def plan_for(backend: Backend, problem: Problem, probes: bool) -> Plan:
    """The plan of a wider network. Raises NotClaimed or Inconclusive if the backend's shapes leave no room."""
    P, (_, _, I, H), L = problem.P, problem.sizes, len(problem.parameters)
    gates = "".join(problem.layer.gates)
    rows = len(gates) * H if probes else 0
    extra = max(layer * P + (L - 1 - layer) * rows for layer in range(L))
    shapes: Shapes = backend.description.shapes
    H_wide = fit_size("H", H + extra, shapes.H, H) if extra else H
    inputs = fit_size("I", I + L * len(problem.directions) * rows, shapes.I, I) if rows else I
    D, width = len(problem.directions), P + H_wide - H
    weights = D * len(gates) * H_wide * (inputs + L * width + (L - 1) * D * width)
    if weights > LARGEST:
        raise Inconclusive(
            f"to look inside at H = {H} takes H = {H_wide}, {weights:,} weights; at most {LARGEST:,} are"
        )
    return Plan(problem, probes, gates, H_wide - H, inputs, scale_bits(problem))


def fit_size(letter: str, wanted: int, allowed: range, own: int) -> int:
    """The smallest size that the shapes allow and that is large enough to look into a problem of its own size."""
    size = allowed.start + allowed.step * max(0, -(-(wanted - allowed.start) // allowed.step))
    if size not in allowed:
        outside = NotClaimed if len(allowed) == 1 else Inconclusive
        raise outside(f"its shapes leave no room to look inside at {letter} = {own}, which takes {letter} = {wanted}")
    return size


def scale_bits(problem: Problem) -> int:
    """k, so that tanh(2^-k h) = 2^-k h to the last bit for every h of a layer, even a wider one.

    If a wider h were changed on its way, it could be rounded to another number than the h that is returned. With 16
    bits there is no room for so small a scale; `widening` allows for such a change.
    """
    R = [
        float(np.abs(p.R.astype(np.float64)).sum(axis=1).max())
        for row in problem.parameters
        for p in row
        if p.R is not None
    ]
    largest = max(1.0, *R, float(np.abs(problem.state.h.astype(np.float64)).max(initial=0)))
    digits = DIGITS if problem.dtype.itemsize > 2 else 1 - int(np.log2(limits(problem.dtype).eps))
    return digits // 2 + 2 + int(np.ceil(np.log2(largest)))
