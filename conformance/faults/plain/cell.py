"""Known faults: the cell and its activations."""

from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults.parts import Parts, open_by, squash_candidate_by, squash_cell_by
from conformance.faults.plain.registering import forward
from conformance.faults.primitives import Value, replace_slope, sigmoid


@forward("cell", "CELL-5", "MartinuzziFrancesco/torchrecurrent#22")
def adds_the_input_gate_to_the_candidate(parts: Parts) -> Parts:
    """c = f c + i + g."""
    return replace(parts, cell=lambda r, k, c: k["f"] * c + k["i"] + k["g"])


@forward("cell", "CELL-5")
def always_forgets(parts: Parts) -> Parts:
    """c = i g."""
    return replace(parts, cell=lambda r, k, c: k["i"] * k["g"] + c * 0)


@forward("cell", "CELL-5", "the cell of 1997 has no forget gate")
def never_forgets(parts: Parts) -> Parts:
    """c = c + i g."""
    return replace(parts, cell=lambda r, k, c: c + k["i"] * k["g"])


@forward("cell", "CELL-2", "the coupled gates of Greff et al. 2017")
def ties_the_forget_gate_to_the_input_gate(parts: Parts) -> Parts:
    """f = 1 - i."""
    return replace(parts, cell=lambda r, k, c: (1 - k["i"]) * c + k["i"] * k["g"])


@forward("cell", "CELL-1")
def lets_everything_in(parts: Parts) -> Parts:
    """The input gate is i = 1."""
    return replace(parts, cell=lambda r, k, c: k["f"] * c + k["g"])


@forward("cell", "CELL-6")
def does_not_squash_the_cell_state(parts: Parts) -> Parts:
    """h = o c."""
    return replace(parts, squash=lambda r, c: c)


@forward("cell", "CELL-6")
def squashes_after_the_output_gate(parts: Parts) -> Parts:
    """h = tanh(o c)."""
    return replace(parts, show=lambda r, o, c, before, squash: squash(r, o * c))


@forward("cell", "CELL-6")
def shows_the_cell_state_of_the_step_before(parts: Parts) -> Parts:
    """h = o tanh(c_{t-1})."""
    return replace(parts, show=lambda r, o, c, before, squash: o * squash(r, before) + 0 * c)


@forward("cell", "CELL-3")
def uses_the_logistic_function_for_the_candidate(parts: Parts) -> Parts:
    """The candidate is g = σ(z_g)."""
    return replace(parts, candidate=squash_candidate_by(sigmoid))


@forward("cell", "CELL-3")
def does_not_squash_the_candidate(parts: Parts) -> Parts:
    """The candidate is g = z_g."""
    return replace(parts, candidate=squash_candidate_by(lambda z: z))


@forward("cell", "CELL-3")
def rectifies_the_candidate(parts: Parts) -> Parts:
    """g = max(z_g, 0)."""
    return replace(parts, candidate=squash_candidate_by(lambda z: anp.maximum(z, 0)))


# ---------------------------------------------------------------- activation


@forward("activation", "ACT-1", "clab/dynet#1525")
def uses_a_hard_sigmoid_of_slope_one_fifth(parts: Parts) -> Parts:
    """σ(z) is clip(0.2 z + 0.5, 0, 1)."""
    return replace(parts, open_gate=open_by(lambda z: anp.clip(0.2 * z + 0.5, 0, 1)))


@forward("activation", "ACT-1")
def uses_a_hard_sigmoid_of_slope_one_sixth(parts: Parts) -> Parts:
    """σ(z) is clip(z / 6 + 0.5, 0, 1)."""
    return replace(parts, open_gate=open_by(lambda z: anp.clip(z / 6 + 0.5, 0, 1)))


@forward("activation", "ACT-2", "ARM-software/ComputeLibrary#779")
def uses_a_rational_tanh(parts: Parts) -> Parts:
    """tanh by a continued fraction, wrong by up to 1e-4 above 1."""
    return replace(parts, candidate=squash_candidate_by(_rational_tanh), squash=squash_cell_by(_rational_tanh))


def _rational_tanh(z: Value) -> Value:
    q = anp.clip(z, -5, 5)
    s = q * q
    return anp.clip(q * (135135 + s * (17325 + s * (378 + s))) / (135135 + s * (62370 + s * (3150 + 28 * s))), -1, 1)


@forward("activation", "ACT-3", "textbook form exp(z) / (1 + exp(z))")
def overflows_in_the_sigmoid(parts: Parts) -> Parts:
    """σ(z) is exp(z) / (1 + exp(z)), which is NaN for large z."""
    return replace(parts, open_gate=open_by(lambda z: anp.exp(z) / (1 + anp.exp(z))))


_overflowing_sigmoid = replace_slope(lambda z: 1 / (1 + np.exp(-z)), lambda d, s, z: d * s * (1 - s))


@forward("activation", "ACT-4", "1 / (1 + exp(-z)) as in textbooks")
def overflows_where_a_gate_is_shut(parts: Parts) -> Parts:
    """σ(z) is 1 / (1 + exp(-z)), in which exp overflows for z far below 0."""
    return replace(parts, open_gate=open_by(_overflowing_sigmoid))


@forward("activation", "ACT-1")
def cuts_the_sigmoid_off_beyond_eight(parts: Parts) -> Parts:
    """σ(z) is that of z clipped to [-8, 8]."""
    return replace(parts, open_gate=open_by(lambda z: sigmoid(anp.clip(z, -8, 8))))


@forward("activation", "ACT-2")
def cuts_the_tanh_off_beyond_four(parts: Parts) -> Parts:
    """tanh(z) is that of z clipped to [-4, 4]."""
    return replace(parts, candidate=squash_candidate_by(_clip_tanh), squash=squash_cell_by(_clip_tanh))


def _clip_tanh(z: Value) -> Value:
    return anp.tanh(anp.clip(z, -4, 4))
