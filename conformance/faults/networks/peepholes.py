"""Known faults: peepholes."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults import network_parts
from conformance.faults.network_parts import Network, Reader, Seen
from conformance.faults.networks.catalogue import forward, gradient, zeros
from conformance.faults.primitives import Value, graded, sigmoid, stop

Peeping = Callable[[Reader, str, dict[str, Value], Seen], Value | None]


def peeping(change: Callable[[str, Value, Seen], Value | None]) -> Peeping:
    """What a gate receives through its peephole p, told by its letter."""
    return lambda r, gate, p, seen: change(gate, p[gate], seen) if gate in p else None


def its_cell(gate: str, seen: Seen) -> Value:
    """The cell state that it should see."""
    return seen.new if gate == "o" else seen.old


@forward("peepholes", "VAR-2", "WebNN: the peephole of the output gate")
def shows_the_old_cell_state_to_the_output_gate(parts: Network) -> Network:
    """All gates see c_{t-1}."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: p * seen.old))


@forward("peepholes", "VAR-2")
def leaves_the_output_gate_without_a_peephole(parts: Network) -> Network:
    """The output gate does not see the cell state."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: None if gate == "o" else p * seen.old))


@forward("peepholes", "VAR-1")
def ignores_the_peepholes(parts: Network) -> Network:
    """No gate sees the cell state."""
    return replace(parts, peephole=lambda r, gate, p, seen: None)


@forward("peepholes", "VAR-1")
def ignores_the_peepholes_above_the_first_layer(parts: Network) -> Network:
    """No gate of the layers above sees the cell state."""
    return replace(
        parts, peephole=lambda r, gate, p, seen: None if r.layer else network_parts.peephole(r, gate, p, seen)
    )


@forward("peepholes", "VAR-1")
def swaps_the_peepholes_of_input_and_forget_gate(parts: Network) -> Network:
    """p_f is used for the input gate, p_i for the forget gate."""
    return replace(parts, peephole=reading_peepholes("fio"))


def reading_peepholes(order: str) -> Peeping:
    """The peepholes of these gates, used for i, f and o."""
    of = dict(zip("ifo", order, strict=True))
    return lambda r, gate, p, seen: p[of[gate]] * its_cell(gate, seen) if gate in p else None


@forward("peepholes", "VAR-1")
def shows_the_hidden_state_to_the_gates(parts: Network) -> Network:
    """The peepholes see h_{t-1}, where it is as wide as the cell state."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        return p * (seen.h if seen.h.shape == seen.old.shape else its_cell(gate, seen))

    return replace(parts, peephole=peeping(change))


@forward("peepholes", "VAR-1")
def shows_the_squashed_cell_state_to_the_gates(parts: Network) -> Network:
    """The peepholes see tanh(c)."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: p * anp.tanh(its_cell(gate, seen))))


@forward("peepholes", "VAR-1", "peepholes that are a matrix")
def shows_all_cells_to_every_unit(parts: Network) -> Network:
    """A gate sees the sum of p c over all cells."""
    return replace(
        parts,
        peephole=peeping(lambda gate, p, seen: anp.sum(p * its_cell(gate, seen), axis=1, keepdims=True)),
    )


@forward("peepholes", "VAR-1")
def shows_the_cell_state_to_the_candidate_too(parts: Network) -> Network:
    """The candidate has the input gate's peephole."""

    def peephole(r: Reader, gate: str, p: dict[str, Value], seen: Seen) -> Value | None:
        return network_parts.peephole(r, gate, {**p, "g": p["i"]} if p else p, seen)

    def candidate(r: Reader, z: Value, received: Value | None) -> Value:
        return network_parts.candidate(r, z if received is None else z + received, None)

    return replace(parts, peephole=peephole, candidate=candidate)


@forward("peepholes", "VAR-2", "Lasagne/Lasagne#448")
def adds_the_output_peephole_after_the_sigmoid(parts: Network) -> Network:
    """o = σ(z_o) + p_o c_t."""

    def opened(r: Reader, gate: str, z: Value, received: Value | None) -> Value:
        if gate != "o" or received is None:
            return network_parts.opened(r, gate, z, received)
        return sigmoid(z) + received

    return replace(parts, opened=opened)


@forward("peepholes", "VAR-2")
def shows_the_unbounded_cell_state_to_the_output_gate(parts: Network) -> Network:
    """The output gate sees the cell state as it was before it was bounded."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: p * (seen.raw if gate == "o" else seen.old)))


@gradient("peepholes", "VAR-1")
def leaves_the_peepholes_out_of_the_cell_gradient(parts: Network) -> Network:
    """No gradient goes through the peepholes into the cell state."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: p * stop(its_cell(gate, seen))))


@gradient("peepholes", "VAR-1")
def leaves_out_the_gradient_of_the_peepholes(parts: Network) -> Network:
    """dp is zero."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: stop(p) * its_cell(gate, seen)))


@gradient("peepholes", "VAR-2")
def takes_the_gradient_of_the_output_peephole_from_the_old_cell_state(parts: Network) -> Network:
    """dp_o = Σ dz_o c_{t-1}."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        if gate != "o":
            return p * seen.old
        return stop(p) * seen.new + graded(zeros(seen.new), p * stop(seen.old))

    return replace(parts, peephole=peeping(change))


@gradient("peepholes", "VAR-1", "tensorflow/tensorflow#34171")
def lays_the_peepholes_along_the_batch_in_the_gradient(parts: Network) -> Network:
    """In dc_{t-1} the peepholes of i and f are broadcast along the wrong axis."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        c = its_cell(gate, seen)
        if gate == "o":
            return p * c
        B, H = c.shape
        along = np.repeat(stop(p), B).reshape(B, H)
        return p * stop(c) + graded(zeros(c), along * c)

    return replace(parts, peephole=peeping(change))
