"""Known faults: gradients, and the pass that is differentiated."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from autograd.tracer import getval

from conformance.arrays import limits
from conformance.faults.fault import Fault, add_fault
from conformance.faults.parts import Memory, Parts, open_by, squash_candidate_by, squash_cell_by, update_cell
from conformance.faults.plain.registering import (
    around,
    change_arrays,
    change_each,
    change_gates,
    change_parameters,
    gradient,
    take_arrays,
)
from conformance.faults.plain.sequence import start_from
from conformance.faults.primitives import Value, replace_slope, sigmoid, stop_gradient
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import GATES


def _truncate_after(steps: int, parts: Parts) -> Parts:
    return replace(parts, carry=lambda t, now: Memory(*map(stop_gradient, now)) if t and t % steps == 0 else now)


for steps in (1, 50, 100, 200):
    name, change = f"truncates_the_gradient_after_{steps}_steps", partial(_truncate_after, steps)
    sentence = f"Back-propagation through time is cut off every {steps} steps."
    add_fault(Fault(name, "gradient", "GRAD-3", sentence, "pytorch/pytorch#96416", "gradient", change))


@gradient("gradient", "GRAD-3", "the truncated gradient of 1997")
def drops_the_path_through_the_hidden_state(parts: Parts) -> Parts:
    """No gradient returns through U."""
    return replace(parts, carry=lambda t, now: now._replace(fed=stop_gradient(now.fed)))


@gradient("gradient", "GRAD-1")
def drops_the_path_through_the_cell_state(parts: Parts) -> Parts:
    """No gradient returns along the cell."""
    return replace(parts, cell=lambda r, k, c: update_cell(r, k, stop_gradient(c)))


def change_cell_gradient(change: Callable[[Value], Value]) -> Callable[[int, Memory], Memory]:
    """Every step starts from the right cell state, whose gradient is changed on its way back."""
    changed = replace_slope(lambda c: c, lambda d, y, c: change(d))
    return lambda t, now: now._replace(c=changed(now.c))


@gradient("gradient", "FLOW-1", "gradients that are kept in half precision")
def rounds_the_gradient_of_the_cell_to_16_bits(parts: Parts) -> Parts:
    """dc is stored in float16 from step to step."""
    return replace(parts, carry=change_cell_gradient(lambda d: d.astype(np.float16).astype(d.dtype)))


@gradient("gradient", "FLOW-2", "Graves 2013, arXiv:1308.0850, clips the derivatives at each step")
def clips_the_gradient_of_the_cell_at_each_step(parts: Parts) -> Parts:
    """dc is kept within [-1, 1]."""
    return replace(parts, carry=change_cell_gradient(lambda d: np.clip(d, -1, 1)))


@gradient("gradient", "FLOW-3", "float16 without subnormals")
def loses_a_gradient_of_the_cell_that_has_decayed(parts: Parts) -> Parts:
    """dc is 0 below 2⁻¹⁴."""
    return replace(parts, carry=change_cell_gradient(lambda d: np.where(np.abs(d) < 2.0**-14, np.zeros_like(d), d)))


@gradient("gradient", "GRAD-2")
def holds_the_forget_gate_constant(parts: Parts) -> Parts:
    """The forget gate gets no gradient."""
    return replace(parts, cell=lambda r, k, c: update_cell(r, {**k, "f": stop_gradient(k["f"])}, c))


@gradient("gradient", "GRAD-7")
def ignores_the_gradient_of_the_final_hidden_state(parts: Parts) -> Parts:
    """dL/dh_T is taken as zero."""
    return replace(parts, cotangents=lambda problem, d: replace(d, state=State(d.state.h * 0, d.state.c)))


@gradient("gradient", "GRAD-7", "apache/mxnet#17818")
def ignores_the_gradient_of_the_final_cell_state(parts: Parts) -> Parts:
    """dL/dc_T is taken as zero."""
    return replace(parts, cotangents=lambda problem, d: replace(d, state=State(d.state.h, d.state.c * 0)))


@gradient("gradient", "GRAD-7")
def ignores_the_gradient_of_all_outputs_but_the_last(parts: Parts) -> Parts:
    """dL/dy_t is read for t = T only."""
    return replace(parts, cotangents=lambda problem, d: replace(d, y=np.concatenate([d.y[:-1] * 0, d.y[-1:]])))


_steep_tanh = replace_slope(np.tanh, lambda d, y, z: d * (1 - y))
_steep_sigmoid = replace_slope(sigmoid, lambda d, s, z: d * s)
_overflowing_sigmoid = replace_slope(sigmoid, lambda d, s, z: d * np.exp(z) / (1 + np.exp(z)) ** 2)


@gradient("gradient", "GRAD-2")
def takes_the_slope_of_tanh_as_one_minus_y(parts: Parts) -> Parts:
    """1 - y instead of 1 - y²."""
    return replace(parts, candidate=squash_candidate_by(_steep_tanh), squash=squash_cell_by(_steep_tanh))


@gradient("gradient", "GRAD-1")
def takes_the_slope_of_the_squashed_cell_as_one_minus_y(parts: Parts) -> Parts:
    """1 - tanh(c) instead of 1 - tanh²(c), only at the cell state."""
    return replace(parts, squash=squash_cell_by(_steep_tanh))


@gradient("gradient", "GRAD-2")
def takes_the_slope_of_sigmoid_as_itself(parts: Parts) -> Parts:
    """s instead of s (1 - s)."""
    return replace(parts, open_gate=open_by(_steep_sigmoid))


@gradient("overflow", "ACT-3", "tinygrad/tinygrad#1113")
def overflows_in_the_slope_of_the_sigmoid(parts: Parts) -> Parts:
    """exp(z) / (1 + exp(z))², which is NaN for large z."""
    return replace(parts, open_gate=open_by(_overflowing_sigmoid))


@gradient("gradient", "GRAD-4", "hanbt/learn_dl#53")
def leaves_out_the_gradient_of_one_bias(parts: Parts) -> Parts:
    """The gradient db_o is zero."""
    return replace(parts, gradients=change_parameters(change_arrays("o", "b", lambda db: db * 0)))


@gradient("gradient", "GRAD-4")
def leaves_out_the_gradient_of_the_recurrent_weights(parts: Parts) -> Parts:
    """The gradient dU is zero."""
    return replace(parts, gradients=change_parameters(change_arrays(GATES, "U", lambda dU: dU * 0)))


@gradient("gradient", "GRAD-4")
def gives_one_gate_the_gradient_of_another(parts: Parts) -> Parts:
    """dW_i is returned for dW_f."""
    return replace(parts, gradients=change_parameters(take_arrays("W", {"f": "i"})))


@gradient("gradient", "GRAD-4", part="gradients")
def averages_the_parameter_gradients_over_the_batch(problem: Problem, g: Gradients) -> Gradients:
    """They are divided by B."""
    return change_each(lambda a: a / problem.x.shape[1])(problem, g)


@gradient("gradient", "GRAD-4")
def transposes_the_gradient_of_the_recurrent_weights(parts: Parts) -> Parts:
    """dUᵀ is returned for dU."""
    return replace(parts, gradients=change_parameters(change_arrays(GATES, "U", lambda dU: dU.T.copy())))


@around("gradient", "gradient", "GRAD-4", part="gradients")
def misses_the_last_step_in_the_recurrent_weights(
    right: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """dU is summed over all steps but the last."""
    answer, g = right.differentiate(problem, d)
    before = right.forward(replace(problem, x=problem.x[:-1])).state
    last = replace(problem, x=problem.x[-1:], state=before)
    _, of_last = right.differentiate(last, replace(d, y=d.y[-1:]))
    missed = of_last.parameters[0][0]
    change = change_gates(lambda k, gate: gate._replace(U=gate.U - missed.gates[k].U))
    return answer, change_parameters(change)(problem, g)


@gradient("gradient", "GRAD-6")
def leaves_out_the_gradient_of_the_initial_hidden_state(parts: Parts) -> Parts:
    """The gradient dh_0 is zero."""
    return replace(parts, gradients=lambda problem, g: replace(g, state=State(g.state.h * 0, g.state.c)))


@around("gradient", "gradient", "GRAD-6", part="gradients")
def leaves_the_forget_gate_out_of_the_initial_cell_gradient(
    right: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """dc_0 is dc_1, without its f_1."""
    answer, g = right.differentiate(problem, d)
    gate = problem.layer.f
    if len(problem.x) == 0 or gate is None:
        return answer, g
    f = sigmoid(problem.x[0] @ gate.W.T + problem.state.h[0] @ gate.U.T + gate.b)
    c = (g.state.c / np.maximum(f, limits(f.dtype).tiny)).astype(problem.dtype)
    return answer, replace(g, state=g.state._replace(c=c))


@gradient("gradient", "GRAD-5")
def leaves_out_the_input_gradient_of_the_first_step(parts: Parts) -> Parts:
    """The gradient dx_1 is zero."""
    return replace(parts, gradients=lambda p, g: replace(g, x=np.concatenate([g.x[:1] * 0, g.x[1:]])))


@gradient("gradient", "GRAD-7")
def clips_the_gradient(parts: Parts) -> Parts:
    """Every gradient is kept within [-1, 1]."""

    def clip(a: Value) -> Value:
        return np.clip(a, -1, 1)

    def clip_all(problem: Problem, g: Gradients) -> Gradients:
        return replace(change_each(clip)(problem, g), x=clip(g.x), state=State(*map(clip, g.state)))

    return replace(parts, gradients=clip_all)


# ---------------------------------------------------------------- pass


@gradient("pass", "GRAD-8", "dropout left on", part="carry")
def drops_units_out_in_the_gradient_pass(t: int, now: Memory) -> Memory:
    """Every second unit of h is not read while training."""
    h = now.fed
    return now._replace(fed=h * (np.arange(h.shape[-1]) % 2 == 0).astype(getval(h).dtype))


@gradient("pass", "GRAD-8")
def differentiates_an_lstm_without_initial_state(parts: Parts) -> Parts:
    """The gradient pass starts from zeros."""
    return replace(parts, start=start_from(lambda h, c: (h * 0, c * 0)))
