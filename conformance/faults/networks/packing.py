"""Known faults: how weights and states of networks are packed."""

from dataclasses import replace
from functools import partial
from itertools import permutations

import autograd.numpy as anp

from conformance.faults.fault import Fault, add_fault
from conformance.faults.networks.directions import interleave_halves
from conformance.faults.networks.layers import change_each_layer, take_parts_of
from conformance.faults.networks.peepholes import read_peepholes_as
from conformance.faults.networks.projection import is_square
from conformance.faults.networks.registering import forward
from conformance.faults.parts import RIGHT_PARTS, Parts, Reader, Rows, Shown
from conformance.faults.plain.registering import change_layers, reorder_gates
from conformance.faults.primitives import Value
from lstm_spec import Parameters, Problem, State


@forward("packing", "VAR-4", part="project")
def transposes_a_square_projection(r: Reader, shown: Shown) -> Value:
    """R is used transposed if P = H."""
    return anp.dot(shown.m, shown.R) if is_square(shown.R) else RIGHT_PARTS.project(r, shown)


@forward("packing", "VAR-1", "opencv/opencv#21078: ONNX has P in the order iof")
def reads_peepholes_iof_as_ifo(parts: Parts) -> Parts:
    """p_o is used for the forget gate, p_f for the output gate."""
    return replace(parts, peephole=read_peepholes_as("iof"))


@forward("packing", "NET-3")
def exchanges_the_weights_of_first_and_last_layer(parts: Parts) -> Parts:
    """U, b, peepholes and projection of the first layer are those of the last, and the other way round."""

    def change(p: Parameters, rows: Rows, layer: int, d: int) -> Parameters:
        other = {0: len(rows) - 1, len(rows) - 1: 0}.get(layer, layer)
        return take_parts_of(p, rows[other][d])

    return replace(parts, weights=change_each_layer(change))


@forward("packing", "NET-4")
def orders_the_weights_by_direction_first(parts: Parts) -> Parts:
    """U, b, peepholes and projection of all layers forward, then of all in reverse, are read layer by layer."""

    def change(p: Parameters, rows: Rows, layer: int, d: int) -> Parameters:
        k = layer * len(rows[0]) + d
        return take_parts_of(p, rows[k % len(rows)][k // len(rows)])

    return replace(parts, weights=change_each_layer(change))


@forward("packing", "NET-3")
def reads_the_weights_of_two_directions_unit_by_unit(parts: Parts) -> Parts:
    """The columns of an upper layer's W are taken to stand unit by unit, not direction by direction."""
    return replace(parts, inputs=lambda r, x: interleave_halves(x) if r.layer and len(r.problem.directions) > 1 else x)


@forward("packing", "NET-4", part="start")
def swaps_hidden_and_cell_state_above_the_first_layer(
    r: Reader, p: Parameters, s: State, after: dict[int, State]
) -> State:
    """If P = H, the layers above read h_0 as c_0 and c_0 as h_0."""
    return State(s.c, s.h) if r.layer and s.h.shape == s.c.shape else s


@forward("packing", "NET-4", "a state that is batch first", part="initial")
def swaps_layers_and_batch_of_the_state_where_they_are_equal(
    problem: Problem, h: Value, c: Value
) -> tuple[Value, Value]:
    """h_0 and c_0 are read (B, L D, ...) where L D = B."""
    return (anp.swapaxes(h, 0, 1), anp.swapaxes(c, 0, 1)) if h.shape[0] == h.shape[1] else (h, c)


def _read_three_gates(order: str, parts: Parts) -> Parts:
    return replace(parts, weights=change_layers(lambda p: p if p.f else reorder_gates(order, p)))


for order in list(map("".join, permutations("igo")))[1:]:  # the first is igo itself
    sentence = f"Where there is no forget gate, the weights of {', '.join(order)} are used for i, g, o."
    change, name = partial(_read_three_gates, order), f"reads_three_gates_in_order_{order}"
    add_fault(Fault(name, "packing", "VAR-3", sentence, "", "forward", change, networks=True))
