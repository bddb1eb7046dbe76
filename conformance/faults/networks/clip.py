"""Known faults: the bound on the cell state."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults import network_parts
from conformance.faults.network_parts import Memory, Network, Reader
from conformance.faults.networks.catalogue import forward, gradient, wherever
from conformance.faults.primitives import Value, graded, sigmoid
from lstm_spec import State


def clipped(r: Reader, a: Value) -> Value:
    return a if np.isinf(r.bound) else anp.clip(a, -r.bound, r.bound)


def bounding(change: Callable[[Reader, Value], Value]) -> Callable[[Reader, Value, Value], tuple[Value, Value]]:
    """What is made of the cell state where there is a bound, shown and carried on."""
    return lambda r, raw, old: (raw, raw) if np.isinf(r.bound) else (change(r, raw),) * 2


@forward("cell clip", "VAR-5")
def ignores_the_bound(parts: Network) -> Network:
    """The cell state is not bounded."""
    return replace(parts, bounded=bounding(lambda r, raw: raw))


@forward("cell clip", "VAR-5")
def ignores_the_bound_above_the_first_layer(parts: Network) -> Network:
    """The cell states of the layers above are not bounded."""
    return replace(parts, bounded=bounding(lambda r, raw: raw if r.layer else clipped(r, raw)))


@forward("cell clip", "VAR-5")
def ignores_the_bound_where_there_are_peepholes(parts: Network) -> Network:
    """The cell state is not bounded where the gates see it."""
    return replace(parts, bounded=bounding(lambda r, raw: raw if r.kind == "peephole" else clipped(r, raw)))


@forward("cell clip", "VAR-5")
def carries_the_unbounded_cell_state(parts: Network) -> Network:
    """What is shown and returned is bounded, what is carried on is not."""

    def final(r: Reader, states: list[Memory]) -> State:
        h, c, _ = states[-1]
        return State(h, wherever((r.lengths > 0)[:, None], clipped(r, c), c))

    return replace(parts, bounded=lambda r, raw, old: (raw, clipped(r, raw)), final=final)


@forward("cell clip", "VAR-5")
def bounds_only_what_is_shown(parts: Network) -> Network:
    """What is carried on and returned is not bounded."""
    return replace(parts, bounded=lambda r, raw, old: (raw, clipped(r, raw)))


@forward("cell clip", "VAR-5", "microsoft/onnxruntime#27224")
def shows_the_unbounded_cell_state(parts: Network) -> Network:
    """What is carried on is bounded, what is shown is not."""
    return replace(parts, bounded=lambda r, raw, old: (clipped(r, raw), raw))


@forward("cell clip", "VAR-5", "ONNX: the attribute clip")
def bounds_the_pre_activations_instead(parts: Network) -> Network:
    """Every pre-activation is bounded, the cell state is not."""

    def opened(r: Reader, gate: str, z: Value, received: Value | None) -> Value:
        return sigmoid(clipped(r, z if received is None else z + received))

    return replace(
        parts,
        opened=opened,
        candidate=lambda r, z, received: network_parts.candidate(r, clipped(r, z), received),
        bounded=bounding(lambda r, raw: raw),
    )


@forward("cell clip", "VAR-5")
def bounds_the_hidden_state_instead(parts: Network) -> Network:
    """The hidden state is bounded, the cell state is not."""
    return replace(parts, hidden=clipped, bounded=bounding(lambda r, raw: raw))


@forward("cell clip", "VAR-4", "TensorFlow 1: proj_clip")
def bounds_the_projection_too(parts: Network) -> Network:
    """The bound of the cell state is that of the projection, too."""
    return replace(parts, projected=lambda r, shown: clipped(r, network_parts.projected(r, shown)))


@forward("cell clip", "VAR-5")
def bounds_from_above_alone(parts: Network) -> Network:
    """c_t = min(c_t, k)."""
    return replace(parts, bounded=bounding(lambda r, raw: anp.minimum(raw, r.bound)))


@forward("cell clip", "VAR-5")
def bounds_smoothly(parts: Network) -> Network:
    """c_t = k tanh(c_t / k)."""
    return replace(parts, bounded=bounding(lambda r, raw: r.bound * anp.tanh(raw / r.bound)))


@forward("cell clip", "VAR-5", "tf.raw_ops.BlockLSTM: cell_clip=3")
def bounds_at_three_whatever_is_asked(parts: Network) -> Network:
    """Where there is a bound, it is 3."""
    return replace(parts, bounded=bounding(lambda r, raw: anp.clip(raw, -3, 3)))


@forward("cell clip", "VAR-5")
def bounds_the_initial_state_too(parts: Network) -> Network:
    """c_0 is bounded before the first step."""
    return replace(parts, start=lambda r, p, s, after: s._replace(c=clipped(r, s.c)))


@gradient("cell clip", "VAR-6", "allenai/allennlp#862")
def passes_the_gradient_through_the_bound(parts: Network) -> Network:
    """The derivative of the bound is 1 everywhere."""
    return replace(parts, bounded=bounding(lambda r, raw: graded(clipped(r, raw), raw)))
