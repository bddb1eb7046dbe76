"""Known faults: coupled gates, no forget gate, the cell of 1997."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp

from conformance.faults import network_parts
from conformance.faults.network_parts import Network, Reader
from conformance.faults.networks.catalogue import forward, gradient
from conformance.faults.primitives import Value, graded, sigmoid, stop


@forward("coupled gates", "VAR-3")
def takes_the_input_gate_for_what_the_forget_gate_leaves(parts: Network) -> Network:
    """The one gate there is forgets, and i = 1 - f."""
    return replace(parts, coupled=lambda r, i, z: (1 - i, i))


@forward("coupled gates", "VAR-3")
def forgets_nothing_where_the_gates_are_coupled(parts: Network) -> Network:
    """f = 1."""
    return replace(parts, coupled=lambda r, i, z: (i, 0 * i + 1))


@forward("coupled gates", "VAR-3")
def lets_the_forget_gate_equal_the_input_gate(parts: Network) -> Network:
    """f = i."""
    return replace(parts, coupled=lambda r, i, z: (i, i))


@forward("coupled gates", "VAR-3", "a forget bias added at run time")
def adds_one_to_the_coupled_forget_gate(parts: Network) -> Network:
    """f = σ(1 - z_i)."""
    return replace(parts, coupled=lambda r, i, z: (i, sigmoid(1 - z)))


@gradient("coupled gates", "VAR-3")
def lets_no_gradient_through_the_coupled_forget_gate(parts: Network) -> Network:
    """f = 1 - i is taken for a constant."""
    return replace(parts, coupled=lambda r, i, z: (i, 1 - stop(i)))


@gradient("coupled gates", "VAR-3")
def takes_the_gradient_of_the_coupled_forget_gate_with_the_wrong_sign(parts: Network) -> Network:
    """df = di in place of -di."""
    return replace(parts, coupled=lambda r, i, z: (i, graded(1 - i, i)))


# ---------------------------------------------------------------- without a forget gate


def keeping(kind: str, change: Callable[[Value, dict[str, Value]], Value]) -> Callable[..., Value]:
    """What is kept of the cell state by a kind without a forget gate, of it and of the gates."""
    return lambda r, c, gates: change(c, gates) if r.kind == kind else c


@forward("no forget gate", "VAR-7")
def forgets_one_in_a_thousand(parts: Network) -> Network:
    """c_t = 0.999 c_{t-1} + i g."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: 0.999 * c))


@forward("no forget gate", "VAR-7", "a forget gate with zero weights")
def forgets_half_without_a_forget_gate(parts: Network) -> Network:
    """f = σ(0)."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: 0.5 * c))


@forward("no forget gate", "VAR-7")
def keeps_nothing_without_a_forget_gate(parts: Network) -> Network:
    """c_t = i g."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: 0 * c))


@forward("no forget gate", "VAR-7")
def couples_the_gates_without_a_forget_gate(parts: Network) -> Network:
    """f = 1 - i."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: (1 - gates["i"]) * c))


@forward("no forget gate", "VAR-7")
def forgets_by_the_output_gate(parts: Network) -> Network:
    """f = o."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: gates["o"] * c))


@gradient("no forget gate", "VAR-7")
def lets_the_gradient_decay_without_a_forget_gate(parts: Network) -> Network:
    """Along the cell state dc_{t-1} = 0.999 dc_t."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: graded(c, 0.999 * c)))


# ---------------------------------------------------------------- 1997


def squashing_1997(change: Callable[[Value], Value]) -> Callable[[Reader, Value], Value]:
    """Of the cell state of 1997."""
    return lambda r, c: change(c) if r.kind == "1997 simplified" else network_parts.squash(r, c)


def candidate_1997(change: Callable[[Value], Value]) -> Callable[..., Value]:
    return lambda r, z, received: change(z) if r.kind == "1997 simplified" else network_parts.candidate(r, z, received)


@forward("1997", "VAR-8", "MartinuzziFrancesco/torchrecurrent: OriginalLSTMCell")
def squashes_as_today(parts: Network) -> Network:
    """g = tanh(z), h = o tanh(c)."""
    return replace(parts, candidate=candidate_1997(anp.tanh), squash=squashing_1997(anp.tanh))


@forward("1997", "VAR-8")
def squashes_the_cell_state_as_today(parts: Network) -> Network:
    """h = o tanh(c)."""
    return replace(parts, squash=squashing_1997(anp.tanh))


@forward("1997", "VAR-8")
def squashes_the_candidate_as_today(parts: Network) -> Network:
    """g = tanh(z)."""
    return replace(parts, candidate=candidate_1997(anp.tanh))


@forward("1997", "VAR-8")
def forgets_the_factor_2_of_the_candidate(parts: Network) -> Network:
    """g = tanh(z/2)."""
    return replace(parts, candidate=candidate_1997(lambda z: anp.tanh(z / 2)))


@forward("1997", "VAR-8")
def doubles_todays_candidate(parts: Network) -> Network:
    """g = 2 tanh(z)."""
    return replace(parts, candidate=candidate_1997(lambda z: 2 * anp.tanh(z)))


@forward("1997", "VAR-8")
def does_not_centre_the_candidate(parts: Network) -> Network:
    """g = 4σ(z), without the - 2."""
    return replace(parts, candidate=candidate_1997(lambda z: 4 * sigmoid(z)))


@forward("1997", "VAR-8")
def forgets_one_in_a_thousand_of_1997(parts: Network) -> Network:
    """c_t = 0.999 c_{t-1} + i g."""
    return replace(parts, kept=keeping("1997 simplified", lambda c, gates: 0.999 * c))


@gradient("1997", "VAR-8")
def takes_the_slope_of_todays_squashing(parts: Network) -> Network:
    """dh/dc = o (1 - y²), without the half."""
    return replace(parts, squash=squashing_1997(lambda c: graded(anp.tanh(c / 2), 2 * anp.tanh(c / 2))))


@gradient("1997", "VAR-8", "the truncated gradient of 1997")
def cuts_the_gradient_off_at_the_gates(parts: Network) -> Network:
    """No gradient goes back through h: only along the cell state."""
    return replace(parts, fed=lambda r, h, shown: stop(h) if r.kind == "1997 simplified" else h)
