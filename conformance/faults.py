"""Known mistakes, one function each; every one must be caught. The list is a sample, not the goal.

A *forward* fault replaces parts of a right LSTM and carries its own, consistent gradient; a *gradient* fault has the
right forward; a *contract* fault wraps a right backend. Each is a target: lstm-conform run fault:NAME. Those of
lengths, directions, layers and variants stand in `network_faults`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp, primitive
from autograd.tracer import getval

from conformance.dtypes import limits
from conformance.fault import Fault as Fault
from conformance.fault import registering
from conformance.faulty import GATES, Parts, Value, Weights, rounded, sigmoid, stop
from conformance.network_faults import NETWORK_FAULTS
from lstm_spec import Answer, Backend, Cotangents, Feature, Gate, Gradients, Parameters, Problem, State

FAULTS: dict[str, Fault] = {}


def _add(fault: Fault) -> None:
    FAULTS[fault.name] = fault


_changing = registering(FAULTS, "change")
forward = partial(_changing, "forward")
gradient = partial(_changing, "gradient")  # the parts of the gradient pass alone; the forward pass is right
around = registering(FAULTS, "wrap")
contract = partial(around, "contract", "contract")


@primitive
def tf32(a: Value) -> Value:
    """Cut to the 10 fraction bits of TF32."""
    kept = (a.astype(np.float32).view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)
    return kept.view(np.float32).astype(a.dtype)


defvjp(tf32, lambda ans, a: lambda d: d)


def _swapped(d: dict[str, Value], order: str) -> dict[str, Value]:
    return {k: d[source] for k, source in zip(GATES, order, strict=True)}


def _each(change: Callable[[Value], Value], d: dict[str, Value]) -> dict[str, Value]:
    return {k: change(v) for k, v in d.items()}


# ---------------------------------------------------------------- gate order

ORDERS = {
    "figo": ("swaps_input_and_forget_gates", "CrispStrobe/CrispASR#106"),
    "ogfi": ("swaps_in_two_pairs", ""),
    "iogf": ("swaps_forget_and_output_gates", "apple/coremltools#93"),
    "iofg": ("reads_iofg_as_ifgo", "onnx: order iofg"),
    "igfo": ("reads_igfo_as_ifgo", "TensorFlow 1: order igfo"),
    "ifog": ("swaps_candidate_and_output_gate", "Core ML: order ifog"),
}


def _reads_order(order: str, parts: Parts) -> Parts:
    return replace(parts, weights=lambda w: Weights(*(_swapped(d, order) for d in w)))


def _register_orders() -> None:
    for order in map("".join, permutations("ifgo")):
        name, source = ORDERS.get(order, (f"reads_gates_in_order_{order}", "NX-AI/xlstm#98"))
        if order != "ifgo":
            sentence = f"The weights of {', '.join(order)} are used for i, f, g, o."
            _add(Fault(name, "gate order", "CELL-1", sentence, source, "forward", partial(_reads_order, order)))


_register_orders()


# ---------------------------------------------------------------- weights


@forward("weights", "CELL-1", "common where U is stored units first")
def transposes_the_recurrent_weights(parts: Parts) -> Parts:
    """U is used transposed, in every gate."""
    return replace(parts, weights=lambda w: w._replace(U=_each(anp.transpose, w.U)))


def _register_transposed() -> None:
    for letter in GATES:
        name = f"transposes_the_recurrent_weights_of_{letter}"
        sentence, clause = f"U_{letter} alone is used transposed.", f"CELL-{GATES.index(letter) + 1}"
        _add(Fault(name, "weights", clause, sentence, "", "forward", partial(_transposed, letter)))


def _transposed(letter: str, parts: Parts) -> Parts:
    return replace(parts, weights=lambda w: w._replace(U={**w.U, letter: w.U[letter].T}))


_register_transposed()


@forward("weights", "CELL-1")
def transposes_the_input_weights_where_they_are_square(parts: Parts) -> Parts:
    """W is used transposed where I = H, where nothing else would notice."""
    return replace(parts, weights=lambda w: w._replace(W=_each(lambda a: a.T if a.shape[0] == a.shape[1] else a, w.W)))


@forward("weights", "CELL-1")
def uses_one_recurrent_matrix_for_all_gates(parts: Parts) -> Parts:
    """U_i is used in every gate."""
    return replace(parts, weights=lambda w: w._replace(U=_swapped(w.U, "iiii")))


@forward("weights", "CELL-2")
def uses_the_input_gates_weights_for_the_forget_gate(parts: Parts) -> Parts:
    """W_i is used in place of W_f."""
    return replace(parts, weights=lambda w: w._replace(W=_swapped(w.W, "iigo")))


@forward("weights", "CELL-4")
def ignores_the_last_input(parts: Parts) -> Parts:
    """The loop over inputs ends one too early."""
    return replace(parts, inputs=lambda x: anp.concatenate([x[..., :-1], x[..., -1:] * 0], axis=2))


# ---------------------------------------------------------------- bias


@forward("bias", "CELL-1", "intel/torch-xpu-ops#3770")
def drops_the_bias(parts: Parts) -> Parts:
    """The biases are taken as zero."""
    return replace(parts, weights=lambda w: w._replace(b=_each(lambda a: a * 0, w.b)))


@forward("bias", "CELL-1", "ddbourgin/numpy-ml#42")
def drops_the_recurrent_bias(parts: Parts) -> Parts:
    """Of two biases that are half of ours each, one is used."""
    return replace(parts, weights=lambda w: w._replace(b=_each(lambda a: a / 2, w.b)))


@forward("bias", "CELL-1", "ddbourgin/numpy-ml#42")
def adds_the_bias_twice(parts: Parts) -> Parts:
    """The bias is added with the input and with the hidden state."""
    return replace(parts, weights=lambda w: w._replace(b=_each(lambda a: a * 2, w.b)))


@forward("bias", "CELL-2")
def uses_the_input_gates_bias_for_the_forget_gate(parts: Parts) -> Parts:
    """b_i is used in place of b_f."""
    return replace(parts, weights=lambda w: w._replace(b=_swapped(w.b, "iigo")))


@forward("bias", "CELL-4")
def drops_the_bias_of_the_output_gate(parts: Parts) -> Parts:
    """b_o is taken as zero."""
    return replace(parts, weights=lambda w: w._replace(b={**w.b, "o": w.b["o"] * 0}))


@forward("bias", "CELL-2", "TensorFlow 1, Haiku: forget bias added at run time")
def adds_one_to_the_forget_bias(parts: Parts) -> Parts:
    """1 is added to the forget gate's pre-activation on every call."""
    return replace(parts, weights=lambda w: w._replace(b={**w.b, "f": w.b["f"] + 1}))


# ---------------------------------------------------------------- state


@forward("state", "SEQ-4", "onnx/onnx-tensorflow#408")
def ignores_the_initial_hidden_state(parts: Parts) -> Parts:
    """h_0 is taken as zero."""
    return replace(parts, initial=lambda h, c: (h * 0, c))


@forward("state", "SEQ-4", "onnx/onnx-tensorflow#409")
def ignores_the_initial_cell_state(parts: Parts) -> Parts:
    """c_0 is taken as zero."""
    return replace(parts, initial=lambda h, c: (h, c * 0))


@forward("state", "SEQ-4", "apple/coremltools#263")
def resets_the_state_at_each_call(parts: Parts) -> Parts:
    """Every call starts from zeros."""
    return replace(parts, initial=lambda h, c: (h * 0, c * 0))


@forward("state", "SEQ-4")
def swaps_hidden_and_cell_state(parts: Parts) -> Parts:
    """h_0 is read as c_0 and c_0 as h_0."""
    return replace(parts, initial=lambda h, c: (c, h))


@forward("state", "SEQ-4", "pytorch/pytorch#95137")
def takes_a_hidden_state_without_cell_state_as_none(parts: Parts) -> Parts:
    """Where c_0 is all zero, h_0 is dropped too."""
    return replace(parts, initial=lambda h, c: (h if getval(c).any() else h * 0, c))


@forward("state", "SEQ-4")
def starts_every_sample_from_the_first_ones_state(parts: Parts) -> Parts:
    """The state of sample 0 is broadcast over the batch."""
    return replace(parts, initial=lambda h, c: (h[:1] + h * 0, c[:1] + c * 0))


@forward("state", "SEQ-3")
def returns_the_cell_state_one_step_old(parts: Parts) -> Parts:
    """c_{T-1} is returned for c_T."""
    return replace(parts, returned=lambda hs, cs: (hs[1:], hs[-1], cs[-2:][0]))


@forward("state", "SEQ-3")
def returns_both_states_one_step_old(parts: Parts) -> Parts:
    """The state before the last step is returned."""
    return replace(parts, returned=lambda hs, cs: (hs[1:], hs[-2:][0], cs[-2:][0]))


@forward("state", "SEQ-3")
def returns_the_squashed_cell_state(parts: Parts) -> Parts:
    """tanh(c_T) is returned for c_T."""
    return replace(parts, returned=lambda hs, cs: (hs[1:], hs[-1], anp.tanh(cs[-1])))


@forward("state", "SEQ-1")
def resets_the_state_every_hundred_steps(parts: Parts) -> Parts:
    """A chunked reader forgets the state at the border of its chunks."""
    return replace(parts, carried=lambda t, h, c: (h * 0, c * 0) if t and t % 100 == 0 else (h, c))


@forward("state", "SEQ-1")
def does_not_carry_the_hidden_state(parts: Parts) -> Parts:
    """Every step reads h_0."""
    first: list[Value] = []

    def carried(t: int, h: Value, c: Value) -> tuple[Value, Value]:
        if t == 0:
            first[:] = [h]
        return first[0], c

    return replace(parts, carried=carried)


# ---------------------------------------------------------------- sequence and layout


@forward("sequence", "NUM-2", "fast-math kernels")
def reads_nan_as_zero(parts: Parts) -> Parts:
    """A NaN in the input is read as 0."""
    return replace(parts, inputs=lambda x: anp.where(anp.isnan(x), 0, x))


@forward("sequence", "SEQ-1", "webmachinelearning/webnn-baseline#97")
def reads_the_sequence_backwards(parts: Parts) -> Parts:
    """The last input is read first."""
    return replace(parts, inputs=lambda x: x[::-1])


@forward("sequence", "SEQ-1")
def reads_each_input_one_step_late(parts: Parts) -> Parts:
    """Step t reads x_{t-1}, and the first step x_0."""
    return replace(parts, inputs=lambda x: anp.concatenate([x[:1], x[:-1]]))


@forward("sequence", "SEQ-2")
def outputs_the_state_before_the_step(parts: Parts) -> Parts:
    """y_t is h_{t-1}."""
    return replace(parts, returned=lambda hs, cs: (hs[:-1], hs[-1], cs[-1]))


@forward("sequence", "SEQ-1")
def skips_the_steps_beyond_five_hundred(parts: Parts) -> Parts:
    """Inputs beyond a fixed buffer are read as zero."""
    return replace(parts, inputs=lambda x: anp.concatenate([x[:500], x[500:] * 0]) if len(x) > 500 else x)


@forward("layout", "SEQ-1", "pytorch/pytorch#80306")
def swaps_batch_and_time_where_they_are_equal(parts: Parts) -> Parts:
    """x is read (B, T, I) where T = B, where nothing else would notice."""
    return replace(parts, inputs=lambda x: anp.swapaxes(x, 0, 1) if x.shape[0] == x.shape[1] else x)


@forward("layout", "NET-1")
def reshapes_where_it_should_transpose(parts: Parts) -> Parts:
    """x (T, B, I) is laid out anew as (B, T, I), which mixes samples and steps."""

    def inputs(x: Value) -> Value:
        T, B, I = x.shape
        return anp.swapaxes(anp.reshape(x, (B, T, I)), 0, 1)

    return replace(parts, inputs=inputs)


@forward("layout", "NET-1")
def lets_the_samples_leak(parts: Parts) -> Parts:
    """A little of the batch's mean is mixed into every sample."""
    return replace(parts, inputs=lambda x: x + 1e-3 * anp.mean(x, axis=1, keepdims=True).astype(x.dtype))


# ---------------------------------------------------------------- cell


@forward("cell", "CELL-5", "MartinuzziFrancesco/torchrecurrent#22")
def adds_the_input_gate_to_the_candidate(parts: Parts) -> Parts:
    """c = f c + i + g."""
    return replace(parts, cell=lambda k, c: k["f"] * c + k["i"] + k["g"])


@forward("cell", "CELL-5")
def always_forgets(parts: Parts) -> Parts:
    """c = i g."""
    return replace(parts, cell=lambda k, c: k["i"] * k["g"] + c * 0)


@forward("cell", "CELL-5", "the cell of 1997 has no forget gate")
def never_forgets(parts: Parts) -> Parts:
    """c = c + i g."""
    return replace(parts, cell=lambda k, c: c + k["i"] * k["g"])


@forward("cell", "CELL-2", "the coupled gates of Greff et al. 2017")
def ties_the_forget_gate_to_the_input_gate(parts: Parts) -> Parts:
    """f = 1 - i."""
    return replace(parts, cell=lambda k, c: (1 - k["i"]) * c + k["i"] * k["g"])


@forward("cell", "CELL-1")
def lets_everything_in(parts: Parts) -> Parts:
    """i = 1."""
    return replace(parts, cell=lambda k, c: k["f"] * c + k["g"])


@forward("cell", "CELL-6")
def does_not_squash_the_cell_state(parts: Parts) -> Parts:
    """h = o c."""
    return replace(parts, squash=lambda c: c)


@forward("cell", "CELL-6")
def squashes_after_the_output_gate(parts: Parts) -> Parts:
    """h = tanh(o c)."""
    return replace(parts, hidden=lambda k, c, before, squash: squash(k["o"] * c))


@forward("cell", "CELL-6")
def shows_the_cell_state_of_the_step_before(parts: Parts) -> Parts:
    """h = o tanh(c_{t-1})."""
    return replace(parts, hidden=lambda k, c, before, squash: k["o"] * squash(before) + 0 * c)


@forward("cell", "CELL-3")
def uses_the_logistic_function_for_the_candidate(parts: Parts) -> Parts:
    """g = σ(z_g)."""
    return replace(parts, candidate=sigmoid)


@forward("cell", "CELL-3")
def does_not_squash_the_candidate(parts: Parts) -> Parts:
    """g = z_g."""
    return replace(parts, candidate=lambda z: z)


@forward("cell", "CELL-3")
def rectifies_the_candidate(parts: Parts) -> Parts:
    """g = max(z_g, 0)."""
    return replace(parts, candidate=lambda z: anp.maximum(z, 0))


# ---------------------------------------------------------------- activation


@forward("activation", "ACT-1", "clab/dynet#1525")
def uses_a_hard_sigmoid_of_slope_one_fifth(parts: Parts) -> Parts:
    """σ(z) is clip(0.2 z + 0.5, 0, 1)."""
    return replace(parts, sigmoid=lambda z: anp.clip(0.2 * z + 0.5, 0, 1))


@forward("activation", "ACT-1")
def uses_a_hard_sigmoid_of_slope_one_sixth(parts: Parts) -> Parts:
    """σ(z) is clip(z / 6 + 0.5, 0, 1)."""
    return replace(parts, sigmoid=lambda z: anp.clip(z / 6 + 0.5, 0, 1))


@forward("activation", "ACT-2", "ARM-software/ComputeLibrary#779")
def uses_a_rational_tanh(parts: Parts) -> Parts:
    """tanh by a continued fraction, wrong by up to 1e-4 above 1."""
    return replace(parts, candidate=_rational_tanh, squash=_rational_tanh)


def _rational_tanh(z: Value) -> Value:
    q = anp.clip(z, -5, 5)
    s = q * q
    return anp.clip(q * (135135 + s * (17325 + s * (378 + s))) / (135135 + s * (62370 + s * (3150 + 28 * s))), -1, 1)


@forward("activation", "ACT-3", "textbook form exp(z) / (1 + exp(z))")
def overflows_in_the_sigmoid(parts: Parts) -> Parts:
    """σ(z) is exp(z) / (1 + exp(z)), which is NaN for large z."""
    return replace(parts, sigmoid=lambda z: anp.exp(z) / (1 + anp.exp(z)))


@forward("activation", "ACT-1")
def cuts_the_sigmoid_off_beyond_eight(parts: Parts) -> Parts:
    """σ(z) is that of z clipped to [-8, 8]."""
    return replace(parts, sigmoid=lambda z: sigmoid(anp.clip(z, -8, 8)))


@forward("activation", "ACT-2")
def cuts_the_tanh_off_beyond_four(parts: Parts) -> Parts:
    """tanh(z) is that of z clipped to [-4, 4]."""
    tanh = _clipped_tanh
    return replace(parts, candidate=tanh, squash=tanh)


def _clipped_tanh(z: Value) -> Value:
    return anp.tanh(anp.clip(z, -4, 4))


# ---------------------------------------------------------------- precision


@forward("precision", "ACC-1", "microsoft/onnxruntime, precision disputes")
def accumulates_in_float16(parts: Parts) -> Parts:
    """Products are summed up in 16 bits."""

    def product(x: Value, W: Value) -> Value:
        total = x[..., :1] * W[:, 0] * 0
        for k in range(x.shape[-1]):
            total = rounded(total + x[..., k : k + 1] * W[:, k], np.float16)
        return total

    return replace(parts, product=product)


@forward("precision", "ACC-1", "pytorch/pytorch#175845")
def multiplies_in_tf32(parts: Parts) -> Parts:
    """The factors of every product are cut to 10 bits."""
    return replace(parts, product=lambda x, W: anp.dot(tf32(x), tf32(W).T))


@forward("precision", "ACC-1")
def keeps_the_cell_state_in_float16(parts: Parts) -> Parts:
    """c is stored in 16 bits from step to step."""
    return replace(parts, cell=lambda k, c: rounded(k["f"] * c + k["i"] * k["g"], np.float16))


@forward("precision", "ACC-1")
def takes_the_biases_in_float32(parts: Parts) -> Parts:
    """The biases of a float64 LSTM are constants in float32."""
    return replace(parts, weights=lambda w: w._replace(b=_each(lambda a: rounded(a, np.float32), w.b)))


@forward("precision", "ACC-1")
def takes_the_tanh_in_float32(parts: Parts) -> Parts:
    """The tanh of a float64 LSTM is the one for float32."""

    def tanh(z: Value) -> Value:
        return rounded(anp.tanh(z), np.float32)

    return replace(parts, candidate=tanh, squash=tanh)


@forward("precision", "ACC-1")
def computes_in_float32_throughout(parts: Parts) -> Parts:
    """A float64 problem is answered in float32 and cast back."""

    def product(x: Value, W: Value) -> Value:
        return rounded(anp.dot(x, W.T), np.float32)

    return replace(parts, product=product, carried=lambda t, h, c: (rounded(h, np.float32), rounded(c, np.float32)))


# ---------------------------------------------------------------- clip


def _register_clips() -> None:
    for limit in (3, 10, 50):
        name = f"clips_the_cell_state_at_{limit}"
        sentence, source = f"c is silently kept within [-{limit}, {limit}].", "microsoft/onnxruntime#27224"
        _add(Fault(name, "clip", "CELL-5", sentence, source, "forward", partial(_clipped, limit)))


def _clipped(limit: float, parts: Parts) -> Parts:
    return replace(parts, cell=lambda k, c: anp.clip(k["f"] * c + k["i"] * k["g"], -limit, limit))


_register_clips()


@forward("clip", "SEQ-3")
def clips_the_cell_state_it_returns(parts: Parts) -> Parts:
    """c_T is clipped at 3 on the way out; what is carried is not."""
    return replace(parts, returned=lambda hs, cs: (hs[1:], hs[-1], anp.clip(cs[-1], -3, 3)))


@forward("clip", "CELL-1")
def clips_what_the_gates_read(parts: Parts) -> Parts:
    """Inputs are kept within [-2, 2]."""
    return replace(parts, inputs=lambda x: anp.clip(x, -2, 2))


# ---------------------------------------------------------------- gradient


def _register_truncations() -> None:
    for steps in (1, 50, 100, 200):
        name = f"truncates_the_gradient_after_{steps}_steps"
        sentence, source = f"Back-propagation through time is cut off every {steps} steps.", "pytorch/pytorch#96416"
        _add(Fault(name, "gradient", "GRAD-3", sentence, source, "gradient", partial(_truncated, steps)))


def _truncated(steps: int, parts: Parts) -> Parts:
    return replace(parts, carried=lambda t, h, c: (stop(h), stop(c)) if t and t % steps == 0 else (h, c))


_register_truncations()


@gradient("gradient", "GRAD-3", "the truncated gradient of 1997")
def drops_the_path_through_the_hidden_state(parts: Parts) -> Parts:
    """No gradient returns through U."""
    return replace(parts, recurrent=stop)


@gradient("gradient", "GRAD-1")
def drops_the_path_through_the_cell_state(parts: Parts) -> Parts:
    """No gradient returns along the cell."""
    return replace(parts, cell=lambda k, c: k["f"] * stop(c) + k["i"] * k["g"])


@gradient("gradient", "GRAD-2")
def holds_the_forget_gate_constant(parts: Parts) -> Parts:
    """The forget gate has no gradient of its own."""
    return replace(parts, cell=lambda k, c: stop(k["f"]) * c + k["i"] * k["g"])


@gradient("gradient", "GRAD-7")
def ignores_the_gradient_of_the_final_hidden_state(parts: Parts) -> Parts:
    """dL/dh_T is taken as zero."""
    return replace(parts, cotangents=lambda d: replace(d, state=State(d.state.h * 0, d.state.c)))


@gradient("gradient", "GRAD-7", "apache/mxnet#17818")
def ignores_the_gradient_of_the_final_cell_state(parts: Parts) -> Parts:
    """dL/dc_T is taken as zero."""
    return replace(parts, cotangents=lambda d: replace(d, state=State(d.state.h, d.state.c * 0)))


@gradient("gradient", "GRAD-7")
def ignores_the_gradient_of_all_outputs_but_the_last(parts: Parts) -> Parts:
    """dL/dy_t is read for t = T alone."""
    return replace(parts, cotangents=lambda d: replace(d, y=np.concatenate([d.y[:-1] * 0, d.y[-1:]])))


@primitive
def _tanh_with_slope_one_minus_y(z: Value) -> Value:
    return np.tanh(z)


defvjp(_tanh_with_slope_one_minus_y, lambda y, z: lambda d: d * (1 - y))


@primitive
def _sigmoid_with_slope_s(z: Value) -> Value:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


defvjp(_sigmoid_with_slope_s, lambda s, z: lambda d: d * s)


@primitive
def _sigmoid_with_overflowing_slope(z: Value) -> Value:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


defvjp(_sigmoid_with_overflowing_slope, lambda s, z: lambda d: d * np.exp(z) / (1 + np.exp(z)) ** 2)


@gradient("gradient", "GRAD-2")
def takes_the_slope_of_tanh_as_one_minus_y(parts: Parts) -> Parts:
    """1 - y in place of 1 - y²."""
    return replace(parts, candidate=_tanh_with_slope_one_minus_y, squash=_tanh_with_slope_one_minus_y)


@gradient("gradient", "GRAD-1")
def takes_the_slope_of_the_squashed_cell_as_one_minus_y(parts: Parts) -> Parts:
    """1 - tanh(c) in place of 1 - tanh²(c), at the cell alone."""
    return replace(parts, squash=_tanh_with_slope_one_minus_y)


@gradient("gradient", "GRAD-2")
def takes_the_slope_of_sigmoid_as_itself(parts: Parts) -> Parts:
    """s in place of s (1 - s)."""
    return replace(parts, sigmoid=_sigmoid_with_slope_s)


@gradient("overflow", "ACT-3", "tinygrad/tinygrad#1113")
def overflows_in_the_slope_of_the_sigmoid(parts: Parts) -> Parts:
    """exp(z) / (1 + exp(z))², which is NaN for large z."""
    return replace(parts, sigmoid=_sigmoid_with_overflowing_slope)


def _changed_gates(change: Callable[[str, Gate], Gate]) -> Callable[[Problem, Gradients], Gradients]:
    def changed(problem: Problem, g: Gradients) -> Gradients:
        layer = g.parameters[0][0]
        i, f, c, o = (change(k, getattr(layer, k)) for k in GATES)
        return replace(g, parameters=((Parameters(i, f, c, o),),))

    return changed


@gradient("gradient", "GRAD-4", "hanbt/learn_dl#53")
def leaves_out_the_gradient_of_one_bias(parts: Parts) -> Parts:
    """db_o is zero."""
    return replace(parts, gradients=_changed_gates(lambda k, g: g._replace(b=g.b * (k != "o"))))


@gradient("gradient", "GRAD-4")
def leaves_out_the_gradient_of_the_recurrent_weights(parts: Parts) -> Parts:
    """dU is zero."""
    return replace(parts, gradients=_changed_gates(lambda k, g: g._replace(U=g.U * 0)))


@gradient("gradient", "GRAD-4")
def gives_one_gate_the_gradient_of_another(parts: Parts) -> Parts:
    """dW_f is dW_i."""

    def changed(problem: Problem, g: Gradients) -> Gradients:
        layer = g.parameters[0][0]
        return replace(g, parameters=((layer._replace(f=layer.f._replace(W=layer.i.W)),),))  # type: ignore[union-attr]

    return replace(parts, gradients=changed)


@gradient("gradient", "GRAD-4")
def averages_the_parameter_gradients_over_the_batch(parts: Parts) -> Parts:
    """They are divided by B."""

    def averaged(problem: Problem, g: Gradients) -> Gradients:
        change = _changed_gates(lambda k, gate: Gate(*(a / problem.x.shape[1] for a in gate[:3])))
        return change(problem, g)

    return replace(parts, gradients=averaged)


@gradient("gradient", "GRAD-4")
def transposes_the_gradient_of_the_recurrent_weights(parts: Parts) -> Parts:
    """dUᵀ is returned for dU."""
    return replace(parts, gradients=_changed_gates(lambda k, g: g._replace(U=g.U.T.copy())))


@around("gradient", "gradient", "GRAD-4")
def misses_the_last_step_in_the_recurrent_weights(right: Backend) -> Backend:
    """dU is summed over all steps but the last."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.gradients(problem, d)  # type: ignore[misc]
        before = right.forward(replace(problem, x=problem.x[:-1])).state
        last = replace(problem, x=problem.x[-1:], state=before)
        _, of_last = right.gradients(last, replace(d, y=d.y[-1:]))  # type: ignore[misc]
        missed = of_last.parameters[0][0]
        return answer, _changed_gates(lambda k, gate: gate._replace(U=gate.U - getattr(missed, k).U))(problem, g)

    return replace(right, gradients=gradients)


@gradient("gradient", "GRAD-6")
def leaves_out_the_gradient_of_the_initial_hidden_state(parts: Parts) -> Parts:
    """dh_0 is zero."""
    return replace(parts, gradients=lambda problem, g: replace(g, state=State(g.state.h * 0, g.state.c)))


@around("gradient", "gradient", "GRAD-6")
def leaves_the_forget_gate_out_of_the_initial_cell_gradient(right: Backend) -> Backend:
    """dc_0 is dc_1, without its f_1."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.gradients(problem, d)  # type: ignore[misc]
        if len(problem.x) == 0:
            return answer, g
        gate = problem.layer.f
        assert gate is not None
        f = sigmoid(problem.x[0] @ gate.W.T + problem.state.h[0] @ gate.U.T + gate.b)
        c = (g.state.c / np.maximum(f, limits(f.dtype).tiny)).astype(problem.dtype)
        return answer, replace(g, state=g.state._replace(c=c))

    return replace(right, gradients=gradients)


@gradient("gradient", "GRAD-5")
def leaves_out_the_input_gradient_of_the_first_step(parts: Parts) -> Parts:
    """dx_1 is zero."""
    return replace(parts, gradients=lambda p, g: replace(g, x=np.concatenate([g.x[:1] * 0, g.x[1:]])))


@gradient("gradient", "GRAD-7")
def clips_the_gradient(parts: Parts) -> Parts:
    """Every gradient is kept within [-1, 1]."""

    def clip(a: Value) -> Value:
        return np.clip(a, -1, 1)

    def clipped(problem: Problem, g: Gradients) -> Gradients:
        g = _changed_gates(lambda k, gate: Gate(*map(clip, gate[:3])))(problem, g)
        return replace(g, x=clip(g.x), state=State(*map(clip, g.state)))

    return replace(parts, gradients=clipped)


# ---------------------------------------------------------------- pass


@gradient("pass", "GRAD-8", "dropout left on")
def drops_units_out_in_the_gradient_pass(parts: Parts) -> Parts:
    """Every second unit of h is not read while training."""

    def dropped(h: Value) -> Value:
        return h * (np.arange(h.shape[-1]) % 2 == 0).astype(getval(h).dtype)

    return replace(parts, recurrent=dropped)


@gradient("pass", "GRAD-8")
def differentiates_an_lstm_without_initial_state(parts: Parts) -> Parts:
    """The gradient pass starts from zeros."""
    return replace(parts, initial=lambda h, c: (h * 0, c * 0))


# ---------------------------------------------------------------- contract


@contract("CONTRACT-1")
def writes_the_final_state_into_the_initial_one(right: Backend) -> Backend:
    """The given c_0 is overwritten with c_T."""

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        if problem.state.c.flags.writeable:
            problem.state.c[...] = answer.state.c
        return answer

    return replace(right, forward=forward)


@contract("CONTRACT-1")
def scales_the_cotangents_in_place(right: Backend) -> Backend:
    """dL/dy is halved where it lies, after it was used."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        found = right.gradients(problem, d)  # type: ignore[misc]
        if d.y.flags.writeable:
            d.y[...] /= 2
        return found

    return replace(right, gradients=gradients)


@contract("SHAPE-6")
def loses_an_empty_batch(right: Backend) -> Backend:
    """An empty batch is answered as if it had one sample."""
    claimed = replace(right.description, features=right.description.features | {Feature.EMPTY_BATCH})

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        T, B, _, H = problem.sizes
        return replace(answer, y=np.zeros((T, 1, H), problem.dtype)) if B == 0 else answer

    return replace(right, forward=forward, description=claimed)


@contract("SHAPE-6", "a mean over no samples")
def divides_by_an_empty_batch(right: Backend) -> Backend:
    """The parameter gradients of an empty batch are 0/0."""
    claimed = replace(right.description, features=right.description.features | {Feature.EMPTY_BATCH})

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.gradients(problem, d)  # type: ignore[misc]
        if problem.x.shape[1] == 0:
            g = _changed_gates(lambda k, gate: Gate(*(np.full_like(a, np.nan) for a in gate[:3])))(problem, g)
        return answer, g

    return replace(right, gradients=gradients, description=claimed)


@contract("SHAPE-2", "tensorflow/tensorflow#60192")
def answers_in_float64(right: Backend) -> Backend:
    """Every output is float64, whatever was asked; at float64 the cell state is float32."""

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        other = np.float64 if problem.dtype == np.float32 else np.float32
        return Answer(answer.y.astype(other), State(*(a.astype(other) for a in answer.state)))

    return replace(right, forward=forward)


@contract("SHAPE-4", "tracel-ai/burn#872")
def drops_an_axis_of_length_one(right: Backend) -> Backend:
    """y loses its batch axis where B = 1."""

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        return replace(answer, y=answer.y[:, 0]) if problem.x.shape[1] == 1 else answer

    return replace(right, forward=forward)


@contract("SHAPE-3")
def drops_an_axis_of_length_one_from_the_gradient(right: Backend) -> Backend:
    """dx loses its last axis where I = 1."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.gradients(problem, d)  # type: ignore[misc]
        return answer, replace(g, x=g.x[..., 0]) if g.x.shape[-1] == 1 else g

    return replace(right, gradients=gradients)


@contract("SHAPE-1")
def drops_the_layer_axis_of_the_state(right: Backend) -> Backend:
    """h_T and c_T are (B, H)."""

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        return replace(answer, state=State(answer.state.h[0], answer.state.c[0]))

    return replace(right, forward=forward)


@contract("SHAPE-3")
def returns_the_input_gradient_batch_first(right: Backend) -> Backend:
    """dx is (B, T, I)."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.gradients(problem, d)  # type: ignore[misc]
        return answer, replace(g, x=np.swapaxes(g.x, 0, 1))

    return replace(right, gradients=gradients)


@contract("CONTRACT-2")
def answers_differently_each_time(right: Backend) -> Backend:
    """The last bits are random, though it claims to be deterministic."""
    rng = np.random.default_rng()

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        noise = (1 + rng.choice([-1, 1], answer.y.shape) * limits(problem.dtype).eps).astype(problem.dtype)
        y = answer.y * noise
        return Answer(y, answer.state._replace(h=y[-1:])) if len(y) else answer

    return replace(right, forward=forward)


@contract("CONTRACT-2")
def keeps_the_weights_of_the_first_call(right: Backend) -> Backend:
    """Weights are cached by their shape."""
    cache: dict[Any, Any] = {}

    def forward(problem: Problem) -> Answer:
        key = (problem.sizes[2:], problem.dtype)
        return right.forward(replace(problem, parameters=cache.setdefault(key, problem.parameters)))

    return replace(right, forward=forward)


@contract("CONTRACT-2")
def answers_in_one_buffer(right: Backend) -> Backend:
    """The memory of an answer is used again for the next one of its shape."""
    buffers: dict[Any, Any] = {}

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        y = buffers.setdefault((answer.y.shape, answer.y.dtype), answer.y)
        y[...] = answer.y
        return replace(answer, y=y)

    return replace(right, forward=forward)


@contract("CONTRACT-2", "gradients added to those of the call before")
def accumulates_gradients_over_calls(right: Backend) -> Backend:
    """Every gradient of a call is added to that of the last call of the same shape."""
    before: dict[Any, Gradients] = {}

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.gradients(problem, d)  # type: ignore[misc]
        key = (problem.sizes, problem.dtype)
        before[key] = _summed(before[key], g) if key in before else g
        return answer, before[key]

    return replace(right, gradients=gradients)


def _summed(one: Gradients, other: Gradients) -> Gradients:
    layer = other.parameters[0][0]
    i, f, g, o = (
        Gate(*(a + b for a, b in zip(k[:3], getattr(layer, letter)[:3], strict=True)))
        for letter, k in zip(GATES, one.parameters[0][0][:4], strict=True)
        if isinstance(k, Gate)
    )
    state = State(*(a + b for a, b in zip(one.state, other.state, strict=True)))
    return Gradients(((Parameters(i, f, g, o),),), one.x + other.x, state)


@contract("CONTRACT-4")
def reads_memory_in_a_row(right: Backend) -> Backend:
    """Strides are ignored: the numbers are read as they lie in memory."""

    def forward(problem: Problem) -> Answer:
        return right.forward(replace(problem, x=_in_a_row(problem.x)))

    return replace(right, forward=forward)


def _in_a_row(a: Value) -> Value:
    base = a if a.base is None else a.base
    flat = np.frombuffer(base.tobytes(order="A"), a.dtype) if base.dtype == a.dtype else a.ravel()
    return np.resize(flat, a.shape)


@contract("CONTRACT-3", "chainer/chainer#5436")
def answers_problems_that_do_not_fit(right: Backend) -> Backend:
    """Superfluous inputs, units and samples are cut off."""

    def forward(problem: Problem) -> Answer:
        return right.forward(_cut_to_size(problem))

    return replace(right, forward=forward)


def _cut_to_size(problem: Problem) -> Problem:
    H, I = problem.layer.g.W.shape
    B = problem.x.shape[1]
    i, f, g, o = (Gate(k.W, k.U[:, :H], k.b[:H]) for k in problem.layer[:4] if isinstance(k, Gate))
    state = State(*(a[:, :B] for a in problem.state))
    return replace(problem, parameters=((Parameters(i, f, g, o),),), x=problem.x[..., :I], state=state)


ALL_FAULTS = FAULTS | NETWORK_FAULTS  # each is a target; the kill matrix and the selftest are of FAULTS
