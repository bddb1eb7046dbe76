"""Known faults: gate order, weights and bias."""

from dataclasses import replace
from functools import partial
from itertools import permutations

import autograd.numpy as anp

from conformance.faults.fault import Fault, add_fault, replace_part
from conformance.faults.parts import Parts
from conformance.faults.plain.registering import change_arrays, change_layers, forward, reorder_gates, take_arrays
from conformance.faults.primitives import Value
from lstm_spec.types import GATES

ORDERS = {
    "figo": ("swaps_input_and_forget_gates", "CrispStrobe/CrispASR#106"),
    "ogfi": ("swaps_in_two_pairs", ""),
    "iogf": ("swaps_forget_and_output_gates", "apple/coremltools#93"),
    "iofg": ("reads_iofg_as_ifgo", "onnx: order iofg"),
    "igfo": ("reads_igfo_as_ifgo", "TensorFlow 1: order igfo"),
    "ifog": ("swaps_candidate_and_output_gate", "Core ML: order ifog"),
}


for order in list(map("".join, permutations("ifgo")))[1:]:  # the first is ifgo itself
    name, source = ORDERS.get(order, (f"reads_gates_in_order_{order}", "NX-AI/xlstm#98"))
    sentence = f"The weights of {', '.join(order)} are used for i, f, g, o."
    change = partial(replace_part, "weights", change_layers(partial(reorder_gates, order)))
    add_fault(Fault(name, "gate order", "CELL-1", sentence, source, "forward", change))


# ---------------------------------------------------------------- weights


def _transpose_square(a: Value) -> Value:
    return anp.transpose(a) if a.shape[0] == a.shape[1] else a


@forward("weights", "CELL-1", "common where U is stored units first")
def transposes_the_recurrent_weights(parts: Parts) -> Parts:
    """U is used transposed, in every gate."""
    return replace(parts, weights=change_arrays(GATES, "U", _transpose_square))


for number, letter in enumerate(GATES, 1):
    name, sentence = f"transposes_the_recurrent_weights_of_{letter}", f"Only U_{letter} is used transposed."
    change = partial(replace_part, "weights", change_arrays(letter, "U", _transpose_square))
    add_fault(Fault(name, "weights", f"CELL-{number}", sentence, "", "forward", change))


@forward("weights", "CELL-1")
def transposes_the_input_weights_where_they_are_square(parts: Parts) -> Parts:
    """W is used transposed if I = H, so that no shape shows it."""
    return replace(parts, weights=change_arrays(GATES, "W", _transpose_square))


@forward("weights", "CELL-1")
def uses_one_recurrent_matrix_for_all_gates(parts: Parts) -> Parts:
    """U_i is used in every gate."""
    return replace(parts, weights=take_arrays("U", dict.fromkeys(GATES, "i")))


@forward("weights", "CELL-2")
def uses_the_input_gates_weights_for_the_forget_gate(parts: Parts) -> Parts:
    """W_i is used instead of W_f."""
    return replace(parts, weights=take_arrays("W", {"f": "i"}))


@forward("weights", "CELL-4")
def ignores_the_last_input(parts: Parts) -> Parts:
    """The loop over the inputs leaves out the last one."""
    return replace(parts, inputs=lambda r, x: anp.concatenate([x[..., :-1], x[..., -1:] * 0], axis=2))


# ---------------------------------------------------------------- bias


@forward("bias", "CELL-1", "intel/torch-xpu-ops#3770")
def drops_the_bias(parts: Parts) -> Parts:
    """The biases are taken as zero."""
    return replace(parts, weights=change_arrays(GATES, "b", lambda b: b * 0))


@forward("bias", "CELL-1", "ddbourgin/numpy-ml#42")
def drops_the_recurrent_bias(parts: Parts) -> Parts:
    """Only one of two biases is used, each half of ours."""
    return replace(parts, weights=change_arrays(GATES, "b", lambda b: b / 2))


@forward("bias", "CELL-1", "ddbourgin/numpy-ml#42")
def adds_the_bias_twice(parts: Parts) -> Parts:
    """The bias is added with the input and with the hidden state."""
    return replace(parts, weights=change_arrays(GATES, "b", lambda b: b * 2))


@forward("bias", "CELL-2")
def uses_the_input_gates_bias_for_the_forget_gate(parts: Parts) -> Parts:
    """b_i is used instead of b_f."""
    return replace(parts, weights=take_arrays("b", {"f": "i"}))


@forward("bias", "CELL-4")
def drops_the_bias_of_the_output_gate(parts: Parts) -> Parts:
    """b_o is taken as zero."""
    return replace(parts, weights=change_arrays("o", "b", lambda b: b * 0))


@forward("bias", "CELL-2", "TensorFlow 1, Haiku: forget bias added at run time")
def adds_one_to_the_forget_bias(parts: Parts) -> Parts:
    """1 is added to the forget gate's pre-activation on every call."""
    return replace(parts, weights=change_arrays("f", "b", lambda b: b + 1))
