"""Known faults: projection."""

from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults import network_parts
from conformance.faults.network_parts import Network, Reader, Shown
from conformance.faults.networks.catalogue import forward, gradient, zeros
from conformance.faults.primitives import Value, graded, rounded, stop
from lstm_spec import Parameters, State


def is_square(R: Value) -> bool:
    return bool(R.shape[0] == R.shape[1])


@forward("projection", "VAR-4", "PaddlePaddle/Paddle#15605: proj_activation")
def squashes_the_projection(parts: Network) -> Network:
    """h = tanh(R m)."""
    return replace(parts, projected=lambda r, shown: anp.tanh(network_parts.projected(r, shown)))


@forward("projection", "VAR-4")
def rounds_the_projection_to_16_bits(parts: Network) -> Network:
    """h is R m, rounded to float16."""
    return replace(parts, projected=lambda r, shown: rounded(network_parts.projected(r, shown), np.float16))


@forward("projection", "VAR-4")
def ignores_a_square_projection(parts: Network) -> Network:
    """h = m where P = H, as in cuDNN."""
    return replace(
        parts, projected=lambda r, shown: shown.m if is_square(shown.R) else network_parts.projected(r, shown)
    )


@forward("projection", "VAR-4")
def takes_the_first_units_for_a_projection(parts: Network) -> Network:
    """h is the first P numbers of m."""
    return replace(parts, projected=lambda r, shown: shown.m[:, : shown.R.shape[0]])  # type: ignore[union-attr]


def _unprojected(r: Reader, h: Value, shown: Shown) -> Value:
    """As many numbers of it as h has."""
    return h if shown.R is None else shown.m[:, : h.shape[1]]


@forward("projection", "VAR-4", "rdspring1/PyTorch_GBW_LM#2")
def feeds_back_what_is_not_projected(parts: Network) -> Network:
    """The next step reads m, as far as it is wide."""
    return replace(parts, fed=_unprojected)


@forward("projection", "VAR-4")
def projects_the_outputs_alone(parts: Network) -> Network:
    """The next step reads m, and the final state is m, as far as they are wide."""
    return replace(parts, fed=_unprojected, final=lambda r, states: State(states[-1].fed, states[-1].c))


@forward("projection", "VAR-4")
def projects_before_the_output_gate(parts: Network) -> Network:
    """h = o R tanh(c)."""

    def projected(r: Reader, shown: Shown) -> Value:
        h = anp.dot(shown.squashed, shown.R.T)  # type: ignore[union-attr]
        return shown.o[:, : h.shape[1]] * h

    return replace(parts, projected=projected)


@forward("projection", "VAR-4")
def projects_the_cell_state(parts: Network) -> Network:
    """h = o tanh(R c)."""

    def projected(r: Reader, shown: Shown) -> Value:
        c = anp.dot(shown.c, shown.R.T)  # type: ignore[union-attr]
        return shown.o[:, : c.shape[1]] * network_parts.squash(r, c)

    return replace(parts, projected=projected)


@forward("projection", "VAR-4", "PaddlePaddle/Paddle#7792, #15605")
def projects_the_initial_state(parts: Network) -> Network:
    """Where P = H, h_0 is projected, too."""

    def start(r: Reader, p: Parameters, s: State, after: dict[int, State]) -> State:
        return s if p.R is None or not is_square(p.R) else s._replace(h=anp.dot(s.h, p.R.T))

    return replace(parts, start=start)


@gradient("projection", "VAR-4")
def takes_the_gradient_of_the_projection_from_the_outputs_alone(parts: Network) -> Network:
    """dR has nothing from the recurrence."""

    def fed(r: Reader, h: Value, shown: Shown) -> Value:
        return h if shown.R is None else graded(h, anp.dot(shown.m, stop(shown.R).T))

    return replace(parts, fed=fed)


@gradient("projection", "VAR-4")
def leaves_out_the_gradient_of_the_projection(parts: Network) -> Network:
    """dR is zero."""
    return replace(parts, projected=lambda r, shown: anp.dot(shown.m, stop(shown.R).T))


@gradient("projection", "VAR-4")
def transposes_a_square_projection_in_the_gradient(parts: Network) -> Network:
    """Where P = H, dm = R dh."""

    def projected(r: Reader, shown: Shown) -> Value:
        R, m = shown.R, shown.m
        if not is_square(R):
            return network_parts.projected(r, shown)
        return anp.dot(stop(m), R.T) + graded(zeros(m), anp.dot(m, stop(R)))  # type: ignore[union-attr]

    return replace(parts, projected=projected)
