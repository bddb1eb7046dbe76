"""Known faults: gate order, weights and bias."""

from dataclasses import replace
from functools import partial
from itertools import permutations

import autograd.numpy as anp

from conformance.faults.cell_parts import Parts, Weights
from conformance.faults.fault import Fault as Fault
from conformance.faults.plain.catalogue import add, change_each, forward, swap_gates
from conformance.faults.primitives import GATES

ORDERS = {
    "figo": ("swaps_input_and_forget_gates", "CrispStrobe/CrispASR#106"),
    "ogfi": ("swaps_in_two_pairs", ""),
    "iogf": ("swaps_forget_and_output_gates", "apple/coremltools#93"),
    "iofg": ("reads_iofg_as_ifgo", "onnx: order iofg"),
    "igfo": ("reads_igfo_as_ifgo", "TensorFlow 1: order igfo"),
    "ifog": ("swaps_candidate_and_output_gate", "Core ML: order ifog"),
}


def _reads_order(order: str, parts: Parts) -> Parts:
    return replace(parts, weights=lambda w: Weights(*(swap_gates(d, order) for d in w)))


def _register_orders() -> None:
    for order in map("".join, permutations("ifgo")):
        name, source = ORDERS.get(order, (f"reads_gates_in_order_{order}", "NX-AI/xlstm#98"))
        if order != "ifgo":
            sentence = f"The weights of {', '.join(order)} are used for i, f, g, o."
            add(Fault(name, "gate order", "CELL-1", sentence, source, "forward", partial(_reads_order, order)))


_register_orders()


# ---------------------------------------------------------------- weights


@forward("weights", "CELL-1", "common where U is stored units first")
def transposes_the_recurrent_weights(parts: Parts) -> Parts:
    """U is used transposed, in every gate."""
    return replace(parts, weights=lambda w: w._replace(U=change_each(anp.transpose, w.U)))


def _register_transposed() -> None:
    for letter in GATES:
        name = f"transposes_the_recurrent_weights_of_{letter}"
        sentence, clause = f"U_{letter} alone is used transposed.", f"CELL-{GATES.index(letter) + 1}"
        add(Fault(name, "weights", clause, sentence, "", "forward", partial(_transposed, letter)))


def _transposed(letter: str, parts: Parts) -> Parts:
    return replace(parts, weights=lambda w: w._replace(U={**w.U, letter: w.U[letter].T}))


_register_transposed()


@forward("weights", "CELL-1")
def transposes_the_input_weights_where_they_are_square(parts: Parts) -> Parts:
    """W is used transposed where I = H, where nothing else would notice."""
    return replace(
        parts, weights=lambda w: w._replace(W=change_each(lambda a: a.T if a.shape[0] == a.shape[1] else a, w.W))
    )


@forward("weights", "CELL-1")
def uses_one_recurrent_matrix_for_all_gates(parts: Parts) -> Parts:
    """U_i is used in every gate."""
    return replace(parts, weights=lambda w: w._replace(U=swap_gates(w.U, "iiii")))


@forward("weights", "CELL-2")
def uses_the_input_gates_weights_for_the_forget_gate(parts: Parts) -> Parts:
    """W_i is used in place of W_f."""
    return replace(parts, weights=lambda w: w._replace(W=swap_gates(w.W, "iigo")))


@forward("weights", "CELL-4")
def ignores_the_last_input(parts: Parts) -> Parts:
    """The loop over inputs ends one too early."""
    return replace(parts, inputs=lambda x: anp.concatenate([x[..., :-1], x[..., -1:] * 0], axis=2))


# ---------------------------------------------------------------- bias


@forward("bias", "CELL-1", "intel/torch-xpu-ops#3770")
def drops_the_bias(parts: Parts) -> Parts:
    """The biases are taken as zero."""
    return replace(parts, weights=lambda w: w._replace(b=change_each(lambda a: a * 0, w.b)))


@forward("bias", "CELL-1", "ddbourgin/numpy-ml#42")
def drops_the_recurrent_bias(parts: Parts) -> Parts:
    """Of two biases that are half of ours each, one is used."""
    return replace(parts, weights=lambda w: w._replace(b=change_each(lambda a: a / 2, w.b)))


@forward("bias", "CELL-1", "ddbourgin/numpy-ml#42")
def adds_the_bias_twice(parts: Parts) -> Parts:
    """The bias is added with the input and with the hidden state."""
    return replace(parts, weights=lambda w: w._replace(b=change_each(lambda a: a * 2, w.b)))


@forward("bias", "CELL-2")
def uses_the_input_gates_bias_for_the_forget_gate(parts: Parts) -> Parts:
    """b_i is used in place of b_f."""
    return replace(parts, weights=lambda w: w._replace(b=swap_gates(w.b, "iigo")))


@forward("bias", "CELL-4")
def drops_the_bias_of_the_output_gate(parts: Parts) -> Parts:
    """b_o is taken as zero."""
    return replace(parts, weights=lambda w: w._replace(b={**w.b, "o": w.b["o"] * 0}))


@forward("bias", "CELL-2", "TensorFlow 1, Haiku: forget bias added at run time")
def adds_one_to_the_forget_bias(parts: Parts) -> Parts:
    """1 is added to the forget gate's pre-activation on every call."""
    return replace(parts, weights=lambda w: w._replace(b={**w.b, "f": w.b["f"] + 1}))
