"""Known faults: peepholes."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults.networks.registering import forward, gradient
from conformance.faults.parts import RIGHT_PARTS, Parts, Reader, Seen
from conformance.faults.primitives import Value, make_zeros, replace_gradient, sigmoid, stop_gradient

Peeping = Callable[[Reader, str, dict[str, Value], Seen], Value | None]


def peep_by(change: Callable[[str, Value, Seen], Value | None]) -> Peeping:
    """Peepholes through which a gate, named by its letter, receives what the change makes of p and the cell states."""
    return lambda r, gate, p, seen: change(gate, p[gate], seen) if gate in p else None


def cell_for(gate: str, seen: Seen) -> Value:
    """The cell state that it should see."""
    return seen.new if gate == "o" else seen.old


@forward("peepholes", "VAR-2", "WebNN: the peephole of the output gate")
def shows_the_old_cell_state_to_the_output_gate(parts: Parts) -> Parts:
    """All gates see c_{t-1}."""
    return replace(parts, peephole=peep_by(lambda gate, p, seen: p * seen.old))


@forward("peepholes", "VAR-2")
def leaves_the_output_gate_without_a_peephole(parts: Parts) -> Parts:
    """The output gate does not see the cell state."""
    return replace(parts, peephole=peep_by(lambda gate, p, seen: None if gate == "o" else p * seen.old))


@forward("peepholes", "VAR-1")
def ignores_the_peepholes(parts: Parts) -> Parts:
    """No gate sees the cell state."""
    return replace(parts, peephole=lambda r, gate, p, seen: None)


@forward("peepholes", "VAR-1")
def ignores_the_peepholes_above_the_first_layer(parts: Parts) -> Parts:
    """No gate of the layers above sees the cell state."""
    return replace(parts, peephole=lambda r, gate, p, seen: None if r.layer else parts.peephole(r, gate, p, seen))


@forward("peepholes", "VAR-1")
def swaps_the_peepholes_of_input_and_forget_gate(parts: Parts) -> Parts:
    """p_f is used for the input gate, p_i for the forget gate."""
    return replace(parts, peephole=read_peepholes_as("fio"))


def read_peepholes_as(order: str) -> Peeping:
    """The peepholes of these gates, used for i, f and o."""
    of = dict(zip("ifo", order, strict=True))
    return lambda r, gate, p, seen: p[of[gate]] * cell_for(gate, seen) if of.get(gate) in p else None


@forward("peepholes", "VAR-1")
def shows_the_hidden_state_to_the_gates(parts: Parts) -> Parts:
    """The peepholes see h_{t-1}, where it is as wide as the cell state."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        return p * (seen.h if seen.h.shape == seen.old.shape else cell_for(gate, seen))

    return replace(parts, peephole=peep_by(change))


@forward("peepholes", "VAR-1")
def shows_the_squashed_cell_state_to_the_gates(parts: Parts) -> Parts:
    """The peepholes see tanh(c)."""
    return replace(parts, peephole=peep_by(lambda gate, p, seen: p * anp.tanh(cell_for(gate, seen))))


@forward("peepholes", "VAR-1", "peepholes that are a matrix")
def shows_all_cells_to_every_unit(parts: Parts) -> Parts:
    """A gate sees the sum of p c over all cells."""
    change = peep_by(lambda gate, p, seen: anp.sum(p * cell_for(gate, seen), axis=1, keepdims=True))
    return replace(parts, peephole=change)


@forward("peepholes", "VAR-1")
def shows_the_cell_state_to_the_candidate_too(parts: Parts) -> Parts:
    """The candidate has the input gate's peephole."""

    def peephole(r: Reader, gate: str, p: dict[str, Value], seen: Seen) -> Value | None:
        return parts.peephole(r, gate, {**p, "g": p["i"]} if p else p, seen)

    def candidate(r: Reader, z: Value, received: Value | None) -> Value:
        return parts.candidate(r, z if received is None else z + received, None)

    return replace(parts, peephole=peephole, candidate=candidate)


@forward("peepholes", "VAR-2", "Lasagne/Lasagne#448", part="open_gate")
def adds_the_output_peephole_after_the_sigmoid(r: Reader, gate: str, z: Value, received: Value | None) -> Value:
    """o = σ(z_o) + p_o c_t."""
    late = gate == "o" and received is not None
    return sigmoid(z) + received if late else RIGHT_PARTS.open_gate(r, gate, z, received)


@forward("peepholes", "VAR-2")
def shows_the_unbounded_cell_state_to_the_output_gate(parts: Parts) -> Parts:
    """The output gate sees the cell state as it was before it was bounded."""
    return replace(parts, peephole=peep_by(lambda gate, p, seen: p * (seen.raw if gate == "o" else seen.old)))


@gradient("peepholes", "VAR-1")
def leaves_the_peepholes_out_of_the_cell_gradient(parts: Parts) -> Parts:
    """No gradient goes through the peepholes into the cell state."""
    return replace(parts, peephole=peep_by(lambda gate, p, seen: p * stop_gradient(cell_for(gate, seen))))


@gradient("peepholes", "VAR-1")
def leaves_out_the_gradient_of_the_peepholes(parts: Parts) -> Parts:
    """The gradient dp is zero."""
    return replace(parts, peephole=peep_by(lambda gate, p, seen: stop_gradient(p) * cell_for(gate, seen)))


@gradient("peepholes", "VAR-2")
def takes_the_gradient_of_the_output_peephole_from_the_old_cell_state(parts: Parts) -> Parts:
    """dp_o = Σ dz_o c_{t-1}."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        if gate != "o":
            return p * seen.old
        return stop_gradient(p) * seen.new + replace_gradient(make_zeros(seen.new), p * stop_gradient(seen.old))

    return replace(parts, peephole=peep_by(change))


@gradient("peepholes", "VAR-1", "tensorflow/tensorflow#34171")
def lays_the_peepholes_along_the_batch_in_the_gradient(parts: Parts) -> Parts:
    """In dc_{t-1} the peepholes of i and f are broadcast along the wrong axis."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        c = cell_for(gate, seen)
        if gate == "o":
            return p * c
        B, H = c.shape
        along = np.repeat(stop_gradient(p), B).reshape(B, H)
        return p * stop_gradient(c) + replace_gradient(make_zeros(c), along * c)

    return replace(parts, peephole=peep_by(change))
