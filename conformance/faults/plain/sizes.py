"""Known faults: what is right at most sizes, and wrong beyond a block, a counter or a launch, or at one size."""

from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults.parts import Parts, Reader
from conformance.faults.plain.registering import change_arrays, forward
from conformance.faults.primitives import Value


def read_inputs_as_zero(x: Value, kept: int, axis: int) -> Value:
    """x, with zeros beyond the first `kept` along the axis."""
    first, rest = anp.split(x, [kept], axis)
    return anp.concatenate([first, rest * 0], axis)


@forward("sizes", "NET-2", "vector loads without a tail", part="inputs")
def drops_the_inputs_beyond_whole_fours(r: Reader, x: Value) -> Value:
    """If there are more than four inputs, the last I modulo 4 are not read."""
    I = x.shape[2]
    return read_inputs_as_zero(x, I // 4 * 4, 2) if I > 4 and I % 4 else x


@forward("sizes", "SEQ-1", "an index of 8 bits", part="inputs")
def counts_the_steps_in_8_bits(r: Reader, x: Value) -> Value:
    """After 256 steps the first inputs are read again."""
    return x[np.arange(len(x)) % 256] if len(x) > 256 else x


@forward("sizes", "NET-1", "the second dimension of a CUDA grid has 65,535 blocks", part="inputs")
def launches_65535_samples_at_most(r: Reader, x: Value) -> Value:
    """The inputs of the samples beyond 65,535 are read as zero."""
    return read_inputs_as_zero(x, 65535, 1) if x.shape[1] > 65535 else x


@forward("sizes", "CELL-4", "a kernel of its own for one size")
def drops_the_bias_of_the_output_gate_at_64_units(parts: Parts) -> Parts:
    """If H = 64, there is no b_o."""
    return replace(parts, weights=change_arrays("o", "b", lambda b: b * 0 if len(b) == 64 else b))
