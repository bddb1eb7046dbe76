"""Known faults: the bound on the cell state."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults.networks.registering import forward, gradient
from conformance.faults.parts import Memory, Parts, Reader
from conformance.faults.primitives import Value, replace_gradient, select_where, sigmoid
from lstm_spec import State


def clip_cell(r: Reader, a: Value) -> Value:
    """a within the bound of the cell state."""
    return a if np.isinf(r.bound) else anp.clip(a, -r.bound, r.bound)


def bound_by(change: Callable[[Reader, Value], Value]) -> Callable[[Reader, Value], tuple[Value, Value]]:
    """If there is a bound, the changed cell state is both shown and carried on."""
    return lambda r, raw: (raw, raw) if np.isinf(r.bound) else (change(r, raw),) * 2


@forward("cell clip", "VAR-5")
def ignores_the_bound(parts: Parts) -> Parts:
    """The cell state is not bounded."""
    return replace(parts, bound=bound_by(lambda r, raw: raw))


@forward("cell clip", "VAR-5")
def ignores_the_bound_above_the_first_layer(parts: Parts) -> Parts:
    """The cell states of the layers above are not bounded."""
    return replace(parts, bound=bound_by(lambda r, raw: raw if r.layer else clip_cell(r, raw)))


@forward("cell clip", "VAR-5")
def ignores_the_bound_where_there_are_peepholes(parts: Parts) -> Parts:
    """The cell state is not bounded if the gates see it."""
    return replace(parts, bound=bound_by(lambda r, raw: raw if r.kind.name == "peephole" else clip_cell(r, raw)))


@forward("cell clip", "VAR-5")
def carries_the_unbounded_cell_state(parts: Parts) -> Parts:
    """The cell state is bounded when shown and returned, not when carried on."""

    def final(r: Reader, states: list[Memory]) -> State:
        h, c, _ = states[-1]
        return State(h, select_where((r.lengths > 0)[:, None], clip_cell(r, c), c))

    return replace(parts, bound=lambda r, raw: (raw, clip_cell(r, raw)), final=final)


@forward("cell clip", "VAR-5")
def bounds_only_what_is_shown(parts: Parts) -> Parts:
    """The cell state is bounded when shown, not when carried on and returned."""
    return replace(parts, bound=lambda r, raw: (raw, clip_cell(r, raw)))


@forward("cell clip", "VAR-5", "microsoft/onnxruntime#27224")
def shows_the_unbounded_cell_state(parts: Parts) -> Parts:
    """The cell state is bounded when carried on, not when shown."""
    return replace(parts, bound=lambda r, raw: (clip_cell(r, raw), raw))


@forward("cell clip", "VAR-5", "ONNX: the attribute clip")
def bounds_the_pre_activations_instead(parts: Parts) -> Parts:
    """Every pre-activation is bounded, the cell state is not."""

    return replace(
        parts,
        open_gate=lambda r, gate, z, received: sigmoid(clip_cell(r, z if received is None else z + received)),
        candidate=lambda r, z, received: parts.candidate(r, clip_cell(r, z), received),
        bound=bound_by(lambda r, raw: raw),
    )


@forward("cell clip", "VAR-5")
def bounds_the_hidden_state_instead(parts: Parts) -> Parts:
    """The hidden state is bounded, the cell state is not."""
    return replace(parts, hidden=clip_cell, bound=bound_by(lambda r, raw: raw))


@forward("cell clip", "VAR-4", "TensorFlow 1: proj_clip")
def bounds_the_projection_too(parts: Parts) -> Parts:
    """The projection is bounded like the cell state."""
    return replace(parts, project=lambda r, shown: clip_cell(r, parts.project(r, shown)))


@forward("cell clip", "VAR-5")
def bounds_from_above_alone(parts: Parts) -> Parts:
    """c_t = min(c_t, k)."""
    return replace(parts, bound=bound_by(lambda r, raw: anp.minimum(raw, r.bound)))


@forward("cell clip", "VAR-5")
def bounds_smoothly(parts: Parts) -> Parts:
    """c_t = k tanh(c_t / k)."""
    return replace(parts, bound=bound_by(lambda r, raw: r.bound * anp.tanh(raw / r.bound)))


@forward("cell clip", "VAR-5", "tf.raw_ops.BlockLSTM: cell_clip=3")
def bounds_at_three_whatever_is_asked(parts: Parts) -> Parts:
    """If there is a bound, it is 3."""
    return replace(parts, bound=bound_by(lambda r, raw: anp.clip(raw, -3, 3)))


@forward("cell clip", "VAR-5")
def bounds_the_initial_state_too(parts: Parts) -> Parts:
    """c_0 is bounded before the first step."""
    return replace(parts, start=lambda r, p, s, after: s._replace(c=clip_cell(r, s.c)))


@gradient("cell clip", "VAR-6", "allenai/allennlp#862")
def passes_the_gradient_through_the_bound(parts: Parts) -> Parts:
    """The derivative of the bound is 1 everywhere."""
    return replace(parts, bound=bound_by(lambda r, raw: replace_gradient(clip_cell(r, raw), raw)))
