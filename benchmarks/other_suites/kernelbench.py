"""The check of KernelBench, level 3, problems 35 to 38 (Ouyang et al. 2025), written from its description.

Six layers of default weights read 512 steps that are uniform in [0, 1). One array is compared, by allclose at 1e-2: in
problems 35 and 38 ten numbers that a linear layer makes of the last output, in 36 the final h, in 37 the final c. Each
layer, in each direction, is a run of the backend.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from backends.numpy.backend import BACKEND
from conformance.problems.question import change_arrays
from lstm_spec import Array, Backend, Gate, Parameters, Problem, State

TOLERANCE = 1e-2  # rtol and atol
STEPS, LAYERS, OUTPUTS = 512, 6, 10
Run = tuple[Array, State]  # y (T, B, D*H), and the final states of all layers


class Weights(NamedTuple):
    """A stack of layers, and what it is asked."""

    rows: tuple[tuple[Parameters, ...], ...]  # [layer][direction]
    x: Array  # (T, B, I)
    state: State


class Check(NamedTuple):
    """One problem of the benchmark: its sizes, and what is compared."""

    number: int
    B: int
    I: int
    H: int
    D: int
    view: Callable[[Run, Array], Array]  # of the run and the weights of the linear layer
    states: str = "rand"  # how the initial states are drawn


FIRST = Check(35, 10, 128, 256, 1, lambda run, fc: run[0][-1] @ fc, "randn")
OTHERS = (
    Check(37, 3, 64, 128, 1, lambda run, fc: run[1].c),
    Check(38, 3, 64, 128, 2, lambda run, fc: run[0][-1] @ fc),
    Check(36, 10, 128, 256, 1, lambda run, fc: run[1].h),
)


def draw_weights(rng: np.random.Generator, L: int, D: int, T: int, B: int, I: int, H: int, states: str) -> Weights:
    """Weights as torch.nn.LSTM draws them, an input in [0, 1), and initial states that are uniform or normal."""

    def draw(*shape: int) -> Array:
        return rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(np.sqrt(H))

    def draw_gate(width: int) -> Gate:
        return Gate(draw(H, width), draw(H, H), draw(H) + draw(H))  # torch has two biases

    def draw_parameters(width: int) -> Parameters:
        i, f, g, o = (draw_gate(width) for _ in "ifgo")
        return Parameters(i, f, g, o)

    rows = [[draw_parameters(D * H if layer else I) for _ in range(D)] for layer in range(L)]
    fill = rng.standard_normal if states == "randn" else rng.random
    h, c = (fill((L * D, B, H)).astype(np.float32) for _ in "hc")
    return Weights(tuple(map(tuple, rows)), rng.random((T, B, I)).astype(np.float32), State(h, c))


def run_layers(backend: Backend, given: Weights) -> Run:
    """What the stack returns if the backend runs every layer in each direction."""
    x, hs, cs = given.x, [], []
    for layer, row in enumerate(given.rows):
        ys = []
        for d, parameters in enumerate(row):
            k = layer * len(row) + d
            turned = x[::-1].copy() if d else x
            start = State(given.state.h[k : k + 1], given.state.c[k : k + 1])
            problem = Problem(((parameters,),), turned, start)
            answer = backend.forward(change_arrays(problem, np.copy))  # a fault may write into what it is given
            ys.append(answer.y[::-1] if d else answer.y)
            hs.append(answer.state.h)
            cs.append(answer.state.c)
        x = np.concatenate(ys, axis=2)
    return x, State(np.concatenate(hs), np.concatenate(cs))


@cache
def _prepare(check: Check) -> tuple[Weights, Array, Array]:
    """The question, the weights of the linear layer (D*H, 10), and what is expected."""
    rng = np.random.default_rng(check.number)
    given = draw_weights(rng, LAYERS, check.D, STEPS, check.B, check.I, check.H, check.states)
    fc = rng.uniform(-1, 1, (check.D * check.H, OUTPUTS)).astype(np.float32) / np.float32(np.sqrt(check.D * check.H))
    return given, fc, check.view(run_layers(BACKEND, given), fc)


def is_passed(backend: Backend, check: Check) -> bool:
    """Whether the backend's numbers are as near as the benchmark wants them."""
    given, fc, expected = _prepare(check)
    try:
        with np.errstate(all="ignore"):
            found = check.view(run_layers(backend, given), fc)
    except (ValueError, TypeError, IndexError):  # arrays of wrong shape or dtype cannot be put together
        return False
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE))


def notices_fault(backend: Backend, checks: Sequence[Check] = OTHERS) -> bool:
    """Whether one of the problems is failed; the first is the quickest."""
    return any(not is_passed(backend, check) for check in checks)
