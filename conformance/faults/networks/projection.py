"""Known faults: projection."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults.networks.registering import forward, gradient
from conformance.faults.parts import RIGHT_PARTS, Parts, Reader, Shown, bound_hidden
from conformance.faults.primitives import Value, make_zeros, replace_gradient, round_to, stop_gradient
from lstm_spec import Parameters, State


def is_square(R: Value) -> bool:
    return bool(R.shape[0] == R.shape[1])


@forward("projection", "VAR-4", "PaddlePaddle/Paddle#15605: proj_activation")
def squashes_the_projection(parts: Parts) -> Parts:
    """h = tanh(R m)."""
    return replace(parts, project=lambda r, shown: anp.tanh(parts.project(r, shown)))


@forward("projection", "VAR-4")
def rounds_the_projection_to_16_bits(parts: Parts) -> Parts:
    """h is R m, rounded to float16."""
    return replace(parts, project=lambda r, shown: round_to(parts.project(r, shown), np.float16))


@forward("projection", "VAR-4")
def ignores_a_square_projection(parts: Parts) -> Parts:
    """h = m if P = H, as in cuDNN."""
    return replace(parts, project=lambda r, shown: shown.m if is_square(shown.R) else parts.project(r, shown))


@forward("projection", "VAR-4")
def takes_the_first_units_for_a_projection(parts: Parts) -> Parts:
    """h is the first P numbers of m."""
    return replace(parts, project=lambda r, shown: shown.m[:, : shown.R.shape[0]])


def _without_projection(r: Reader, h: Value, shown: Shown) -> Value:
    """As many numbers of it as h has."""
    return h if shown.R is None else shown.m[:, : h.shape[1]]


@forward("projection", "VAR-4", "rdspring1/PyTorch_GBW_LM#2")
def feeds_back_what_is_not_projected(parts: Parts) -> Parts:
    """The next step reads m, as far as it is wide."""
    return replace(parts, feed=_without_projection)


@forward("projection", "VAR-4")
def projects_the_outputs_alone(parts: Parts) -> Parts:
    """The next step reads m, and the final state is m, as far as they are wide."""
    return replace(parts, feed=_without_projection, final=lambda r, states: State(states[-1].fed, states[-1].c))


@forward("projection", "VAR-4", part="project")
def projects_before_the_output_gate(r: Reader, shown: Shown) -> Value:
    """h = o R tanh(c)."""
    h = anp.dot(RIGHT_PARTS.squash(r, shown.c), shown.R.T)
    return shown.o[:, : h.shape[1]] * h


@forward("projection", "VAR-4", part="project")
def projects_the_cell_state(r: Reader, shown: Shown) -> Value:
    """h = o tanh(R c)."""
    c = anp.dot(shown.c, shown.R.T)
    return shown.o[:, : c.shape[1]] * RIGHT_PARTS.squash(r, c)


@forward("projection", "VAR-4", "PaddlePaddle/Paddle#7792, #15605", part="start")
def projects_the_initial_state(r: Reader, p: Parameters, s: State, after: dict[int, State]) -> State:
    """If P = H, h_0 is also projected."""
    return s if p.R is None or not is_square(p.R) else s._replace(h=anp.dot(s.h, p.R.T))


@gradient("projection", "VAR-4", part="feed")
def takes_the_gradient_of_the_projection_from_the_outputs_alone(r: Reader, h: Value, shown: Shown) -> Value:
    """dR has nothing from the recurrence."""
    return h if shown.R is None else replace_gradient(h, anp.dot(shown.m, stop_gradient(shown.R).T))


@gradient("projection", "VAR-4")
def leaves_out_the_gradient_of_the_projection(parts: Parts) -> Parts:
    """The gradient dR is zero."""
    return replace(parts, project=lambda r, shown: anp.dot(shown.m, stop_gradient(shown.R).T))


@gradient("projection", "VAR-4", part="project")
def transposes_a_square_projection_in_the_gradient(r: Reader, shown: Shown) -> Value:
    """If P = H, dm = R dh."""
    R, m = shown.R, shown.m
    if not is_square(R):
        return RIGHT_PARTS.project(r, shown)
    return anp.dot(stop_gradient(m), R.T) + replace_gradient(make_zeros(m), anp.dot(m, stop_gradient(R)))


# ---------------------------------------------------------------- a bound on it


def change_bounded(change: Callable[[Reader, Value], Value]) -> Callable[[Reader, Value], Value]:
    """If the projection is bounded, the changed hidden state."""
    return lambda r, h: h if np.isinf(r.bound_h) else change(r, h)


@forward("projection clip", "VAR-13", "TensorFlow 1: proj_clip")
def ignores_the_bound_of_the_projection(parts: Parts) -> Parts:
    """The hidden state is not bounded."""
    return replace(parts, hidden=lambda r, h: h)


@forward("projection clip", "VAR-13")
def bounds_the_cell_state_instead_of_the_projection(parts: Parts) -> Parts:
    """The bound of the projection bounds the cell state, and not the hidden state."""

    def bound(r: Reader, raw: Value) -> tuple[Value, Value]:
        c, shown = parts.bound(r, raw)
        return bound_hidden(r, c), bound_hidden(r, shown)

    return replace(parts, bound=bound, hidden=lambda r, h: h)


@forward("projection clip", "VAR-13")
def bounds_the_projection_from_above_only(parts: Parts) -> Parts:
    """h = min(h, k)."""
    return replace(parts, hidden=change_bounded(lambda r, h: anp.minimum(h, r.bound_h)))


@forward("projection clip", "VAR-13")
def feeds_back_the_unbounded_projection(parts: Parts) -> Parts:
    """The hidden state is bounded as output, not when it is read at the next step."""
    return replace(parts, feed=lambda r, h, shown: h if shown.R is None else parts.project(r, shown))


@gradient("projection clip", "VAR-14")
def passes_the_gradient_through_the_bound_of_the_projection(parts: Parts) -> Parts:
    """The derivative of the bound is 1 everywhere."""
    return replace(parts, hidden=change_bounded(lambda r, h: replace_gradient(bound_hidden(r, h), h)))
