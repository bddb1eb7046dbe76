"""One layer in one direction, computed in float64 from whatever it may have taken: its pass and the gradients of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.experiments.term.formula import Formula, Values, compute
from lstm_spec import Parameters, State, pack
from lstm_spec.types import Array

Place = tuple[int, int]  # layer and direction


class Beyond(NamedTuple):
    """What stands for h and c, and where, after a step that does not count: h, c, h′, c′ or 0."""

    h: str = "h"
    c: str = "c"


class Pass(NamedTuple):
    """What one layer in one direction computed of each step, in the order of x."""

    y: Array  # (T, B, H), zero where it does not count
    state: State  # (B, H)
    steps: tuple[Values, ...]
    kept: Array  # (T, B, H): the hidden state after each step
    valid: Array  # (T, B, 1): whether the step counts


def order_steps(T: int, reverse: bool) -> Sequence[int]:
    """The steps in the order of reading."""
    return range(T - 1, -1, -1) if reverse else range(T)


def read(formula: Formula, p: Parameters, x: Array, s: State, valid: Array, reverse: bool, beyond: Beyond) -> Pass:
    """The pass through x (T, B, I) from a state (B, H)."""
    T, steps, now = len(x), dict[int, Values](), s
    y, kept = np.zeros((T, *s.h.shape)), np.zeros((T, *s.h.shape))
    for t in order_steps(T, reverse):
        steps[t] = compute(formula, p, x[t], now)
        after = {**steps[t].of, "0": 0 * now.c}
        y[t] = np.where(valid[t], after["h′"], 0)
        now = State(*(np.where(valid[t], after[f"{k}′"], after[getattr(beyond, k)]) for k in "hc"))
        kept[t] = now.h
    return Pass(y, now, tuple(steps[t] for t in range(T)), kept, valid)


class Cotangents(NamedTuple):
    """Those of the outputs (T, ..., B, H) and of the final state (..., B, H): of several questions if there is more."""

    y: Array
    h: Array
    c: Array


class Swept(NamedTuple):
    """The gradients of one layer in one direction: as many as there are cotangents."""

    W: Array  # (..., 4 H, I)
    U: Array
    b: Array
    x: Array  # (T, ..., B, I)
    h: Array  # (..., B, H)
    c: Array

    @property
    def parameters(self) -> Array:
        """The gradients of W, U and b in one row."""
        W, U, b = self[:3]
        return np.concatenate([a.reshape(*b.shape[:-1], -1) for a in (W, U, b)], axis=-1)


def sweep(tape: Pass, p: Parameters, x: Array, reverse: bool, d: Cotangents) -> Swept:
    """The gradients of a pass of the standard cell; p and x: what is multiplied with, whatever the tape was made of."""
    W, U, _ = (np.asarray(a, np.float64) for a in pack(p)[:3])
    dx, dW, dU, db = np.zeros((*d.y.shape[:-1], x.shape[2])), np.zeros(()), np.zeros(()), np.zeros(())
    _, dh, dc = d
    for t in order_steps(len(x), not reverse):
        here, v = tape.valid[t], tape.steps[t]
        dm = np.where(here, dh + d.y[t], 0)
        dn = np.where(here, dc, 0) + dm * v["o"] * (1 - v["s"] ** 2)
        z = np.concatenate([dn * slope for slope in list_slopes(v.of)] + [dm * v["s"] * v["o"] * (1 - v["o"])], axis=-1)
        turned = z.swapaxes(-1, -2)
        dW, dU, db = dW + turned @ x[t], dU + turned @ v["h"], db + z.sum(-2)
        dx[t], dh, dc = z @ W, np.where(here, z @ U, dh), np.where(here, dn * v["f"], dc)
    return Swept(dW, dU, db, dx, dh, dc)


def list_slopes(v: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """How the cell state depends on the pre-activations of i, f and g."""
    i, f, g = v["i"], v["f"], v["g"]
    return g * i * (1 - i), v["c"] * f * (1 - f), i * (1 - g * g)
