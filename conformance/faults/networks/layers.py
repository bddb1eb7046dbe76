"""Known faults: layers."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval

from conformance.faults.networks.directions import return_rows, start_from_rows
from conformance.faults.networks.registering import forward, gradient, map_state
from conformance.faults.parts import Memory, Parts, Read, Reader, Rows, turn_steps
from conformance.faults.plain.registering import change_parameters, replace_gates
from conformance.faults.primitives import Value, make_zeros, round_to, select_where, stop_gradient
from lstm_spec import Cotangents, Gate, Gradients, Parameters, Problem, State


def pass_changed(change: Callable[[Value], Value]) -> Callable[..., Value]:
    """The changed outputs, for the layer above to read."""
    return lambda r, y, x, reads: change(y)


@forward("layers", "NET-3")
def passes_a_sequence_on_one_step_late(parts: Parts) -> Parts:
    """A layer reads at t what the one below returned at t - 1."""
    return replace(parts, pass_on=pass_changed(lambda y: anp.concatenate([0 * y[:1], y[:-1]])))


@forward("layers", "NET-3")
def squashes_between_the_layers(parts: Parts) -> Parts:
    """A layer reads tanh(y) of the one below."""
    return replace(parts, pass_on=pass_changed(anp.tanh))


@forward("layers", "NET-3")
def rounds_to_16_bits_between_the_layers(parts: Parts) -> Parts:
    """A layer reads what the one below returned, rounded to float16."""
    return replace(parts, pass_on=pass_changed(lambda y: round_to(y, np.float16)))


@forward("layers", "NET-3", "srvk/eesen#41")
def leaves_the_dropout_on_between_the_layers(parts: Parts) -> Parts:
    """Every second unit is not passed on, the others twofold."""
    return replace(
        parts, pass_on=pass_changed(lambda y: y * (2 * (np.arange(y.shape[-1]) % 2 == 0)).astype(getval(y).dtype))
    )


@forward("layers", "NET-3", "microsoft/nni#2842, pytorch/examples#167", part="pass_on")
def passes_the_cell_state_on(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
    """A layer reads the cell states of the one below, where they are as wide as its outputs."""
    _, B, _, H = r.problem.sizes
    if r.problem.P != H or not len(y):
        return y
    readers = [r._replace(d=d) for d in range(len(reads))]
    cells = [turn_steps(r, anp.array([s.c for s in one.states[1:]])) for r, one in zip(readers, reads, strict=True)]
    cells = [select_where((np.arange(len(y))[:, None] < r.lengths)[..., None], c, make_zeros(c)) for c in cells]
    return anp.concatenate(cells, axis=-1)


@forward("layers", "NET-3", "KimUyen/ConvLSTM-Pytorch#4", part="pass_on")
def lets_every_layer_read_the_input(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
    """Every layer reads x, cut or filled with zeros to its width."""
    missing = y.shape[-1] - x.shape[-1]
    filled = np.zeros((*x.shape[:2], max(missing, 0)), r.problem.dtype)
    return anp.concatenate([x[..., : y.shape[-1]], filled], axis=-1)


@forward("layers", "NET-3", "residual connections")
def adds_what_a_layer_read_to_what_it_passes_on(parts: Parts) -> Parts:
    """A layer reads y + x of the one below, where they are of one width."""
    return replace(parts, pass_on=lambda r, y, x, reads: y + x if y.shape == x.shape else y)


@forward("layers", "NET-3", part="pass_on")
def passes_only_the_forward_half_on(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
    """A layer reads zeros for the reverse direction of the one below."""
    P = r.problem.P
    return anp.concatenate([y[..., :P], 0 * y[..., P:]], axis=-1)


@forward("layers", "NET-3", part="pass_on")
def passes_reverse_before_forward_on(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
    """A layer reads the reverse direction of the one below first."""
    P = r.problem.P
    return anp.concatenate([y[..., P:], y[..., :P]], axis=-1) if len(reads) > 1 else y


@forward("layers", "NET-3", "TensorFlow 1: MultiRNNCell in bidirectional_dynamic_rnn", part="inputs")
def keeps_the_directions_apart(r: Reader, x: Value) -> Value:
    """Each direction reads only the outputs of its own direction in the layer below."""
    if not r.layer or len(r.problem.directions) == 1:
        return x
    mine = np.arange(x.shape[-1]) // r.problem.P == r.d
    return select_where(mine, x, make_zeros(x))


@forward("layers", "NET-3")
def returns_the_outputs_of_the_first_layer(parts: Parts) -> Parts:
    """y is that of the first layer."""
    return replace(parts, finish=lambda problem, ys, after: (ys[0], after))


@forward("layers", "NET-6", "an option that is accepted and not used")
def reads_the_first_layer_only(parts: Parts) -> Parts:
    """y is that of the first layer, and the layers above keep their initial states."""

    def final(r: Reader, states: list[Memory]) -> State:
        return State(*states[0][:2]) if r.layer else parts.final(r, states)

    return replace(parts, final=final, finish=lambda problem, ys, after: (ys[0], after))


@forward("layers", "NET-4", "OpenNMT/OpenNMT-py#61")
def orders_the_states_by_direction_first(parts: Parts) -> Parts:
    """A state stands at direction · L + layer."""
    return replace(parts, place=lambda r: r.d * len(r.problem.parameters) + r.layer)


@forward("layers", "NET-4", "pytorch/pytorch#95137")
def starts_the_layers_above_from_zeros(parts: Parts) -> Parts:
    """Only the first layer starts from the given state."""
    return replace(parts, start=lambda r, p, s, after: map_state(lambda a: a * 0, s) if r.layer else s)


@forward("layers", "NET-4")
def starts_all_layers_from_the_first_ones_state(parts: Parts) -> Parts:
    """Every layer starts from the state of the first."""
    return replace(parts, initial=start_from_rows(lambda L, D: [k % D for k in range(L * D)]))


@forward("layers", "NET-4", "salesforce/awd-lstm-lm#116")
def starts_a_layer_where_the_one_below_ended(parts: Parts) -> Parts:
    """A layer starts from the final state of the one below."""
    return replace(parts, start=lambda r, p, s, after: after[r.k - len(r.problem.directions)] if r.layer else s)


@forward("layers", "NET-4")
def returns_the_final_state_of_the_last_layer_for_all(parts: Parts) -> Parts:
    """Every layer's final state is that of the last."""
    return replace(parts, finish=return_rows(lambda L, D: [(L - 1) * D + k % D for k in range(L * D)]))


@forward("layers", "NET-4")
def returns_the_states_last_layer_first(parts: Parts) -> Parts:
    """The final states stand from the last layer to the first."""
    return replace(parts, finish=return_rows(lambda L, D: [(L - 1 - k // D) * D + k % D for k in range(L * D)]))


def change_each_layer(change: Callable[[Parameters, Rows, int, int], Parameters]) -> Callable[[Problem, Rows], Rows]:
    """The weights that the change makes of those of each layer and direction, of those of all, and of their numbers."""
    return lambda problem, rows: tuple(
        tuple(change(p, rows, layer, d) for d, p in enumerate(row)) for layer, row in enumerate(rows)
    )


def take_parts_of(p: Parameters, other: Parameters, names: str = "UbpR") -> Parameters:
    """The parameters p, with the arrays of these names taken from the other."""

    def take(k: str, gate: Gate) -> Gate:
        return gate._replace(**{name: getattr(other.gates[k], name) for name in names if name != "R"})

    return replace_gates(p, **{k: take(k, gate) for k, gate in p.gates.items()}, R=other.R if "R" in names else p.R)


@forward("layers", "NET-3")
def uses_the_first_layers_recurrent_weights_in_all(parts: Parts) -> Parts:
    """U is that of the first layer everywhere."""
    return replace(parts, weights=change_each_layer(lambda p, rows, layer, d: take_parts_of(p, rows[0][d], "U")))


@forward("layers", "NET-3")
def uses_the_second_layers_weights_in_all_above(parts: Parts) -> Parts:
    """The layers above the first, which are of one shape, share their weights."""
    return replace(parts, weights=change_each_layer(lambda p, rows, layer, d: rows[min(layer, 1)][d]))


def _drop_bias(p: Parameters) -> Parameters:
    return replace_gates(p, **{k: gate._replace(b=0 * gate.b) for k, gate in p.gates.items()})


@forward("layers", "NET-3")
def drops_the_bias_above_the_first_layer(parts: Parts) -> Parts:
    """The layers above have no bias."""
    return replace(parts, weights=change_each_layer(lambda p, rows, layer, d: _drop_bias(p) if layer else p))


@gradient("layers", "NET-5")
def cuts_the_gradient_off_between_the_layers(parts: Parts) -> Parts:
    """No gradient goes into the layer below."""
    return replace(parts, pass_on=pass_changed(stop_gradient))


@gradient("layers", "NET-5", part="cotangents")
def loses_the_cotangents_of_the_lower_final_states(problem: Problem, d: Cotangents) -> Cotangents:
    """dL/dh_T and dL/dc_T count for the last layer only."""
    lower = np.arange(len(d.state.h)) < len(d.state.h) - len(problem.directions)
    return replace(d, state=map_state(lambda a: np.where(lower[:, None, None], 0, a).astype(a.dtype), d.state))


@gradient("layers", "NET-5", part="gradients")
def returns_the_gradients_last_layer_first(problem: Problem, g: Gradients) -> Gradients:
    """dU and db of the layers stand in the order in which they were found."""
    change = change_each_layer(lambda p, rows, layer, d: take_parts_of(p, rows[-1 - layer][d]))
    return change_parameters(change)(problem, g)


@gradient("layers", "NET-4", part="gradients")
def orders_the_state_gradients_by_direction_first(problem: Problem, g: Gradients) -> Gradients:
    """dh_0 and dc_0 stand at direction · L + layer."""
    L, D = len(problem.parameters), len(problem.directions)
    where = [layer * D + d for d in range(D) for layer in range(L)]
    return replace(g, state=map_state(lambda a: a[where], g.state))
