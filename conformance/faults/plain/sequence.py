"""Known faults: the state, initial and final; sequence and layout."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval

from conformance.faults.parts import Memory, Parts, Reader
from conformance.faults.plain.registering import forward
from conformance.faults.primitives import Value, replace_gradient
from lstm_spec import State


def start_from(change: Callable[[Value, Value], tuple[Value, Value]]) -> Callable[..., State]:
    """The state that a layer starts from, made of the given one."""
    return lambda r, p, s, after: State(*change(*s))


@forward("state", "SEQ-4", "onnx/onnx-tensorflow#408")
def ignores_the_initial_hidden_state(parts: Parts) -> Parts:
    """h_0 is taken as zero."""
    return replace(parts, start=start_from(lambda h, c: (h * 0, c)))


@forward("state", "SEQ-4", "onnx/onnx-tensorflow#409")
def ignores_the_initial_cell_state(parts: Parts) -> Parts:
    """c_0 is taken as zero."""
    return replace(parts, start=start_from(lambda h, c: (h, c * 0)))


@forward("state", "SEQ-4", "apple/coremltools#263")
def resets_the_state_at_each_call(parts: Parts) -> Parts:
    """Every call starts from zeros."""
    return replace(parts, start=start_from(lambda h, c: (h * 0, c * 0)))


@forward("state", "SEQ-4")
def swaps_hidden_and_cell_state(parts: Parts) -> Parts:
    """h_0 is read as c_0 and c_0 as h_0."""
    return replace(parts, start=start_from(lambda h, c: (c, h) if h.shape == c.shape else (h, c)))


@forward("state", "SEQ-4", "pytorch/pytorch#95137")
def takes_a_hidden_state_without_cell_state_as_none(parts: Parts) -> Parts:
    """If c_0 is all zero, h_0 is dropped."""
    return replace(parts, start=start_from(lambda h, c: (h if getval(c).any() else h * 0, c)))


@forward("state", "SEQ-4")
def starts_every_sample_from_the_first_ones_state(parts: Parts) -> Parts:
    """The state of sample 0 is broadcast over the batch."""
    return replace(parts, start=start_from(lambda h, c: (h[:1] + h * 0, c[:1] + c * 0)))


@forward("state", "SEQ-3")
def returns_the_cell_state_one_step_old(parts: Parts) -> Parts:
    """c_{T-1} is returned for c_T."""
    return replace(parts, final=lambda r, states: State(states[-1].h, states[-2:][0].c))


@forward("state", "SEQ-3")
def returns_both_states_one_step_old(parts: Parts) -> Parts:
    """The state before the last step is returned."""
    return replace(parts, final=lambda r, states: parts.final(r, states[-2:][:1]))


@forward("state", "SEQ-3")
def returns_the_squashed_cell_state(parts: Parts) -> Parts:
    """tanh(c_T) is returned for c_T."""
    return replace(parts, final=lambda r, states: State(states[-1].h, anp.tanh(states[-1].c)))


@forward("state", "SEQ-1")
def resets_the_state_every_hundred_steps(parts: Parts) -> Parts:
    """A chunked reader forgets the state at the border of its chunks."""
    return replace(parts, carry=lambda t, now: Memory(*(a * 0 for a in now)) if t and t % 100 == 0 else now)


@forward("state", "SEQ-1")
def does_not_carry_the_hidden_state(parts: Parts) -> Parts:
    """Every step reads h_0."""
    first: list[Value] = []

    def carry(t: int, now: Memory) -> Memory:
        if t == 0:
            first[:] = [now.fed]
        return now._replace(fed=first[0])

    return replace(parts, carry=carry)


# ---------------------------------------------------------------- sequence


@forward("sequence", "NUM-2", "fast-math kernels")
def reads_nan_as_zero(parts: Parts) -> Parts:
    """A NaN in the input is read as 0."""
    return replace(parts, inputs=lambda r, x: anp.where(anp.isnan(x), 0, x))


@forward("sequence", "SEQ-5", "onnxruntime: DynamicQuantizeLSTM", part="inputs")
def rounds_the_inputs_by_the_largest_of_all_steps(r: Reader, x: Value) -> Value:
    """x is rounded to 8 bits, in steps of a 127th of the largest number of the whole sequence."""
    step = np.abs(getval(x)).max(initial=0) / 127 or 1
    return replace_gradient((np.round(getval(x) / step) * step).astype(x.dtype), x)


@forward("sequence", "SEQ-1", "webmachinelearning/webnn-baseline#97")
def reads_the_sequence_backwards(parts: Parts) -> Parts:
    """The last input is read first."""
    return replace(parts, inputs=lambda r, x: x[::-1])


@forward("sequence", "SEQ-1")
def reads_each_input_one_step_late(parts: Parts) -> Parts:
    """Step t reads x_{t-1}, and the first step x_0."""
    return replace(parts, inputs=lambda r, x: anp.concatenate([x[:1], x[:-1]]))


@forward("sequence", "SEQ-2")
def outputs_the_state_before_the_step(parts: Parts) -> Parts:
    """The output y_t is h_{t-1}."""
    return replace(parts, output=lambda r, valid, new, after, before: before.h)


@forward("sequence", "SEQ-1")
def skips_the_steps_beyond_five_hundred(parts: Parts) -> Parts:
    """Inputs beyond a fixed buffer are read as zero."""
    return replace(parts, inputs=lambda r, x: anp.concatenate([x[:500], x[500:] * 0]) if len(x) > 500 else x)


@forward("layout", "SEQ-1", "pytorch/pytorch#80306")
def swaps_batch_and_time_where_they_are_equal(parts: Parts) -> Parts:
    """x is read (B, T, I) where T = B, where nothing else would notice."""
    return replace(parts, inputs=lambda r, x: anp.swapaxes(x, 0, 1) if x.shape[0] == x.shape[1] else x)


@forward("layout", "NET-1", part="inputs")
def reshapes_where_it_should_transpose(r: Reader, x: Value) -> Value:
    """x (T, B, I) is laid out anew as (B, T, I), which mixes samples and steps."""
    T, B, I = x.shape
    return anp.swapaxes(anp.reshape(x, (B, T, I)), 0, 1)


@forward("layout", "NET-1")
def lets_the_samples_leak(parts: Parts) -> Parts:
    """A little of the batch's mean is mixed into every sample."""
    return replace(parts, inputs=lambda r, x: x + 1e-3 * anp.mean(x, axis=1, keepdims=True).astype(x.dtype))
