"""Known faults: precision and clipping."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval

from conformance.faults.fault import Fault, add_fault
from conformance.faults.parts import Memory, Parts, squash_candidate_by, squash_cell_by, update_cell
from conformance.faults.plain.registering import change_arrays, forward
from conformance.faults.primitives import Value, replace_gradient, round_to
from lstm_spec import State
from lstm_spec.types import GATES


def cut_to_tf32(a: Value) -> Value:
    """Cut to the 10 fraction bits of TF32."""
    kept = (getval(a).astype(np.float32).view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)
    return replace_gradient(kept.view(np.float32).astype(a.dtype), a)


def multiply_by(product: Callable[[Value, Value], Value]) -> Callable[..., Value]:
    """Pre-activations whose products x Wᵀ are made by that function."""
    return lambda x, W, h, U, b: product(x, W) + product(h, U) + b


# ---------------------------------------------------------------- precision


@forward("precision", "ACC-1", "microsoft/onnxruntime, precision disputes")
def accumulates_in_float16(parts: Parts) -> Parts:
    """Products are summed up in 16 bits."""

    def product(x: Value, W: Value) -> Value:
        total = x[..., :1] * W[:, 0] * 0
        for k in range(x.shape[-1]):
            total = round_to(total + x[..., k : k + 1] * W[:, k], np.float16)
        return total

    return replace(parts, preactivation=multiply_by(product))


@forward("precision", "ACC-1", "pytorch/pytorch#175845")
def multiplies_in_tf32(parts: Parts) -> Parts:
    """The factors of every product are cut to 10 bits."""
    return replace(parts, preactivation=multiply_by(lambda x, W: anp.dot(cut_to_tf32(x), cut_to_tf32(W).T)))


@forward("precision", "ACC-1")
def keeps_the_cell_state_in_float16(parts: Parts) -> Parts:
    """c is stored in 16 bits from step to step."""
    return replace(parts, cell=lambda r, k, c: round_to(update_cell(r, k, c), np.float16))


@forward("precision", "ACC-1")
def takes_the_biases_in_float32(parts: Parts) -> Parts:
    """The biases of a float64 LSTM are constants in float32."""
    return replace(parts, weights=change_arrays(GATES, "b", lambda b: round_to(b, np.float32)))


@forward("precision", "ACC-1")
def takes_the_tanh_in_float32(parts: Parts) -> Parts:
    """The tanh of a float64 LSTM is the one for float32."""

    def tanh(z: Value) -> Value:
        return round_to(anp.tanh(z), np.float32)

    return replace(parts, candidate=squash_candidate_by(tanh), squash=squash_cell_by(tanh))


@forward("precision", "ACC-1")
def computes_in_float32_throughout(parts: Parts) -> Parts:
    """A float64 problem is answered in float32 and cast back."""

    def product(x: Value, W: Value) -> Value:
        return round_to(anp.dot(x, W.T), np.float32)

    def carry(t: int, now: Memory) -> Memory:
        return Memory(*(round_to(a, np.float32) for a in now))

    return replace(parts, preactivation=multiply_by(product), carry=carry)


# ---------------------------------------------------------------- clip


def _clip_at(limit: float, parts: Parts) -> Parts:
    return replace(parts, cell=lambda r, k, c: anp.clip(update_cell(r, k, c), -limit, limit))


for limit in (3, 10, 50):
    name, sentence = f"clips_the_cell_state_at_{limit}", f"c is silently kept within [-{limit}, {limit}]."
    change = partial(_clip_at, limit)
    add_fault(Fault(name, "clip", "CELL-5", sentence, "microsoft/onnxruntime#27224", "forward", change))


@forward("clip", "SEQ-3")
def clips_the_cell_state_it_returns(parts: Parts) -> Parts:
    """c_T is clipped at 3 on the way out; what is carried is not."""
    return replace(parts, final=lambda r, states: State(states[-1].h, anp.clip(states[-1].c, -3, 3)))


@forward("clip", "CELL-1")
def clips_what_the_gates_read(parts: Parts) -> Parts:
    """Inputs are kept within [-2, 2]."""
    return replace(parts, inputs=lambda r, x: anp.clip(x, -2, 2))
