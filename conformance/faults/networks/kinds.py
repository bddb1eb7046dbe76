"""Known faults: coupled gates, no forget gate, the cell of 1997."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp

from conformance.faults.networks.registering import forward, gradient
from conformance.faults.parts import Gates, Parts, Reader, fill_gates, squash_candidate, squash_cell, update_cell
from conformance.faults.primitives import Value, replace_gradient, sigmoid, stop_gradient


def couple_by(change: Callable[[Value, Value], tuple[Value, Value]]) -> Callable[[Reader, Gates, Gates], Gates]:
    """The input and the forget gate of a coupled cell, made of the gate there is and of its pre-activation."""

    def fill(r: Reader, gates: Gates, z: Gates) -> Gates:
        if r.kind.keeps != "1 - i":
            return fill_gates(r, gates, z)
        i, f = change(gates["i"], z["i"])
        return {**gates, "i": i, "f": f}

    return fill


@forward("coupled gates", "VAR-3")
def takes_the_input_gate_for_what_the_forget_gate_leaves(parts: Parts) -> Parts:
    """The one gate there is forgets, and i = 1 - f."""
    return replace(parts, fill=couple_by(lambda i, z: (1 - i, i)))


@forward("coupled gates", "VAR-3")
def forgets_nothing_where_the_gates_are_coupled(parts: Parts) -> Parts:
    """The forget gate is f = 1."""
    return replace(parts, fill=couple_by(lambda i, z: (i, 0 * i + 1)))


@forward("coupled gates", "VAR-3")
def lets_the_forget_gate_equal_the_input_gate(parts: Parts) -> Parts:
    """The forget gate is f = i."""
    return replace(parts, fill=couple_by(lambda i, z: (i, i)))


@forward("coupled gates", "VAR-3", "a forget bias added at run time")
def adds_one_to_the_coupled_forget_gate(parts: Parts) -> Parts:
    """f = σ(1 - z_i)."""
    return replace(parts, fill=couple_by(lambda i, z: (i, sigmoid(1 - z))))


@gradient("coupled gates", "VAR-3")
def lets_no_gradient_through_the_coupled_forget_gate(parts: Parts) -> Parts:
    """f = 1 - i is taken for a constant."""
    return replace(parts, fill=couple_by(lambda i, z: (i, 1 - stop_gradient(i))))


@gradient("coupled gates", "VAR-3")
def takes_the_gradient_of_the_coupled_forget_gate_with_the_wrong_sign(parts: Parts) -> Parts:
    """df = di instead of -di."""
    return replace(parts, fill=couple_by(lambda i, z: (i, replace_gradient(1 - i, i))))


# ---------------------------------------------------------------- without a forget gate


def forget_by(kind: str, change: Callable[[Gates], Value]) -> Callable[[Reader, Gates, Gates], Gates]:
    """The gates, with a forget gate for that kind, which has none."""

    def fill(r: Reader, gates: Gates, z: Gates) -> Gates:
        gates = fill_gates(r, gates, z)
        return {**gates, "f": change(gates)} if r.kind.name == kind else gates

    return fill


@forward("no forget gate", "VAR-7")
def forgets_one_in_a_thousand(parts: Parts) -> Parts:
    """c_t = 0.999 c_{t-1} + i g."""
    return replace(parts, fill=forget_by("no forget gate", lambda gates: 0.999))


@forward("no forget gate", "VAR-7", "a forget gate with zero weights")
def forgets_half_without_a_forget_gate(parts: Parts) -> Parts:
    """The forget gate is f = σ(0)."""
    return replace(parts, fill=forget_by("no forget gate", lambda gates: 0.5))


@forward("no forget gate", "VAR-7")
def keeps_nothing_without_a_forget_gate(parts: Parts) -> Parts:
    """c_t = i g."""
    return replace(parts, fill=forget_by("no forget gate", lambda gates: 0))


@forward("no forget gate", "VAR-7")
def couples_the_gates_without_a_forget_gate(parts: Parts) -> Parts:
    """The forget gate is f = 1 - i."""
    return replace(parts, fill=forget_by("no forget gate", lambda gates: 1 - gates["i"]))


@forward("no forget gate", "VAR-7")
def forgets_by_the_output_gate(parts: Parts) -> Parts:
    """The forget gate is f = o."""
    return replace(parts, fill=forget_by("no forget gate", lambda gates: gates["o"]))


@gradient("no forget gate", "VAR-7", part="cell")
def lets_the_gradient_decay_without_a_forget_gate(r: Reader, gates: Gates, c: Value) -> Value:
    """Along the cell state dc_{t-1} = 0.999 dc_t."""
    return update_cell(r, gates, replace_gradient(c, 0.999 * c) if r.kind.name == "no forget gate" else c)


# ---------------------------------------------------------------- 1997


def squash_1997_by(change: Callable[[Value], Value]) -> Callable[[Reader, Value], Value]:
    """A changed squashing of the cell state, for the cell of 1997 only."""
    return lambda r, c: change(c) if r.kind.name == "1997 simplified" else squash_cell(r, c)


def candidate_1997_by(change: Callable[[Value], Value]) -> Callable[..., Value]:
    return lambda r, z, received: change(z) if r.kind.name == "1997 simplified" else squash_candidate(r, z, received)


@forward("1997", "VAR-8", "MartinuzziFrancesco/torchrecurrent: OriginalLSTMCell")
def squashes_as_today(parts: Parts) -> Parts:
    """g = tanh(z), h = o tanh(c)."""
    return replace(parts, candidate=candidate_1997_by(anp.tanh), squash=squash_1997_by(anp.tanh))


@forward("1997", "VAR-8")
def squashes_the_cell_state_as_today(parts: Parts) -> Parts:
    """h = o tanh(c)."""
    return replace(parts, squash=squash_1997_by(anp.tanh))


@forward("1997", "VAR-8")
def squashes_the_candidate_as_today(parts: Parts) -> Parts:
    """The candidate is g = tanh(z)."""
    return replace(parts, candidate=candidate_1997_by(anp.tanh))


@forward("1997", "VAR-8")
def forgets_the_factor_2_of_the_candidate(parts: Parts) -> Parts:
    """The candidate is g = tanh(z/2)."""
    return replace(parts, candidate=candidate_1997_by(lambda z: anp.tanh(z / 2)))


@forward("1997", "VAR-8")
def doubles_todays_candidate(parts: Parts) -> Parts:
    """g = 2 tanh(z)."""
    return replace(parts, candidate=candidate_1997_by(lambda z: 2 * anp.tanh(z)))


@forward("1997", "VAR-8")
def does_not_centre_the_candidate(parts: Parts) -> Parts:
    """g = 4σ(z), without the - 2."""
    return replace(parts, candidate=candidate_1997_by(lambda z: 4 * sigmoid(z)))


@forward("1997", "VAR-8")
def forgets_one_in_a_thousand_of_1997(parts: Parts) -> Parts:
    """c_t = 0.999 c_{t-1} + i g."""
    return replace(parts, fill=forget_by("1997 simplified", lambda gates: 0.999))


@gradient("1997", "VAR-8")
def takes_the_slope_of_todays_squashing(parts: Parts) -> Parts:
    """dh/dc = o (1 - y²), without the half."""
    return replace(parts, squash=squash_1997_by(lambda c: replace_gradient(anp.tanh(c / 2), 2 * anp.tanh(c / 2))))


@gradient("1997", "VAR-8", "the truncated gradient of 1997")
def cuts_the_gradient_off_at_the_gates(parts: Parts) -> Parts:
    """No gradient goes back through h: only along the cell state."""
    return replace(parts, feed=lambda r, h, shown: stop_gradient(h) if r.kind.name == "1997 simplified" else h)
