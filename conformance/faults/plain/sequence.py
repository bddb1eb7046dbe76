"""Known faults: sequence and layout."""

from dataclasses import replace

import autograd.numpy as anp

from conformance.faults.parts import Parts, Reader
from conformance.faults.plain.registering import forward
from conformance.faults.primitives import Value


@forward("sequence", "NUM-2", "fast-math kernels")
def reads_nan_as_zero(parts: Parts) -> Parts:
    """A NaN in the input is read as 0."""
    return replace(parts, inputs=lambda r, x: anp.where(anp.isnan(x), 0, x))


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
